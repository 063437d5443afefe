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

// PrimaryUnits returns the units of a run that are judged by default. All others are
// exploratory.
func PrimaryUnits() []string { return []string{"B/op", "allocs/op", "cpu-ns/op", "p99-latency-ns"} }

// RevisionUnits returns the units judged by default where two runs are compared, such as those of two revisions. A
// head that fails or drops more calls than its base must not pass for being as fast with the rest.
func RevisionUnits() []string { return append(PrimaryUnits(), "err-ppm", "drop-ppm") }

// IsPrimary reports whether a unit, in benchstat's form, is one of PrimaryUnits.
func IsPrimary(unit string) bool { return IsAmong(PrimaryUnits(), unit) }

// IsAmong reports whether a unit, in benchstat's form, is one of units, which are names of results.Units.
func IsAmong(units []string, unit string) bool {
	return slices.ContainsFunc(units, func(name string) bool { return TidyUnit(name) == unit })
}

// Options say how the units of a run are judged. The functions take units in benchstat's form.
type Options struct {
	Rule    func(unit string) Rule // DefaultRule if it is nil
	Primary func(unit string) bool // IsPrimary if it is nil
	Removed []scenarios.Cell       // of two runs, the cells that are not compared
}

// A Contest compares two cells of load, paired by round, in every primary unit and in every other unit that both cells
// have measured.
type Contest struct {
	scenarios.Comparison // cell A is the head, cell B the base
	Name                 string
	Rounds               []int // rounds in which both cells were measured
	Figures              []*Figure
}

// A Figure compares one unit of a contest.
type Figure struct {
	Result
	Unit   string // as results.Units has it; Rule.Unit is benchstat's form
	Rounds []int  // the rounds of the values of Base and Head
	// Doubt says that most of the latency of a side is generator lag, and of which side; "" if that is not so. The
	// verdict is by the numbers, and may be about the generator instead of the target.
	Doubt string
}

// InUnit converts a value of the figure, or a difference of values, to Unit.
func (f *Figure) InUnit(x float64) float64 {
	factor, _ := benchunit.Tidy(1, f.Unit)
	return x / factor
}

// Figure returns the figure of a unit of results.Units, or nil if there is none.
func (c *Contest) Figure(unit string) *Figure {
	i := slices.IndexFunc(c.Figures, func(f *Figure) bool { return f.Unit == unit })
	if i < 0 {
		return nil
	}
	return c.Figures[i]
}

// OfRun returns the comparisons of a run's scenario, in the order of the scenario, judged as one family.
func OfRun(run *results.Run, o Options) ([]*Contest, error) {
	visits := byCell(run)
	var contests []*Contest
	for _, c := range run.Scenario.Comparisons() {
		name := strings.Join(slices.Concat([]string{c.Pair.String()}, c.Beside(run.Scenario),
			[]string{c.CellA.Level.Name()}), "/")
		contests = append(contests, o.contest(c, name, pairUp(visits[c.CellB], visits[c.CellA])))
	}
	return contests, conclude(contests)
}

// OfRuns compares each cell of head with the same cell of base, in the rounds in which both were measured, and judges
// all comparisons as one family. Their names are the names in run.bench.
func OfRuns(base, head *results.Run, o Options) ([]*Contest, error) {
	before, after := byCell(base), byCell(head)
	var contests []*Contest
	for _, cell := range head.Scenario.Cells() {
		if slices.Contains(o.Removed, cell) {
			continue
		}
		c := scenarios.Comparison{CellA: cell, CellB: cell}
		contests = append(contests, o.contest(c, head.BenchName(cell), pairUp(before[cell], after[cell])))
	}
	return contests, conclude(contests)
}

// conclude judges contests, and sets the doubts of their figures.
func conclude(contests []*Contest) error {
	if err := judgeContests(contests); err != nil {
		return err
	}
	for _, c := range contests {
		c.doubt()
	}
	return nil
}

