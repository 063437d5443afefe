// Package gate compares benchmark results of a base with those of one or more heads, and
// says whether they may pass.
//
// It reads Go benchmark text, ours or anyone's, lines up what was measured of the same
// thing on both sides, and has package comparison judge it. What cannot be lined up is an
// error that names it: nothing is left out in silence.
package gate

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// Options are what to compare, and how. Row, Col, Filter and Ignore are in the language of
// golang.org/x/perf/benchproc.
type Options struct {
	Inputs []string // PATH or LABEL=PATH; - is Stdin, a directory is that of a run
	Stdin  io.Reader
	Row    string // what is compared; .fullname if it is empty
	// Col is what tells the sides apart, the first value of it being the base. If it is
	// empty that is the input, and the arm if there is one input, of a run.
	Col    string
	Filter string // all if it is empty
	Ignore string
	Paired bool // the i-th line of one side is of one round with the i-th of the other
	// Interleaved says that the inputs were measured in turn, round by round, which their
	// comments tell. What one of them alone has is a warning then: an interrupt ends both
	// somewhere, and a benchmark may be new or gone.
	Interleaved bool

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
		return nil, errors.New("nothing to compare: want BASE HEAD, or one input and --col")
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
	cells := make([]comparison.Cell, len(pairs))
	for i, p := range pairs {
		cells[i] = comparison.Cell{Name: p.name, Rule: o.rule(p.unit, in), Base: p.base.values, Head: p.head.values, Paired: p.how.paired}
	}
	judged, err := comparison.Judge(cells)
	if err != nil {
		return nil, err
	}
	r := &Report{Schema: Schema, Strict: o.strict(), Notes: append([]string{}, s.notes...), Warnings: append([]string{}, slices.Concat(in.warnings, s.warnings)...)}
	for i, p := range pairs {
		r.add(p, newCell(&judged[i]))
	}
	if o.Noise != nil {
		if noise := o.Noise(func(unit string) bool {
			return slices.ContainsFunc(judged, func(j comparison.Result) bool { return j.Rule.Unit == unit && j.Verdict.Judged() })
		}); noise != "" {
			r.Notes = append(r.Notes, noise)
		}
	}
	r.expect(o)
	r.warnOfFewRounds(judged)
	return r, r.count()
}

// rule is how a unit is judged: by what is known of it, then by what the inputs say of it,
// then the gate file, then the flags. The margin of an exact unit is 0, unless one is named.
func (o *Options) rule(unit string, in *inputs) comparison.Rule {
	r, named := comparison.DefaultRule(unit), false
	if m := in.units.Get(unit, "better"); m != nil {
		r.Better = map[string]comparison.Direction{"lower": comparison.Lower, "higher": comparison.Higher}[m.Value]
	}
	if m := in.units.Get(unit, "assume"); m != nil {
		r.Exact = m.Value == "exact"
	}
	if f := o.File; f != nil {
		if m, ok := f.Margins[unit]; ok {
			r.Margin, named = m, true
		}
		r.Exact = r.Exact || slices.Contains(f.Exact, unit)
		if len(f.Only) > 0 && !slices.Contains(f.Only, unit) {
			r.Better = comparison.Neither
		}
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
// vain.
func (r *Report) expect(o *Options) {
	units := map[string]bool{}
	var cells []*Cell
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			cells, units[c.Unit] = append(cells, c), true
		}
	}
	named := slices.Concat(o.Exact, slices.Collect(maps.Keys(o.Margins)))
	if f := o.File; f != nil {
		named = append(named, slices.Concat(f.Exact, f.Only, slices.Collect(maps.Keys(f.Margins)))...)
		for i := range f.Expected {
			r.expectOne(&f.Expected[i], cells, o.Now)
		}
	}
	slices.Sort(named)
	for _, unit := range slices.Compact(named) {
		if !units[unit] {
			r.warn("nothing was measured in %s, of which a margin or the gate file speaks: is it spelt so?", unit)
		}
	}
}

func (r *Report) expectOne(e *Expected, cells []*Cell, now time.Time) {
	found := false
	for _, c := range cells {
		if !e.matches(c.Name, c.Unit) {
			continue
		}
		found = true
		switch {
		case c.Verdict != comparison.Regressed:
		case now.Before(e.Until):
			c.Verdict, c.Why = expected, fmt.Sprintf("%s (until %s)", e.Reason, e.Last())
		default:
			c.Why = fmt.Sprintf("it was expected until %s, which is past: %s", e.Last(), e.Reason)
		}
	}
	if !found {
		r.warn("%s: the expected regression of %s in %s matches nothing that was compared: correct it, or remove it", e.where, e.Cell, e.Unit)
	}
}

// warnOfFewRounds warns of a gate that cannot fire: of cells so many, or rounds so few,
// that the clearest difference is not clear enough.
func (r *Report) warnOfFewRounds(judged []comparison.Result) {
	family, silent, need := 0, 0, 0
	for i := range judged {
		c := &judged[i]
		family = max(family, c.Family)
		if c.TooFew {
			silent, need = silent+1, max(need, comparison.Need(c.Family, c.Paired))
		}
	}
	if silent > 0 {
		r.warn("%d of %d cells have too few rounds to show any regression, however large, among so many: need %d, or fewer cells by --filter", silent, family, need)
	}
}
