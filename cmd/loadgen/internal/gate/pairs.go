package gate

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchproc"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A pair holds the base and a head of one row in one unit.
type pair struct {
	name, unit           string
	base, head           *sample
	baseLabel, headLabel string
	config               []Pair
	how                  pairing
}

// full returns the name of the benchmark with its package, in the form of a history.
func (p *pair) full() string {
	for _, c := range p.config {
		if c.Key == "pkg" {
			return c.Value + "." + p.name
		}
	}
	return p.name
}

// table returns the table that the pair belongs to, without cells.
func (p *pair) table() *Table {
	return &Table{Base: p.baseLabel, Head: p.headLabel, Config: p.config, Paired: p.how.paired, Why: p.how.why}
}

// A pairing says whether values are paired by round, and why.
type pairing struct {
	paired bool
	why    string
}

// pairs pairs each head with the base. It returns an error if a head lacks a measurement of the base, and warns about
// measurements that only a head has.
func (s *sides) pairs() ([]*pair, error) {
	var list []*pair
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
				if len(p.base.values) > 0 { // some rounds are common to both
					list = append(list, p)
				}
			}
		}
		if len(missing) > 0 && s.options.Interleaved {
			errs = append(errs, fmt.Errorf("%s alone has %s: %s has lost it, skipped it or ended before it: if it "+
				"is gone for good, list it under removed in the gate file, or choose the others by --benchmarks",
				label(s.cols[0]), format.FewNames(missing), label(head)))
		} else if len(missing) > 0 {
			errs = append(errs, fmt.Errorf("%s has nothing to compare with %s of %s: measure it, list it under "+
				"removed in the gate file, or leave it out by --filter, or by --ignore if a key of the configuration "+
				"keeps it apart",
				label(head), format.FewNames(missing), label(s.cols[0])))
		}
		if len(added) > 0 {
			s.warnings = append(s.warnings, fmt.Sprintf("only %s has %s, so it is not compared", label(head),
				format.FewNames(added)))
		}
	}
	if len(s.lone) > 0 {
		s.warnings = append(s.warnings, "rounds that only one side has are left out of "+format.FewNames(s.lone))
	}
	errs = append(errs, s.removals.check())
	if removed := s.removals.notes(); len(list) == 0 && len(removed) > 0 {
		errs = append(errs, fmt.Errorf("nothing is left to compare: %s", strings.Join(removed, "; ")))
	}
	return list, errors.Join(errs...)
}

// result returns the result that a key is of.
func (s *sides) result(key sideKey) result {
	p := pair{name: label(key.row), unit: key.unit, config: config(key.table)}
	return result{name: p.name, full: p.full(), unit: p.unit, text: s.describe(key)}
}

// describe returns the row and unit of a key, and the part of its configuration that varies.
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

// varying returns the configuration fields that have more than one value.
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

// line matches the values of a pair, and checks that both sides had the same load.
func (s *sides) line(p *pair) error {
	if err := s.pairUp(p); err != nil {
		return fmt.Errorf("%s in %s: %w", p.name, p.unit, err)
	}
	closed := slices.Contains(p.config, Pair{"loop", record.ClosedLoop}) ||
		strings.Contains(p.name, "/loop="+record.ClosedLoop) // of a run that has both loops
	if p.unit != "offered-qps" || closed {
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
			return fmt.Errorf("%s has no result in round %s, and %s has one: it was skipped, or the program ended "+
				"before it",
				p.headLabel, format.FewNames(lost), p.baseLabel)
		}
		if p.keepCommon() {
			s.lone = append(s.lone, fmt.Sprintf("%s in %s", p.name, p.unit))
		}
		p.how = pairing{true, "both were measured alternately, round by round"}
	case s.options.Paired && n != m:
		return fmt.Errorf("--paired: %s of %s and %d of %s: want equal numbers",
			format.Plural(n, "round"), p.baseLabel, m, p.headLabel)
	case s.options.Paired:
		p.how = pairing{true, "--paired was given"}
	case !sameInput(base, head):
		p.how = pairing{false, "they come from several files; use --paired if they were measured alternately"}
	case base.hasRounds() && head.hasRounds():
		if p.keepCommon() {
			s.lone = append(s.lone, fmt.Sprintf("%s in %s", p.name, p.unit))
		}
		p.how = pairing{true, "the file numbers the rounds"}
	case n == m && n > 1 && interleaved(base, head):
		p.how = pairing{true, "their lines alternate"}
	case n == m:
		p.how = pairing{false, "their lines do not alternate"}
	default:
		p.how = pairing{false, "one side has more lines than the other"}
	}
	return nil
}

// sameInput reports whether all values of a and b come from one input.
func sameInput(a, b *sample) bool {
	other := func(p place) bool { return p.input != a.at[0].input }
	return !slices.ContainsFunc(a.at, other) && !slices.ContainsFunc(b.at, other)
}

// hasRounds reports whether the round of each value is known and each round has one value.
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

// lostRounds returns the rounds that only the base has.
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

// keepCommon keeps the rounds that both sides have, in order, and reports whether it removed others.
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

// rounds returns the round of each value.
func (x *sample) rounds() (rounds []int) {
	for _, at := range x.at {
		rounds = append(rounds, at.round)
	}
	return rounds
}

// take adds the i-th value of another sample.
func (x *sample) take(from *sample, i int) {
	x.values, x.at = append(x.values, from.values[i]), append(x.at, from.at[i])
}

// interleaved reports whether the i-th lines of both sides come before the next line of either. This is
// so for a loop around go test, but not for go test -count.
func interleaved(a, b *sample) bool {
	for i := range a.at[1:] {
		if max(a.at[i].line, b.at[i].line) > min(a.at[i+1].line, b.at[i+1].line) {
			return false
		}
	}
	return true
}

// sameLoad returns an error if the sides were offered different loads. Within one input the loads must be equal;
// otherwise they may differ by 1% and by the variation of random arrivals.
func (p *pair) sameLoad() error {
	a, b := results.Median(p.base.values), results.Median(p.head.values)
	allowed := 0.0
	if !sameInput(p.base, p.head) {
		allowed = 0.01 + 5/math.Sqrt(max(1, min(p.base.iters, p.head.iters)))
	}
	if math.Abs(b-a) <= allowed*a {
		return nil
	}
	return fmt.Errorf("%s: %v calls per second were offered to %s and %v to %s, which are not comparable: exclude it "+
		"with --filter, or measure both at one rate",
		p.name, a, p.baseLabel, b, p.headLabel)
}
