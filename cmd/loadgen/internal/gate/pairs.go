package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchproc"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A pair is a base and a head of one row in one unit.
type pair struct {
	name, unit           string
	base, head           *sample
	baseLabel, headLabel string
	config               []Pair
	how                  pairing
}

// full is the name of the benchmark with that of its package, as a history has it.
func (p *pair) full() string {
	for _, c := range p.config {
		if c.Key == "pkg" {
			return c.Value + "." + p.name
		}
	}
	return p.name
}

// table is the table that the pair belongs to, without cells.
func (p *pair) table() *Table {
	return &Table{Base: p.baseLabel, Head: p.headLabel, Config: p.config, Paired: p.how.paired, Why: p.how.why}
}

// A pairing tells whether values are paired by round, and why.
type pairing struct {
	paired bool
	why    string
}

// pairs sets each head against the base. What the base has and a head has not is an error, unless the gate file
// lists it as removed; what a head has alone is told.
func (s *sides) pairs() ([]*pair, error) {
	var all []*pair
	var errs []error
	for _, head := range s.cols[1:] {
		var missing, added []string
		for _, key := range s.order {
			base, other := s.samples[key][s.cols[0]], s.samples[key][head]
			switch {
			case base == nil && other != nil:
				added = append(added, s.describe(key))
			case base != nil && other == nil:
				if may, why := s.removals.lacks(s.result(key)); !may {
					missing = append(missing, s.describe(key)+why)
				}
			case base != nil:
				s.removals.has(s.result(key))
				p := &pair{name: label(key.row), unit: key.unit, base: base, head: other,
					baseLabel: label(s.cols[0]), headLabel: label(head), config: config(key.table)}
				errs = append(errs, s.line(p))
				if len(p.base.values) > 0 { // else no round is common to both
					all = append(all, p)
				}
			}
		}
		if len(missing) > 0 && s.options.Interleaved {
			errs = append(errs, fmt.Errorf("%s alone has %s: %s has lost it, skipped it or ended before it: if it "+
				"is gone for good, list it under removed in the gate file, or choose the others by --benchmarks",
				label(s.cols[0]), firstOf(missing), label(head)))
		} else if len(missing) > 0 {
			errs = append(errs, fmt.Errorf("%s has nothing to compare with %s of %s: measure it, list it under "+
				"removed in the gate file, or leave it out by --filter, or by --ignore if a key of the configuration "+
				"keeps it apart",
				label(head), firstOf(missing), label(s.cols[0])))
		}
		if len(added) > 0 {
			s.warnings = append(s.warnings, fmt.Sprintf("%s alone has %s: not compared", label(head), firstOf(added)))
		}
	}
	if len(s.lone) > 0 {
		s.warnings = append(s.warnings, "rounds that one side alone has are left out of "+firstOf(s.lone))
	}
	errs = append(errs, s.removals.check())
	if removed := s.removals.notes(); len(all) == 0 && len(removed) > 0 {
		errs = append(errs, fmt.Errorf("nothing is left to compare: %s", strings.Join(removed, "; ")))
	}
	return all, errors.Join(errs...)
}

// result returns the result that a key is of.
func (s *sides) result(key sideKey) result {
	p := pair{name: label(key.row), unit: key.unit, config: config(key.table)}
	return result{name: p.name, full: p.full(), unit: p.unit, text: s.describe(key)}
}

// firstOf names the first few, and how many more there are.
func firstOf(all []string) string {
	const few = 3
	if n := len(all); n > few {
		return fmt.Sprintf("%s and %d more", strings.Join(all[:few], ", "), n-few)
	}
	return strings.Join(all, ", ")
}

// describe names what a key is of; of its configuration, what there is more than one of.
func (s *sides) describe(key sideKey) string {
	text := fmt.Sprintf("%s in %s", label(key.row), key.unit)
	var parts []string
	for _, f := range s.varying() {
		parts = append(parts, fmt.Sprintf("%s: %q", f.Name, key.table.Get(f)))
	}
	if len(parts) > 0 {
		text += " (" + strings.Join(parts, ", ") + ")"
	}
	return text
}

// varying are the fields of configuration that there is more than one value of.
func (s *sides) varying() []*benchproc.Field {
	if s.varied == nil {
		seen := map[benchproc.Key]bool{}
		var tables []benchproc.Key
		for _, k := range s.order {
			if !seen[k.table] {
				seen[k.table], tables = true, append(tables, k.table)
			}
		}
		s.varied = append([]*benchproc.Field{}, benchproc.NonSingularFields(tables)...)
	}
	return s.varied
}

