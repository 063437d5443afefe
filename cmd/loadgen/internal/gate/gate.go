// Package gate compares benchmark results of a base with those of one or more heads, and
// says whether they may pass.
//
// It reads Go benchmark text, ours or anyone's, lines up what was measured of the same
// thing on both sides, and has package comparison judge it; of a run of loadgen that
// package makes the pairs, too. What cannot be lined up is an error that names it: nothing
// is left out in silence.
package gate

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchproc"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// Options are what to compare, and how. Row, Col, Filter and Ignore are in the language of
// golang.org/x/perf/benchproc.
type Options struct {
	Inputs []string // PATH or LABEL=PATH; - is Stdin, a directory is that of a run
	Stdin  io.Reader
	Row    string // what is compared; .fullname if it is empty
	// Col is what tells the sides apart, the first value of it being the base. If it is
	// empty that is the input; of one input, which must be a run, its own comparisons are
	// judged.
	Col    string
	Filter string // all if it is empty
	Ignore string
	Config []string // keys of the configuration, besides those of go test and those that the others name
	Paired bool     // the i-th line of one side is of one round with the i-th of the other
	// Interleaved says that the inputs were measured in turn, in whole rounds, which their
	// comments tell. A result of the base that the head lacks in any round is an error.
	Interleaved bool

	// Units are the tidy units that are judged, all others being exploratory. If there are
	// none they are those of File; else all, but of runs their primary ones.
	Units   []string
	Margins map[string]comparison.Margin    // by tidy unit; they go before those of File
	Exact   []string                        // tidy units that are the same each time
	Better  map[string]comparison.Direction // by tidy unit; they go before all else
	File    *File                           // nil for none
	Strict  bool                            // inconclusive is not good enough
	// Noise, if set, tells the noise floor of the units that are judged, in a sentence.
	Noise func(judged func(unit string) bool) string
	Now   time.Time // for what expires
}

// Compare reads and judges. An error says why nothing could be compared.
func Compare(o *Options) (*Report, error) {
	if len(o.Inputs) == 0 {
		return nil, errors.New("nothing to compare: want BASE HEAD, a run, or one input and --col")
	}
	switch run, err := o.ownRun(); {
	case err != nil:
		return nil, err
	case run != nil:
		return o.compareRun(run)
	}
	in, err := read(o.Inputs, o.Stdin, o.declared())
	if err != nil {
		return nil, err
	}
	s, err := arrange(o, in)
	if err != nil {
		return nil, err
	}
	pairs, err := s.pairs()
	if err != nil {
		return nil, err
	}
	defaults := in.judged()
	cells := make([]comparison.Cell, len(pairs))
	for i, p := range pairs {
		cells[i] = comparison.Cell{Name: p.name, Rule: o.rule(p.unit, in.units), Base: p.base.values,
			Head:   p.head.values,
			Paired: p.how.paired, Exploratory: !o.primary(p.unit, defaults)}
	}
	judged, err := comparison.Judge(cells)
	if err != nil {
		return nil, err
	}
	r := o.newReport()
	var all []*comparison.Result
	full := map[*comparison.Result]string{}
	for i := range judged {
		all = append(all, &judged[i])
		full[all[i]] = pairs[i].full()
	}
	warnings, err := o.expect(all, full)
	if err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, s.removals.notes()...)
	r.Warnings = slices.Concat(r.Warnings, in.warnings, s.warnings, s.removals.warnings(), warnings)
	for i, p := range pairs {
		r.add(p.table(), newCell(all[i]))
	}
	return r, r.finish(o, all)
}

// declared returns whether the user names a key: other lines such as "retries: 3" are output of a program.
func (o *Options) declared() func(key string) bool {
	keys := slices.Concat(o.Config, keysIn(o.Filter))
	if o.File != nil {
		keys = append(keys, o.File.Config...)
	}
	if p, err := newProjector(o, 1, nil); err == nil { // else it is said later
		for _, projection := range []*benchproc.Projection{p.row, p.col, p.ignore} {
			for _, f := range projection.Fields() {
				keys = append(keys, f.Name)
			}
		}
	}
	return func(key string) bool { return slices.Contains(keys, key) }
}

// primary reports whether a unit is judged: if neither flags nor the gate file say, whether it is one of defaults,
// which
// are all units if there are none.
func (o *Options) primary(unit string, defaults []string) bool {
	switch {
	case len(o.Units) > 0:
		return slices.Contains(o.Units, unit)
	case o.File != nil && len(o.File.Only) > 0:
		return slices.Contains(o.File.Only, unit)
	}
	return defaults == nil || comparison.IsAmong(defaults, unit)
}

// rule is how a unit is judged: by what is known of it, then by what the inputs say of it,
// then the gate file, then the flags. The margin of an exact unit is 0, unless one is named.
func (o *Options) rule(unit string, said benchfmt.UnitMetadataMap) comparison.Rule {
	r, named := comparison.DefaultRule(unit), false
	if m := said.Get(unit, "better"); m != nil {
		r.Better = map[string]comparison.Direction{"lower": comparison.Lower, "higher": comparison.Higher}[m.Value]
	}
	if m := said.Get(unit, "assume"); m != nil {
		r.Exact = m.Value == "exact"
	}
	if f := o.File; f != nil {
		if better, ok := f.Better[unit]; ok {
			r.Better = better
		}
		if m, ok := f.Margins[unit]; ok {
			r.Margin, named = m, true
		}
		r.Exact = r.Exact || slices.Contains(f.Exact, unit)
	}
	if better, ok := o.Better[unit]; ok {
		r.Better = better
	}
	if m, ok := o.Margins[unit]; ok {
		r.Margin, named = m, true
	}
	r.Exact = r.Exact || slices.Contains(o.Exact, unit)
	if r.Exact && !named {
		r.Margin = comparison.Margin{}
	}
	return r
}

