package page

import (
	"math"
	"slices"
	"strings"

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
		v := &cell{Cell: c, name: armOf(run.Scenario, c), series: i % max(arms, 1)}
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

// armOf is what a cell is called: its arms in the dimensions that cells differ in.
func armOf(s *scenarios.Scenario, c scenarios.Cell) string {
	var arms []string
	for _, d := range s.Dimensions() {
		if arm := c.Value(d); arm != "" {
			arms = append(arms, arm)
		}
	}
	return strings.Join(arms, "/")
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

// A contest is a comparison of the scenario, over all levels.
type contest struct {
	scenarios.Pair
	rows []*row
}

// A row is a figure of a contest, and what it is of.
type row struct {
	*comparison.Figure
	level  scenarios.Level
	beside string // the arms in other dimensions
}

// contestsOf gathers the contests of each pair of arms.
func contestsOf(run *results.Run, all []*comparison.Contest) (list []*contest) {
	for _, c := range all {
		i := slices.IndexFunc(list, func(o *contest) bool { return o.Pair == c.Pair })
		if i < 0 {
			i = len(list)
			list = append(list, &contest{Pair: c.Pair})
		}
		beside := strings.Join(c.Beside(run.Scenario), ", ")
		for _, f := range c.Figures {
			list[i].rows = append(list[i].rows, &row{f, c.CellA.Level, beside})
		}
	}
	return list
}

// of are the rows at a level.
func (c *contest) of(l scenarios.Level) (all []*row) {
	for _, r := range c.rows {
		if r.level == l {
			all = append(all, r)
		}
	}
	return all
}

// same tells whether nothing differed in any round.
func (r *row) same() bool { return r.Low == 0 && r.High == 0 }

// drawable tells whether the row can be drawn among ratios.
func (r *row) drawable() bool { return !math.IsNaN(r.Shift) && !r.same() && !r.Absolute }

// harm is by how much worse the head is, at least as far as it is known.
func (r *row) harm() float64 {
	switch {
	case math.IsNaN(r.Shift):
		return math.Inf(-1)
	case r.Rule.Better == comparison.Higher:
		return -r.Shift
	}
	return r.Shift
}

// margin is where it begins and ends, as a share of the base; ok is false if it is an
// amount, or all of the base, which no ratio shows, or of no account.
func (r *row) margin() (low, high float64, ok bool) {
	if r.Absolute || r.Exploratory || math.IsNaN(r.Shift) {
		return 0, 0, false
	}
	margin := r.Allowed()
	return -margin, margin, margin < 1
}
