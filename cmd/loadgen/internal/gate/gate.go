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
	Paired bool // the i-th line of one side is of one round with the i-th of the other
	// Interleaved says that the inputs were measured in turn, round by round, which their
	// comments tell. What one of them alone has is a warning then: an interrupt ends both
	// somewhere, and a benchmark may be new or gone.
	Interleaved bool

	// Units are the tidy units that are judged, all others being exploratory. If there are
	// none they are those of File; else all, but of runs their primary ones.
	Units   []string
	Margins map[string]comparison.Margin // by tidy unit; they go before those of File
	Exact   []string                     // tidy units that are the same each time
	File    *File                        // nil for none
	Strict  bool                         // inconclusive is not good enough
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
	in, err := read(o.Inputs, o.Stdin)
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
		cells[i] = comparison.Cell{Name: p.name, Rule: o.rule(p.unit, in.units), Base: p.base.values, Head: p.head.values,
			Paired: p.how.paired, Exploratory: !o.primary(p.unit, defaults)}
	}
	judged, err := comparison.Judge(cells)
	if err != nil {
		return nil, err
	}
	r := o.newReport()
	var all []*comparison.Result
	for i := range judged {
		all = append(all, &judged[i])
	}
	warnings, err := o.expect(all)
	if err != nil {
		return nil, err
	}
	r.Warnings = slices.Concat(r.Warnings, in.warnings, s.warnings, warnings)
	for i, p := range pairs {
		r.add(p.table(), newCell(all[i]))
	}
	return r, r.finish(o, all)
}

// primary reports whether a unit is judged: if neither flags nor the gate file say, whether it is one of defaults, which
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
		if m, ok := f.Margins[unit]; ok {
			r.Margin, named = m, true
		}
		r.Exact = r.Exact || slices.Contains(f.Exact, unit)
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
// vain. That a unit of Units was not measured is an error.
func (o *Options) expect(all []*comparison.Result) (warnings []string, err error) {
	warnings = []string{}
	units := map[string]bool{} // whether it can be judged
	for _, r := range all {
		units[r.Rule.Unit] = r.Rule.Better != comparison.Neither
	}
	for _, unit := range o.Units {
		if !units[unit] {
			return nil, fmt.Errorf("--units: nothing was measured in %s of which it is known which way is better: want some of %s",
				unit, strings.Join(slices.Sorted(maps.Keys(units)), ", "))
		}
	}
	named := slices.Concat(o.Exact, slices.Collect(maps.Keys(o.Margins)))
	if f := o.File; f != nil {
		named = append(named, slices.Concat(f.Exact, f.Only, slices.Collect(maps.Keys(f.Margins)))...)
		for i := range f.Expected {
			if e := &f.Expected[i]; !e.expect(all, o.Now) {
				warnings = append(warnings, fmt.Sprintf("%s: the expected regression of %s in %s matches nothing that was compared: "+
					"correct it, or remove it", e.where, e.Cell, e.Unit))
			}
		}
	}
	slices.Sort(named)
	for _, unit := range slices.Compact(named) {
		if _, ok := units[unit]; !ok {
			warnings = append(warnings,
				fmt.Sprintf("nothing was measured in %s, of which a flag or the gate file speaks: is it spelt so?", unit))
		}
	}
	return warnings, nil
}

// expect marks what is expected, and tells whether anything was compared that it speaks of.
func (e *Expected) expect(all []*comparison.Result, now time.Time) (found bool) {
	for _, r := range all {
		if !e.matches(r.Name, r.Rule.Unit) {
			continue
		}
		found = true
		switch {
		case r.Verdict != comparison.Regressed:
		case now.Before(e.Until):
			r.Verdict, r.Why = comparison.Expected, fmt.Sprintf("%s (until %s)", e.Reason, e.Last())
		default:
			r.Why = fmt.Sprintf("it was expected until %s, which is past: %s", e.Last(), e.Reason)
		}
	}
	return found
}

// finish sums up a report of which all cells are there.
func (r *Report) finish(o *Options, all []*comparison.Result) error {
	if o.Noise != nil {
		judged := func(unit string) bool {
			return slices.ContainsFunc(all, func(r *comparison.Result) bool { return r.Rule.Unit == unit && r.Verdict.Judged() })
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
const exploratory = "exploratory units have an interval of 95% each, not corrected for how many there are, and no verdict; " +
	"* marks those that differ by more than chance explains (Benjamini-Hochberg, 5%)"
