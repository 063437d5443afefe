// Package report writes a run as text for a terminal.
package report

import (
	"errors"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A view holds the visits of one cell.
type view struct {
	cell   scenarios.Cell
	visits []*results.Visit // usable visits, by round
}

// views returns the views of all cells, in the order of the scenario.
func views(run *results.Run) []*view {
	var list []*view
	for _, c := range run.Scenario.Cells() {
		v := &view{cell: c}
		for _, visit := range run.Visits {
			if visit.Cell == c && visit.Usable() {
				v.visits = append(v.visits, visit)
			}
		}
		slices.SortStableFunc(v.visits, func(a, b *results.Visit) int { return a.Round - b.Round })
		list = append(list, v)
	}
	return list
}

// clientCPU is the unit of the CPU time of the client of a service, which is the only cost of a service that loadgen
// did
// not start.
const clientCPU = "client-cpu-ns/op"

// callsService reports whether the cells of a run call a service that loadgen did not start, so that its costs are
// unknown.
func callsService(cells []*view) bool {
	if len(cells) == 0 || !scenarios.IsService(cells[0].cell.Value(scenarios.Target)) {
		return false
	}
	return !slices.ContainsFunc(cells, func(v *view) bool {
		return slices.ContainsFunc(v.visits, func(visit *results.Visit) bool { return visit.Service != nil })
	})
}

// values returns the values of a unit by round. It leaves out visits without a value in that unit.
func (v *view) values(unit string) map[int]float64 {
	by := map[int]float64{}
	for _, visit := range v.visits {
		for _, m := range visit.Measurements() {
			if m.Unit == unit {
				by[visit.Round] = m.Value
			}
		}
	}
	return by
}

// median returns the median of a unit over rounds, or NaN unless every visit has a value.
func (v *view) median(unit string) float64 {
	by := v.values(unit)
	if len(by) == 0 || len(by) < len(v.visits) {
		return math.NaN()
	}
	values := make([]float64, 0, len(by))
	for _, x := range by {
		values = append(values, x)
	}
	return results.Median(values)
}

// sum returns the sum of f over all visits.
func (v *view) sum(f func(*record.Record) uint64) (n uint64) {
	for _, visit := range v.visits {
		n += f(visit.Record)
	}
	return n
}

// latency returns the median over rounds of a percentile of latency, in ns: it is infinite if it is in most of the
// visits, and NaN unless every visit states it.
func (v *view) latency(q float64) (ns float64) {
	var values []float64
	for _, visit := range v.visits {
		d, err := visit.Record.Percentile(q)
		var not *record.NotServedError
		switch {
		case errors.As(err, &not):
			values = append(values, math.Inf(1))
		case err != nil:
			return math.NaN()
		default:
			values = append(values, float64(d))
		}
	}
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	if math.IsInf(values[len(values)/2], 1) {
		return math.Inf(1)
	}
	return results.Median(values)
}

// longest returns the longest latency of all visits, in ns. It is infinite if calls failed or were dropped, and NaN
// if there is no visit.
func (v *view) longest() (ns float64) {
	if len(v.visits) == 0 {
		return math.NaN()
	}
	longest := time.Duration(0)
	for _, visit := range v.visits {
		if visit.Record.Unserved() > 0 {
			return math.Inf(1)
		}
		longest = max(longest, visit.Record.Latency.Max())
	}
	return float64(longest)
}

// known returns a value, or NaN if it is nil.
func known(x *float64) float64 {
	if x == nil {
		return math.NaN()
	}
	return *x
}

// rounds returns the number of visits per cell, which varies if a run was cut short.
func rounds(cells []*view) string {
	least, most := len(cells[0].visits), 0
	for _, v := range cells {
		least, most = min(least, len(v.visits)), max(most, len(v.visits))
	}
	return format.Between(least, most, "round")
}

// rate returns a rate in calls per second.
func rate(r schedule.Rate) string {
	s := r.String()
	if strings.ContainsAny(s, "./") {
		return s + "/s"
	}
	return format.Count(r.Float()) + "/s"
}
