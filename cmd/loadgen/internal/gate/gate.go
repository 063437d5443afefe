// Package gate compares benchmark results of a base with those of one or more heads, and
// decides whether the heads pass.
//
// It reads Go benchmark text of loadgen or any other program, matches the measurements of the same
// thing on both sides, and has package comparison judge them. For a run of loadgen, package comparison
// also makes the pairs. A measurement that cannot be matched is an error that names it: nothing is
// left out silently.
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

	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// Options say what to compare, and how. Row, Col, Filter and Ignore are in the language of
// golang.org/x/perf/benchproc.
type Options struct {
	Inputs []string // PATH or LABEL=PATH; - is Stdin, and a directory is a run
	Stdin  io.Reader
	Row    string // what is compared; "" means .fullname
	// Col distinguishes the sides. Its first value is the base. If it is empty, the input
	// distinguishes the sides; a single input must be a run, whose own comparisons are judged.
	Col    string
	Filter string // "" means all
	Ignore string
	Config []string // configuration keys, besides the keys of go test and the keys that the other fields name
	Paired bool     // the i-th lines of both sides belong to one round
	// Interleaved means that the inputs were measured alternately, in whole rounds, which their
	// comments number. A result of the base that the head lacks in any round is an error.
	Interleaved bool

	// Units are the tidy units that are judged; all others are exploratory. If it is empty, the units
	// of File apply, or else all units, or the primary units of runs.
	Units   []string
	Margins map[string]comparison.Margin    // by tidy unit; they override File
	Exact   []string                        // tidy units whose values are the same each time
	Better  map[string]comparison.Direction // by tidy unit; they override File and the inputs
	File    *File                           // nil means none
	Strict  bool                            // inconclusive verdicts fail
	// Noise, if set, returns a sentence about the noise floor of the judged units.
	Noise func(judged func(unit string) bool) string
	Now   time.Time // decides which expected regressions have expired
}

// Compare reads and judges the inputs. It returns an error if nothing can be compared.
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
	if r.arms = o.Col != ""; o.Interleaved {
		r.source = revisions
	}
	var list []*comparison.Result
	full := map[*comparison.Result]string{}
	for i := range judged {
		list = append(list, &judged[i])
		full[list[i]] = pairs[i].full()
	}
	warnings, err := o.expect(list, full)
	if err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, s.removals.notes()...)
	r.Warnings = slices.Concat(r.Warnings, in.warnings, s.warnings, s.removals.warnings(), warnings)
	for i, p := range pairs {
		r.add(p.table(), newCell(list[i]))
	}
	return r, r.finish(o, list)
}

// declared returns a function that reports whether the user names a key. Other lines such as "retries: 3" are output
// of a program.
func (o *Options) declared() func(key string) bool {
	keys := slices.Concat(o.Config, keysIn(o.Filter))
	if o.File != nil {
		keys = append(keys, o.File.Config...)
	}
	if p, err := newProjector(o, 1, nil); err == nil { // an error is reported later
		for _, projection := range []*benchproc.Projection{p.row, p.col, p.ignore} {
			for _, f := range projection.Fields() {
				keys = append(keys, f.Name)
			}
		}
	}
	return func(key string) bool { return slices.Contains(keys, key) }
}

// primary reports whether a unit is judged. If neither flags nor the gate file choose units, the default units are
// judged, or all units if defaults is nil.
func (o *Options) primary(unit string, defaults []string) bool {
	switch {
	case len(o.Units) > 0:
		return slices.Contains(o.Units, unit)
	case o.File != nil && len(o.File.Only) > 0:
		return slices.Contains(o.File.Only, unit)
	}
	return defaults == nil || comparison.IsAmong(defaults, unit)
}