func (o *Options) strict() bool { return o.Strict || o.File != nil && o.File.Strict }

// expect marks the regressions that the gate file expects, and warns of what it says in
// vain. Full are the names of results with their packages, if they have one. A unit that a
// flag or the gate file names must be judged, if it was measured.
func (o *Options) expect(all []*comparison.Result, full map[*comparison.Result]string) (warnings []string, err error) {
	warnings = []string{}
	units := map[string]bool{} // whether it can be judged
	for _, r := range all {
		units[r.Rule.Unit] = r.Rule.Better != comparison.Neither
	}
	errs := o.unjudged(units)
	if f := o.File; f != nil {
		for i := range f.Expected {
			e := &f.Expected[i]
			found, err := e.expect(all, full, o.Now)
			if err != nil {
				errs = append(errs, err)
			} else if !found {
				warnings = append(warnings,
					fmt.Sprintf("%s: the expected regression of %s in %s matches nothing that was compared: "+
						"correct it, or remove it", e.where, e.Cell, e.Unit))
			}
		}
		for _, unit := range f.units() {
			if _, ok := units[unit]; !ok {
				warnings = append(warnings,
					fmt.Sprintf("no results in unit %q, which the gate file names: check the spelling", unit))
			}
		}
	}
	var unknown []string
	for unit, judged := range units {
		if !judged && !comparison.HasNoDirection(unit) {
			unknown = append(unknown, unit)
		}
	}
	if slices.Sort(unknown); len(unknown) > 0 {
		warnings = append(warnings,
			fmt.Sprintf("it is not known which way %s is better, so nothing is judged in it: %s",
				strings.Join(unknown, ", "), howBetter(unknown[0])))
	}
	return warnings, errors.Join(errs...)
}

// howBetter tells how to say which way a unit is better.
func howBetter(unit string) string {
	return fmt.Sprintf("add --better %s=lower (or higher), 'better: {%[1]s: lower}' in the gate file, or a line "+
		"'Unit %[1]s better=lower' in the input", unit)
}

// unjudged returns an error for each unit that is named and cannot be judged.
func (o *Options) unjudged(units map[string]bool) (errs []error) {
	var measured []string
	for unit := range units {
		measured = append(measured, unit)
	}
	slices.Sort(measured)
	named := map[string]string{} // by unit, where
	if o.File != nil {
		for _, unit := range o.File.units() {
			if _, ok := units[unit]; ok {
				named[unit] = o.File.Path
			}
		}
	}
	for flag, list := range map[string][]string{"--better": slices.Collect(maps.Keys(o.Better)), "--exact": o.Exact,
		"--margin": slices.Collect(maps.Keys(o.Margins)), "--units": o.Units} {
		for _, unit := range list {
			named[unit] = max(flag, named[unit]) // the same one each time
		}
	}
	for _, unit := range slices.Sorted(maps.Keys(named)) {
		switch judged, ok := units[unit]; {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: nothing was measured in %s: want some of %s", named[unit], unit,
				strings.Join(measured, ", ")))
		case !judged:
			errs = append(errs, fmt.Errorf("%s: it is not known which way %s is better: %s", named[unit], unit,
				howBetter(unit)))
		}
	}
	return errs
}

// expect marks what is expected, and tells whether anything was compared that it speaks of. A cell without a package
// that several packages have is an error.
func (e *Agreement) expect(all []*comparison.Result, full map[*comparison.Result]string, now time.Time) (found bool,
	err error) {
	named := slices.ContainsFunc(all, func(r *comparison.Result) bool { return e.matches(full[r], r.Rule.Unit) })
	var names []string
	for _, r := range all {
		if !e.matches(r.Name, r.Rule.Unit) && !e.matches(full[r], r.Rule.Unit) || named &&
			!e.matches(full[r], r.Rule.Unit) {
			continue
		}
		found = true
		if pkg, ok := strings.CutSuffix(full[r], r.Name); ok && !slices.Contains(names, pkg+e.Cell) {
			names = append(names, pkg+e.Cell)
		}
		switch {
		case r.Verdict != comparison.Regressed:
		case now.Before(e.Until):
			r.Verdict, r.Why = comparison.Expected, fmt.Sprintf("%s (until %s)", e.Reason, e.Last())
		default:
			r.Why = fmt.Sprintf("it was expected until %s, which is past: %s", e.Last(), e.Reason)
		}
	}
	if !named && len(names) > 1 {
		return true, fmt.Errorf("%s: several packages have the expected regression %s: want one of %s", e.where,
			e.Cell, strings.Join(names, ", "))
	}
	return found, nil
}

// finish sums up a report of which all cells are there.
func (r *Report) finish(o *Options, all []*comparison.Result) error {
	if o.Noise != nil {
		judged := func(unit string) bool {
			return slices.ContainsFunc(all, func(r *comparison.Result) bool {
				return r.Rule.Unit == unit &&
					r.Verdict.Judged()
			})
		}
		if noise := o.Noise(judged); noise != "" {
			r.Notes = append(r.Notes, noise)
		}
	}
	if few := comparison.FewRounds(all); few != "" {
		r.Warnings = append(r.Warnings, few)
	}
	if slices.ContainsFunc(all, func(r *comparison.Result) bool { return r.Exploratory }) {
		r.Notes = append(r.Notes, exploratory)
	}
	return r.count()
}

// exploratory explains the cells that are not judged.
const exploratory = "exploratory units have an interval of 95% each, not corrected for how many there are, and no " +
	"verdict; " +
	"* marks those that differ by more than chance explains (Benjamini-Hochberg, 5%)"
