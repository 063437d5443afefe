package comparison

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// PrimaryUnits are the units of a run that are judged by default. All others are
// exploratory.
var PrimaryUnits = []string{"B/op", "allocs/op", "cpu-ns/op", "p99-latency-ns"}

// RevisionUnits are the units judged by default where two runs are compared, such as those of two revisions. A head
// that fails or drops more calls than its base must not pass for being as fast with the rest.
var RevisionUnits = append(slices.Clone(PrimaryUnits), "err-ppm", "drop-ppm")

// IsPrimary reports whether a unit, as benchstat has it, is one of PrimaryUnits.
func IsPrimary(unit string) bool { return IsAmong(PrimaryUnits, unit) }

// IsAmong reports whether a unit, as benchstat has it, is one of units, which are names of results.Units.
func IsAmong(units []string, unit string) bool {
	return slices.ContainsFunc(units, func(name string) bool { return tidyUnit(name) == unit })
}

// Options say how the units of a run are judged. Units are as benchstat has them.
type Options struct {
	Rule    func(unit string) Rule // DefaultRule if it is nil
	Primary func(unit string) bool // IsPrimary if it is nil
	Removed []scenarios.Cell       // of two runs, the cells that are not compared
}

// A Contest sets a cell of load against another one, paired by round, in every unit that
// is primary, and in every other unit that both have measured.
type Contest struct {
	scenarios.Comparison // cell A is the head, cell B the base
	Name                 string
	Rounds               []int // in which both cells were measured
	Figures              []*Figure
}

// A Figure is a unit of a contest.
type Figure struct {
	Result
	Unit   string // as results.Units has it; Rule.Unit is as benchstat has it
	Rounds []int  // of the values of Base and Head
}

// InUnit returns a value of the figure, or a difference between two, in its Unit.
func (f *Figure) InUnit(x float64) float64 {
	one, _ := benchunit.Tidy(1, f.Unit)
	return x / one
}

// Figure returns the figure of one of results.Units, or nil if there is none.
func (c *Contest) Figure(unit string) *Figure {
	i := slices.IndexFunc(c.Figures, func(f *Figure) bool { return f.Unit == unit })
	if i < 0 {
		return nil
	}
	return c.Figures[i]
}

// OfRun returns the comparisons of a run's scenario, in its order, judged as one family.
func OfRun(run *results.Run, o Options) ([]*Contest, error) {
	visits := byCell(run)
	var all []*Contest
	for _, c := range run.Scenario.Comparisons() {
		name := strings.Join(slices.Concat([]string{c.Pair.String()}, c.Beside(run.Scenario),
			[]string{c.CellA.Level.Name()}), "/")
		all = append(all, o.contest(c, name, pairUp(visits[c.CellB], visits[c.CellA])))
	}
	return all, judgeContests(all)
}

// OfRuns sets every cell of a head against the same cell of a base that was measured in
// the same rounds, and judges all of them as one family. Names are those of run.bench.
func OfRuns(base, head *results.Run, o Options) ([]*Contest, error) {
	before, after := byCell(base), byCell(head)
	var all []*Contest
	for _, cell := range head.Scenario.Cells() {
		if slices.Contains(o.Removed, cell) {
			continue
		}
		c := scenarios.Comparison{CellA: cell, CellB: cell}
		all = append(all, o.contest(c, head.BenchName(cell), pairUp(before[cell], after[cell])))
	}
	return all, judgeContests(all)
}

// Measured returns the cells that a run has a measurement of, in the order of its scenario.
func Measured(run *results.Run) (cells []scenarios.Cell) {
	visits := byCell(run)
	for _, cell := range run.Scenario.Cells() {
		if len(visits[cell]) > 0 {
			cells = append(cells, cell)
		}
	}
	return cells
}

// A visit is a usable one and what it measured, by unit, in units of benchstat.
type visit struct {
	*results.Visit
	values map[string]float64
}

// byCell returns the usable visits of each cell.
func byCell(run *results.Run) map[scenarios.Cell][]visit {
	all := map[scenarios.Cell][]visit{}
	for _, v := range run.Visits {
		if v.Usable() && v.Record.Offered > 0 {
			all[v.Cell] = append(all[v.Cell], visit{v, values(v)})
		}
	}
	return all
}

// values returns what run.bench says of a visit: a time that is too short for its clock
// is not known.
func values(v *results.Visit) map[string]float64 {
	by := map[string]float64{}
	for _, m := range v.Measurements() {
		if x, unit := benchunit.Tidy(m.Value, m.Unit); x != 0 || unit == m.Unit {
			by[unit] = x
		}
	}
	return by
}