// doubt sets the doubt of the figure of p99 latency: on a side with more lag than half of its latency, most of what
// was measured is the generator.
func (c *Contest) doubt() {
	latency, lag := c.Figure("p99-latency-ns"), c.Figure("p99-generator-lag-us")
	if latency == nil || lag == nil {
		return
	}
	const nsPerMicro = 1e3
	base, head := c.B, c.A
	if c.CellA == c.CellB {
		base, head = "base", "head"
	}
	most := 0.5
	for _, side := range []struct {
		name         string
		latency, lag float64
	}{
		{head, latency.InUnit(latency.HeadMedian), lag.InUnit(lag.HeadMedian)},
		{base, latency.InUnit(latency.BaseMedian), lag.InUnit(lag.BaseMedian)},
	} {
		if share := nsPerMicro * side.lag / side.latency; share > most {
			most = share
			latency.Doubt = fmt.Sprintf("%.0f%% of %s's p99 is generator lag", 100*min(share, 1), side.name)
		}
	}
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

// byCell returns the usable visits of each cell, without visits in which no call was due.
func byCell(run *results.Run) map[scenarios.Cell][]visit {
	cells := map[scenarios.Cell][]visit{}
	for _, v := range run.Visits {
		if v.Usable() && v.Record.Offered > 0 {
			cells[v.Cell] = append(cells[v.Cell], visit{v, values(v)})
		}
	}
	return cells
}

// values returns the measurements of a visit, by unit. A time that is 0 was too short for its clock, and is left out,
// as in run.bench.
func values(v *results.Visit) map[string]float64 {
	by := map[string]float64{}
	for _, m := range v.Measurements() {
		if x, unit := benchunit.Tidy(m.Value, m.Unit); x != 0 || unit == m.Unit {
			by[unit] = x
		}
	}
	return by
}

// A bout holds the visits of both cells of a contest in one round.
type bout struct{ base, head visit }

// pairUp returns the visits of each round in which both cells were measured.
func pairUp(base, head []visit) (bouts []bout) {
	rounds := func(visits []visit) (numbers []int) {
		for _, v := range visits {
			numbers = append(numbers, v.Round)
		}
		return numbers
	}
	for _, p := range PairRounds(rounds(base), rounds(head)) {
		bouts = append(bouts, bout{base[p[0]], head[p[1]]})
	}
	return bouts
}

// PairRounds pairs measurements by round. For each round that both a and b hold, in ascending order of rounds, it
// returns the index in a and the index in b. A round may occur at most once in each of them.
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

// contest returns the contest of a comparison, with its figures.
func (o *Options) contest(cmp scenarios.Comparison, name string, bouts []bout) *Contest {
	c := &Contest{Comparison: cmp, Name: name}
	for _, b := range bouts {
		c.Rounds = append(c.Rounds, b.base.Round)
	}
	for _, u := range results.Units() {
		f := o.figure(u.Name, name, bouts)
		if f.Rule.Better == Neither || f.Exploratory && len(f.Base) == 0 || neverTold(u.Name, bouts) {
			continue
		}
		f.Incomparable = c.obstacle(f, bouts)
		c.Figures = append(c.Figures, f)
	}
	return c
}

// neverTold reports whether a unit is a cost that a service tells of in no visit of either cell, as one that is not
// written in Go does of its allocations.
func neverTold(unit string, bouts []bout) bool {
	tidy := TidyUnit(unit)
	return len(bouts) > 0 && !strings.HasSuffix(unit, "-latency-ns") &&
		!slices.ContainsFunc(bouts, func(b bout) bool {
			_, base := b.base.values[tidy]
			_, head := b.head.values[tidy]
			return base || head || b.base.Connections == nil || b.head.Connections == nil
		})
}

// figure returns the figure of a unit, from the rounds in which both visits have a value in that unit.
func (o *Options) figure(unit, name string, bouts []bout) *Figure {
	tidy := TidyUnit(unit)
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
		return "no round measured both"
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

// saturated returns the reason if a cell did not keep up with its load in half of the rounds or more, and ""
// otherwise. The latency of such a cell grows with the length of the visit, and is no property of the arm.
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

// judgeContests judges the figures of all contests as one family, and sets their results.
func judgeContests(contests []*Contest) error {
	var cells []Cell
	for _, r := range Results(contests) {
		cells = append(cells, r.Cell)
	}
	judged, err := Judge(cells)
	if err != nil {
		return err
	}
	for i, r := range Results(contests) {
		*r = judged[i]
	}
	return nil
}

// Results returns the results of contests, in their order.
func Results(contests []*Contest) (list []*Result) {
	for _, c := range contests {
		for _, f := range c.Figures {
			list = append(list, &f.Result)
		}
	}
	return list
}

// TidyUnit returns a unit in benchstat's form, such as sec/op for ns/op.
func TidyUnit(unit string) string {
	_, tidy := benchunit.Tidy(1, unit)
	return tidy
}
