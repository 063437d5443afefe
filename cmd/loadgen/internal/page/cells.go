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

// A cell holds the usable visits of one cell, by round.
type cell struct {
	scenarios.Cell
	name   string // of its arm, among the arms of its level
	series int    // number of its arm, which determines the colour
	visits []*results.Visit
	values []map[string]float64 // of each visit, by unit
}

// cells returns the cells of all levels, in the order of the scenario.
func cells(run *results.Run) (list []*cell) {
	levels := max(len(run.Scenario.Levels()), 1)
	scenarioCells := run.Scenario.Cells()
	arms := len(scenarioCells) / levels
	for i, c := range scenarioCells {
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
		list = append(list, v)
	}
	return list
}

// armOf returns the name of a cell, which consists of its arms in the dimensions that cells differ in.
func armOf(s *scenarios.Scenario, c scenarios.Cell) string {
	var arms []string
	for _, d := range s.Dimensions() {
		if arm := c.Value(d); arm != "" {
			arms = append(arms, arm)
		}
	}
	return strings.Join(arms, "/")
}

// at returns the cells of one level.
func at(cells []*cell, l scenarios.Level) (level []*cell) {
	for _, c := range cells {
		if c.Level == l {
			level = append(level, c)
		}
	}
	return level
}

// median returns the median of a unit over all rounds, or NaN if a round has no value in that unit.
func (c *cell) median(unit string) float64 {
	var values []float64
	for _, by := range c.values {
		if x, ok := by[unit]; ok {
			values = append(values, x)
		}
	}
	if len(values) == 0 || len(values) < len(c.values) {
		return math.NaN()
	}
	return results.Median(values)
}

// doubted reports whether at least half of the visits are not valid for the reason with this name.
func (c *cell) doubted(name string) bool {
	n := 0
	for _, v := range c.visits {
		if v.Doubted(name) {
			n++
		}
	}
	return n > 0 && 2*n >= len(c.visits)
}

// merged returns the sum of a histogram over all visits.
func (c *cell) merged(histogram func(*results.Visit) *quantile.HDR) *quantile.HDR {
	sum := quantile.NewHDR()
	for _, v := range c.visits {
		if err := sum.Merge(histogram(v)); err != nil {
			return quantile.NewHDR() // the number of values overflows
		}
	}
	return sum
}

// A contest is a comparison of two arms, over all levels.
type contest struct {
	scenarios.Pair
	rows []*row
}

// A row is a figure of a contest, with its level and the arms in other dimensions.
type row struct {
	*comparison.Figure
	level  scenarios.Level
	beside string // arms in other dimensions
}

// contestsOf groups contests by pairs of arms.
func contestsOf(run *results.Run, contests []*comparison.Contest) (list []*contest) {
	for _, c := range contests {
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

// of returns the rows at a level.
func (c *contest) of(l scenarios.Level) (rows []*row) {
	for _, r := range c.rows {
		if r.level == l {
			rows = append(rows, r)
		}
	}
	return rows
}

// same reports whether there is no difference in any round.
func (r *row) same() bool { return r.Low == 0 && r.High == 0 }

// drawable reports whether the row can be drawn as a ratio.
func (r *row) drawable() bool { return !math.IsNaN(r.Shift) && !r.same() && !r.Absolute }

// harm returns by how much the head is worse, or -Inf if that is unknown.
func (r *row) harm() float64 {
	switch {
	case math.IsNaN(r.Shift):
		return math.Inf(-1)
	case r.Rule.Better == comparison.Higher:
		return -r.Shift
	}
	return r.Shift
}

// margin returns the bounds of the margin as shares of the base. ok is false if the margin is an amount, if it is all
// of the base, which no ratio shows, or if it does not apply.
func (r *row) margin() (low, high float64, ok bool) {
	if r.Absolute || r.Exploratory || math.IsNaN(r.Shift) {
		return 0, 0, false
	}
	margin := r.Allowed()
	return -margin, margin, margin < 1
}
