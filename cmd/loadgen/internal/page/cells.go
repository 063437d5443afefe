package page

import (
	"cmp"
	"errors"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A cell holds the usable visits of one cell, by round.
type cell struct {
	scenarios.Cell
	name   string // of its arm, among the arms of its level
	look   look
	visits []*results.Visit
	values []map[string]float64 // of each visit, by unit
}

// cells returns the cells of all levels, in the order of the scenario.
func cells(run *results.Run) (list []*cell) {
	for _, c := range run.Scenario.Cells() {
		v := &cell{Cell: c, name: run.Scenario.NameOf(c)}
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
	median, _, _ := c.spread(unit)
	return median
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

// latency returns the median over rounds of a percentile of latency, in ns, and the least and the most of any round.
// They are infinite if the percentile lies among calls that failed or were dropped, and NaN unless every round has
// enough calls for it.
func (c *cell) latency(q float64) (median, least, most float64) {
	var values []float64
	for _, v := range c.visits {
		x, err := v.Record.Percentile(q)
		var infinite *record.NotServedError
		switch {
		case errors.As(err, &infinite):
			values = append(values, math.Inf(1))
		case err != nil:
			return math.NaN(), math.NaN(), math.NaN()
		default:
			values = append(values, float64(x))
		}
	}
	return middle(values)
}

// spread returns the median over rounds of a unit, the least and the most. They are NaN unless every round has a
// value.
func (c *cell) spread(unit string) (median, least, most float64) {
	var values []float64
	for _, by := range c.values {
		x, ok := by[unit]
		if !ok {
			return math.NaN(), math.NaN(), math.NaN()
		}
		values = append(values, x)
	}
	return middle(values)
}

// middle returns the median of values, the least and the most; all are NaN if there are none.
func middle(values []float64) (median, least, most float64) {
	if len(values) == 0 {
		return math.NaN(), math.NaN(), math.NaN()
	}
	slices.Sort(values)
	least, most = values[0], values[len(values)-1]
	if n := len(values); math.IsInf(values[n/2], 1) {
		return math.Inf(1), least, most
	}
	return results.Median(values), least, most
}

// typical returns the visit with the median p99, or nil if there are no visits.
func (c *cell) typical() *results.Visit {
	sorted := slices.Clone(c.visits)
	slices.SortStableFunc(sorted, func(a, b *results.Visit) int {
		return cmp.Compare(a.Record.Latency.Quantile(0.99), b.Record.Latency.Quantile(0.99))
	})
	if len(sorted) == 0 {
		return nil
	}
	return sorted[(len(sorted)-1)/2]
}

// sum returns the sum of f over all visits.
func (c *cell) sum(f func(*record.Record) uint64) (n uint64) {
	for _, v := range c.visits {
		n += f(v.Record)
	}
	return n
}