// rule returns how a unit is judged. The default rule is overridden by the metadata of the inputs, then by
// the gate file, then by flags. The margin of an exact unit is 0 unless it is given.
func (o *Options) rule(unit string, metadata benchfmt.UnitMetadataMap) comparison.Rule {
	r, named := comparison.DefaultRule(unit), false
	if m := metadata.Get(unit, "better"); m != nil {
		r.Better = map[string]comparison.Direction{"lower": comparison.Lower, "higher": comparison.Higher}[m.Value]
	}
	if m := metadata.Get(unit, "assume"); m != nil {
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

// strict reports whether inconclusive verdicts fail.
func (o *Options) strict() bool { return o.Strict || o.File != nil && o.File.Strict }

// expect marks the regressions that the gate file expects, and warns about entries of the gate file that match
// nothing. Full holds the names of results with their packages, if they have any. A unit that a flag or the gate file
// names, and that was measured, must be judged.
func (o *Options) expect(list []*comparison.Result, full map[*comparison.Result]string) (
	warnings []string, err error) {
	warnings = []string{}
	units := map[string]bool{} // whether each unit can be judged
	for _, r := range list {
		units[r.Rule.Unit] = r.Rule.Better != comparison.Neither
	}
	errs := o.unjudged(units)
	if f := o.File; f != nil {
		for i := range f.Expected {
			e := &f.Expected[i]
			found, err := e.expect(list, full, o.Now)
			if err != nil {
				errs = append(errs, err)
			} else if !found {
				warnings = append(warnings,
					fmt.Sprintf("%s: the expected regression of %s in %s matches no comparison: correct it, or "+
						"remove it", e.where, e.Cell, e.Unit))
			}
		}
		for _, unit := range f.units() {
			if _, ok := units[unit]; !ok {
				warnings = append(warnings,
					fmt.Sprintf("%s: no results in unit %q, which it names%s: check the spelling", f.Path, unit,
						spelling.Meant(unit, slices.Sorted(maps.Keys(units)))))
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
			fmt.Sprintf("the better direction of %s is unknown, so these units are not judged: %s",
				strings.Join(unknown, ", "), howBetter(unknown[0])))
	}
	return warnings, errors.Join(errs...)
}

// howBetter returns advice on how to give the better direction of a unit.
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
	named := map[string]string{} // the flag or file that names each unit
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
			named[unit] = max(flag, named[unit]) // independent of the order of the map
		}
	}
	for _, unit := range slices.Sorted(maps.Keys(named)) {
		switch judged, ok := units[unit]; {
		case !ok:
			errs = append(errs, fmt.Errorf("%s: nothing was measured in %s%s: want some of %s", named[unit], unit,
				spelling.Meant(unit, measured), strings.Join(measured, ", ")))
		case !judged:
			errs = append(errs, fmt.Errorf("%s: the better direction of %s is unknown: %s", named[unit], unit,
				howBetter(unit)))
		}
	}
	return errs
}

// expect marks the regressions that e expects, and reports whether any comparison matches e. If the cell names no
// package and several packages have it, that is an error.
func (e *Agreement) expect(list []*comparison.Result, full map[*comparison.Result]string, now time.Time) (found bool,
	err error) {
	named := slices.ContainsFunc(list, func(r *comparison.Result) bool { return e.matches(full[r], r.Rule.Unit) })
	var names []string
	for _, r := range list {
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
			r.Why = fmt.Sprintf("it was expected until %s, which has passed: %s", e.Last(), e.Reason)
		}
	}
	if !named && len(names) > 1 {
		return true, fmt.Errorf("%s: the expected regression %s matches several packages: want one of %s", e.where,
			e.Cell, strings.Join(names, ", "))
	}
	return found, nil
}

// finish adds notes and the summary to a report that has all cells.
func (r *Report) finish(o *Options, list []*comparison.Result) error {
	if o.Noise != nil {
		judged := func(unit string) bool {
			return slices.ContainsFunc(list, func(r *comparison.Result) bool {
				return r.Rule.Unit == unit &&
					r.Verdict.Judged()
			})
		}
		if noise := o.Noise(judged); noise != "" {
			r.Notes, r.minor = append(r.Notes, noise), append(r.minor, noise)
		}
	}
	for _, w := range r.Warnings {
		if o.File != nil && strings.HasPrefix(w, o.File.Path+":") {
			r.minor = append(r.minor, w)
		}
	}
	if r.few = comparison.FewRounds(list); r.few != "" {
		r.Warnings, r.minor = append(r.Warnings, r.few), append(r.minor, r.few)
	}
	if slices.ContainsFunc(list, func(r *comparison.Result) bool { return r.Exploratory }) {
		r.Notes, r.minor = append(r.Notes, exploratory), append(r.minor, exploratory)
	}
	r.Visits = r.visits.counts()
	return r.count()
}

// exploratory is a note about the cells that are not judged.
const exploratory = "exploratory units have a 95% interval each, not corrected for their number, and no verdict; " +
	"* marks those that differ by more than chance explains (Benjamini-Hochberg, 5%)"