// line lines up the values of a pair, and sees that they are of one load.
func (s *sides) line(p *pair) error {
	if err := s.pairUp(p); err != nil {
		return fmt.Errorf("%s in %s: %w", p.name, p.unit, err)
	}
	if p.unit != "offered-qps" || slices.Contains(p.config, Pair{"loop", record.ClosedLoop}) {
		return nil // in a closed loop the load follows the target
	}
	return p.sameLoad()
}

// pairUp decides whether the values are paired.
func (s *sides) pairUp(p *pair) error {
	base, head := p.base, p.head
	n, m := len(base.values), len(head.values)
	switch {
	case s.options.Interleaved && base.hasRounds() && head.hasRounds():
		if lost := lostRounds(base, head); len(lost) > 0 {
			return fmt.Errorf("%s has no result in round %s, where %s has one: it was skipped, or the program "+
				"ended before it",
				p.headLabel, firstOf(lost), p.baseLabel)
		}
		if p.keepCommon() {
			s.lone = append(s.lone, fmt.Sprintf("%s in %s", p.name, p.unit))
		}
		p.how = pairing{true, "both were measured in turn, round by round"}
	case s.options.Paired && n != m:
		return fmt.Errorf("--paired: %d rounds of %s and %d of %s: want as many", n, p.baseLabel, m, p.headLabel)
	case s.options.Paired:
		p.how = pairing{true, "--paired says so"}
	case !sameInput(base, head):
		p.how = pairing{false, "they come from several files; if they were measured in turn, --paired"}
	case base.hasRounds() && head.hasRounds():
		if p.keepCommon() {
			s.lone = append(s.lone, fmt.Sprintf("%s in %s", p.name, p.unit))
		}
		p.how = pairing{true, "the file tells the rounds"}
	case n == m && n > 1 && interleaved(base, head):
		p.how = pairing{true, "their lines take turns"}
	case n == m:
		p.how = pairing{false, "their lines do not take turns"}
	default:
		p.how = pairing{false, "one side has more lines than the other"}
	}
	return nil
}

func sameInput(a, b *sample) bool {
	other := func(p place) bool { return p.input != a.at[0].input }
	return !slices.ContainsFunc(a.at, other) && !slices.ContainsFunc(b.at, other)
}

// hasRounds tells whether there is one value for each of the rounds that it is of.
func (x *sample) hasRounds() bool {
	seen := map[int]bool{0: true}
	for _, at := range x.at {
		if seen[at.round] {
			return false
		}
		seen[at.round] = true
	}
	return true
}

// lostRounds are the rounds that the base has and the head has not.
func lostRounds(base, head *sample) (lost []string) {
	has := map[int]bool{}
	for _, at := range head.at {
		has[at.round] = true
	}
	for _, at := range base.at {
		if !has[at.round] {
			lost = append(lost, fmt.Sprint(at.round))
		}
	}
	return lost
}

// keepCommon leaves the rounds that both sides have, in order, and tells whether there were
// others.
func (p *pair) keepCommon() bool {
	base, head := &sample{iters: p.base.iters}, &sample{iters: p.head.iters}
	for _, at := range comparison.PairRounds(p.base.rounds(), p.head.rounds()) {
		base.take(p.base, at[0])
		head.take(p.head, at[1])
	}
	fewer := len(base.values) < max(len(p.base.values), len(p.head.values))
	p.base, p.head = base, head
	return fewer
}

func (x *sample) rounds() (all []int) {
	for _, at := range x.at {
		all = append(all, at.round)
	}
	return all
}

// take adds the i-th value of another sample.
func (x *sample) take(from *sample, i int) {
	x.values, x.at = append(x.values, from.values[i]), append(x.at, from.at[i])
}

// interleaved tells whether both sides were measured in rounds: the i-th of both before
// the next of either. Go test -count does not do so, a loop around go test does.
func interleaved(a, b *sample) bool {
	for i := range a.at[1:] {
		if max(a.at[i].line, b.at[i].line) > min(a.at[i+1].line, b.at[i+1].line) {
			return false
		}
	}
	return true
}

// sameLoad sees that both sides were offered the same load: within one file exactly, else
// to 1% and what random arrivals vary by.
func (p *pair) sameLoad() error {
	a, b := results.Median(p.base.values), results.Median(p.head.values)
	allowed := 0.0
	if !sameInput(p.base, p.head) {
		allowed = 0.01 + 5/math.Sqrt(max(1, min(p.base.iters, p.head.iters)))
	}
	if math.Abs(b-a) <= allowed*a {
		return nil
	}
	return fmt.Errorf("%s: %v calls a second were offered to %s and %v to %s: they are not comparable: leave it "+
		"out by --filter, or measure both at one rate",
		p.name, a, p.baseLabel, b, p.headLabel)
}
