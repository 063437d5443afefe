package page

import (
	"math"
	"slices"
	"strings"

	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A cell is what the usable visits of one measured, by round.
type cell struct {
	scenarios.Cell
	name   string // of its arm, among those of its level
	series int    // the number of its arm, which has a colour
	visits []*results.Visit
	values []map[string]float64 // by unit, of each visit
}

// cells are those of all levels, in the order of the scenario.
func cells(run *results.Run) (all []*cell) {
	levels := max(len(run.Scenario.Levels()), 1)
	of := run.Scenario.Cells()
	arms := len(of) / levels
	for i, c := range of {
		v := &cell{Cell: c, name: c.Spans, series: i % max(arms, 1)}
		if c.Quantile != "" {
			v.name = strings.TrimPrefix(c.Spans+"/"+c.Quantile, scenarios.None+"/")
		}
		for _, visit := range run.Visits {
			if visit.Cell == c && visit.Usable() {
				v.visits = append(v.visits, visit)
			}
		}
		slices.SortStableFunc(v.visits, func(a, b *results.Visit) int { return a.Round - b.Round })
		for _, visit := range v.visits {
			by := map[string]float64{}
			for _, m := range visit.Measurements() {
				by[m.Unit] = m.Value
			}
			v.values = append(v.values, by)
		}
		all = append(all, v)
	}
	return all
}

// at are those of one level.
func at(all []*cell, l scenarios.Level) (of []*cell) {
	for _, c := range all {
		if c.Level == l {
			of = append(of, c)
		}
	}
	return of
}

// median of a unit over the rounds that stated it; NaN if one did not.
func (c *cell) median(unit string) float64 {
	var all []float64
	for _, by := range c.values {
		if x, ok := by[unit]; ok {
			all = append(all, x)
		}
	}
	if len(all) == 0 || len(all) < len(c.values) {
		return math.NaN()
	}
	return results.Median(all)
}

// doubted tells whether at least half of the visits are in doubt for a reason of that
// name.
func (c *cell) doubted(name string) bool {
	n := 0
	for _, v := range c.visits {
		if v.Doubted(name) {
			n++
		}
	}
	return n > 0 && 2*n >= len(c.visits)
}

// merged is a histogram of all visits.
func (c *cell) merged(of func(*results.Visit) *quantile.HDR) *quantile.HDR {
	all := quantile.NewHDR()
	for _, v := range c.visits {
		if err := all.Merge(of(v)); err != nil {
			return quantile.NewHDR() // of more values than anyone has measured
		}
	}
	return all
}

// A judged is a cell of a comparison with its verdict, or what keeps it from one.
type judged struct {
	unit  string // ours
	level scenarios.Level
	among string // the arm of spans of a live scenario of several
	rule  comparison.Rule
	// result is nil if the cell cannot be judged at all, for which why is.
	result *comparison.Result
	why    string
	rounds []int // of the pairs
}

// A contest is a comparison of the scenario, over all levels: its cells are one family.
type contest struct {
	scenarios.Pair
	cells []*judged
}

// of are the cells at a level.
func (c *contest) of(l scenarios.Level) (all []*judged) {
	for _, j := range c.cells {
		if j.level == l {
			all = append(all, j)
		}
	}
	return all
}

// contests judges all comparisons. A family is one of them: over all of them, Holm's
// procedure would ask for more rounds than anyone makes.
func contests(run *results.Run, all []*cell) (list []*contest) {
	s := run.Scenario
	for _, pair := range s.Compare {
		c := &contest{Pair: pair}
		for _, l := range s.Levels() {
			for _, spans := range s.Spans {
				head, base := scenarios.Cell{Spans: pair.A, Level: l}, scenarios.Cell{Spans: pair.B, Level: l}
				among := ""
				if s.Live {
					head = scenarios.Cell{Spans: spans, Quantile: pair.A, Level: l}
					base = scenarios.Cell{Spans: spans, Quantile: pair.B, Level: l}
					if len(s.Spans) > 1 {
						among = "spans=" + spans
					}
				}
				c.add(find(all, base), find(all, head), among)
				if !s.Live {
					break // spans are what is compared
				}
			}
		}
		c.judge()
		list = append(list, c)
	}
	return list
}

func find(all []*cell, c scenarios.Cell) *cell {
	for _, v := range all {
		if v.Cell == c {
			return v
		}
	}
	return &cell{Cell: c} // which was not measured
}

// add adds a cell for every unit that has a better and a worse, paired by round.
func (c *contest) add(base, head *cell, among string) {
	for _, u := range results.Units {
		_, tidy := benchunit.Tidy(1, u.Name)
		j := &judged{unit: u.Name, level: base.Level, among: among, rule: comparison.DefaultRule(tidy)}
		one := comparison.Cell{Name: u.Name, Rule: j.rule, Paired: true}
		for i, by := range base.values {
			x, ok := by[u.Name]
			k := slices.IndexFunc(head.visits, func(v *results.Visit) bool { return v.Round == base.visits[i].Round })
			if !ok || k < 0 {
				continue
			}
			if y, ok := head.values[k][u.Name]; ok {
				a, _ := benchunit.Tidy(x, u.Name)
				b, _ := benchunit.Tidy(y, u.Name)
				one.Base, one.Head = append(one.Base, a), append(one.Head, b)
				j.rounds = append(j.rounds, base.visits[i].Round)
			}
		}
		if u.Better == "" || len(one.Base) == 0 {
			continue
		}
		if _, err := comparison.Judge([]comparison.Cell{one}); err != nil {
			j.why = err.Error()
		} else {
			j.result = &comparison.Result{Cell: one}
		}
		c.cells = append(c.cells, j)
	}
}

// judge judges the cells that can be, together.
func (c *contest) judge() {
	var family []comparison.Cell
	var of []*judged
	for _, j := range c.cells {
		if j.result != nil {
			family, of = append(family, j.result.Cell), append(of, j)
		}
	}
	all, err := comparison.Judge(family)
	for i, j := range of {
		if err != nil {
			j.result, j.why = nil, err.Error()
			continue
		}
		j.result = &all[i]
	}
}

// verdict is that of the cell, in a word.
func (j *judged) verdict() comparison.Verdict {
	if j.result == nil {
		return comparison.Inconclusive
	}
	return j.result.Verdict
}

// reason is what there is to say of the verdict.
func (j *judged) reason() string {
	if j.result == nil {
		return j.why
	}
	return j.result.Why
}

// nothing tells whether there is nothing to draw: not known, or the same in both.
func (j *judged) nothing() bool {
	return j.result == nil || math.IsNaN(j.result.Shift) || j.result.Low == 0 && j.result.High == 0
}

// harm is by how much worse the head is, at least as far as it is known.
func (j *judged) harm() float64 {
	if j.result == nil || math.IsNaN(j.result.Shift) {
		return math.Inf(-1)
	}
	if j.rule.Better == comparison.Higher {
		return -j.result.Shift
	}
	return j.result.Shift
}

// margin is where it begins and ends, as a share of the base; ok is false if it is an
// amount, or all of the base, which no ratio shows.
func (j *judged) margin() (low, high float64, ok bool) {
	if j.result == nil || j.result.Absolute {
		return 0, 0, false
	}
	margin := j.result.Allowed()
	return -margin, margin, margin < 1
}