// A bout is the visits of both cells of a contest in one round.
type bout struct{ base, head visit }

func pairUp(base, head []visit) (all []bout) {
	rounds := func(visits []visit) (all []int) {
		for _, v := range visits {
			all = append(all, v.Round)
		}
		return all
	}
	for _, p := range PairRounds(rounds(base), rounds(head)) {
		all = append(all, bout{base[p[0]], head[p[1]]})
	}
	return all
}

// PairRounds pairs measurements by round: it returns, in the order of rounds, the places
// in a and in b of each round that both have. A round is at most once in either.
func PairRounds(a, b []int) (pairs [][2]int) {
	places := map[int]int{}
	for i, round := range b {
		places[round] = i
	}
	for i, round := range a {
		if k, ok := places[round]; ok {
			pairs = append(pairs, [2]int{i, k})
		}
	}
	slices.SortFunc(pairs, func(x, y [2]int) int { return a[x[0]] - a[y[0]] })
	return pairs
}

// contest makes the figures of a comparison.
func (o *Options) contest(of scenarios.Comparison, name string, bouts []bout) *Contest {
	c := &Contest{Comparison: of, Name: name}
	for _, b := range bouts {
		c.Rounds = append(c.Rounds, b.base.Round)
	}
	for _, u := range results.Units {
		f := o.figure(u.Name, name, bouts)
		if f.Rule.Better == Neither || f.Exploratory && len(f.Base) == 0 {
			continue
		}
		f.Incomparable = c.obstacle(f, bouts)
		c.Figures = append(c.Figures, f)
	}
	return c
}

// figure makes the figure of a unit from the rounds in which both visits state it.
func (o *Options) figure(unit, name string, bouts []bout) *Figure {
	tidy := tidyUnit(unit)
	rule, primary := DefaultRule, IsPrimary
	if o.Rule != nil {
		rule = o.Rule
	}
	if o.Primary != nil {
		primary = o.Primary
	}
	f := &Figure{Unit: unit}
	f.Cell = Cell{Name: name, Rule: rule(tidy), Paired: true, Exploratory: !primary(tidy)}
	for _, b := range bouts {
		x, okX := b.base.values[tidy]
		y, okY := b.head.values[tidy]
		if okX && okY {
			f.Base, f.Head, f.Rounds = append(f.Base, x), append(f.Head, y), append(f.Rounds, b.base.Round)
		}
	}
	return f
}

// obstacle returns why a figure cannot be compared, or "" if it can.
func (c *Contest) obstacle(f *Figure, bouts []bout) string {
	if len(bouts) == 0 {
		return "it was measured of both in no round"
	}
	known := fmt.Sprintf("it is known in %d of %d rounds", len(f.Base), len(bouts))
	if strings.HasSuffix(f.Unit, "-latency-ns") {
		known += ": too few calls, or too many dropped"
		if why := c.saturated(bouts); why != "" {
			return why
		}
	}
	if len(f.Base) < min(MinPairs, len(bouts)) {
		return known
	}
	var zero *NoAmountError
	if err := new(reading).measure(&f.Cell, newNulls()); errors.As(err, &zero) {
		return err.Error()
	}
	return ""
}

// saturated returns which cell did not keep up with its load, or "" if both did. Its
// latency grows with the length of the visit, and is no property of the arm.
func (c *Contest) saturated(bouts []bout) string {
	for i, cell := range []scenarios.Cell{c.CellB, c.CellA} {
		n := 0
		for _, b := range bouts {
			if []visit{b.base, b.head}[i].Doubted(record.Saturated) {
				n++
			}
		}
		if 2*n >= len(bouts) {
			return fmt.Sprintf("%s did not keep up with the load (%s in %d of %d visits)", cell.Arm(),
				record.Saturated, n, len(bouts))
		}
	}
	return ""
}

// judgeContests judges all figures as one family.
func judgeContests(all []*Contest) error {
	var cells []Cell
	for _, r := range Results(all) {
		cells = append(cells, r.Cell)
	}
	judged, err := Judge(cells)
	if err != nil {
		return err
	}
	for i, r := range Results(all) {
		*r = judged[i]
	}
	return nil
}

// Results returns the results of contests, in their order.
func Results(all []*Contest) (list []*Result) {
	for _, c := range all {
		for _, f := range c.Figures {
			list = append(list, &f.Result)
		}
	}
	return list
}

// tidyUnit returns a unit as benchstat has it, such as sec/op for ns/op.
func tidyUnit(unit string) string {
	_, tidy := benchunit.Tidy(1, unit)
	return tidy
}
