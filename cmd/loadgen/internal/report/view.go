// Package report writes a run as text for a terminal.
package report

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
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

// median returns the median of a unit over rounds. ok is false unless every visit has a value.
func (v *view) median(unit string) (x float64, ok bool) {
	by := v.values(unit)
	if len(by) == 0 || len(by) < len(v.visits) {
		return 0, false
	}
	values := make([]float64, 0, len(by))
	for _, x := range by {
		values = append(values, x)
	}
	return results.Median(values), true
}

// sum returns the sum of f over all visits.
func (v *view) sum(f func(*record.Record) uint64) (n uint64) {
	for _, visit := range v.visits {
		n += f(visit.Record)
	}
	return n
}

// none is printed for a value that was not measured or that there are too few calls for.
const none = "-"

// show returns the median of a unit over rounds, divided by per, as text.
func (v *view) show(unit string, per float64) string {
	x, ok := v.median(unit)
	if !ok {
		return none
	}
	return Number(x / per)
}

// infinite is printed for a latency that lies among calls that failed or were dropped.
const infinite = "infinite"

// latency returns the median over rounds of a percentile of latency, in ns: it is infinite if it is in most of the
// visits. It is false unless every visit states it.
func (v *view) latency(q float64) (ns float64, ok bool) {
	var values []float64
	for _, visit := range v.visits {
		d, err := visit.Record.Percentile(q)
		var not *record.NotServedError
		switch {
		case errors.As(err, &not):
			values = append(values, math.Inf(1))
		case err != nil:
			return 0, false
		default:
			values = append(values, float64(d))
		}
	}
	if len(values) == 0 {
		return 0, false
	}
	slices.Sort(values)
	if math.IsInf(values[len(values)/2], 1) {
		return math.Inf(1), true
	}
	return results.Median(values), true
}

// longest returns the longest latency of all visits, in ns. It is infinite if calls failed or were dropped, and false
// if there is no visit.
func (v *view) longest() (ns float64, ok bool) {
	longest := time.Duration(0)
	for _, visit := range v.visits {
		if visit.Record.Unserved() > 0 {
			return math.Inf(1), true
		}
		longest = max(longest, visit.Record.Latency.Max())
	}
	return float64(longest), len(v.visits) > 0
}

// shown writes what is known.
func shown(x *float64, write func(float64) string) string {
	if x == nil {
		return none
	}
	return write(*x)
}

// micros writes a latency, in us.
func micros(ns float64, ok bool) string {
	switch {
	case !ok:
		return none
	case math.IsInf(ns, 1):
		return infinite
	}
	return Number(ns / 1e3)
}

// Number returns x with about three digits, and with commas.
func Number(x float64) string {
	switch a := math.Abs(x); {
	case x == 0:
		return "0"
	case a < 0.01:
		return fmt.Sprintf("%.2g", x)
	case a < 9.995:
		return fmt.Sprintf("%.2f", x)
	case a < 99.95:
		return fmt.Sprintf("%.1f", x)
	}
	if x < 0 {
		return "-" + Number(-x)
	}
	return Count(math.Round(x))
}

// Count returns a whole number with commas.
func Count[N int | uint64 | float64](n N) string {
	s := fmt.Sprintf("%.0f", float64(n))
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural returns a number with a noun, which is in the plural unless the number is 1.
func Plural(n int, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// rounds returns the number of visits per cell, which varies if a run was cut short.
func rounds(cells []*view) string {
	least, most := len(cells[0].visits), 0
	for _, v := range cells {
		least, most = min(least, len(v.visits)), max(most, len(v.visits))
	}
	if least < most {
		return fmt.Sprintf("%d to %s", least, Plural(most, "round"))
	}
	return Plural(most, "round")
}

// rate returns a rate in calls per second.
func rate(r schedule.Rate) string {
	s := r.String()
	if strings.ContainsAny(s, "./") {
		return s + "/s"
	}
	return Count(r.Float()) + "/s"
}

// Memory returns a number of bytes with a binary prefix.
func Memory(b float64) string {
	switch {
	case b < 1<<10:
		return Count(b) + " B"
	case b < 1<<20:
		return Number(b/(1<<10)) + " KiB"
	}
	return Number(b/(1<<20)) + " MiB"
}
