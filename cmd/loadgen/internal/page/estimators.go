package page

import (
	"fmt"
	"math"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An estimator holds the size, the speed and the errors of one estimator, as medians over visits.
type estimator struct {
	name                 string
	state, insert, query float64
	value, rank          map[float64]float64 // shares, by quantile
	visits               int
}

// largestError is the error of a value up to which an estimator is shown as good.
const largestError = 0.01

// An estimatorView is the chart and the table of the estimators.
type estimatorView struct {
	About string
	Plot  *plot
	Table table
}

// estimatorsOf returns the chart and the table of the estimators over all visits of the level with the most calls, or
// nil if there are none.
func estimatorsOf(run *results.Run, cells []*cell) *estimatorView {
	list, level := estimators(run, cells)
	if len(list) == 0 {
		return nil
	}
	v := &estimatorView{Plot: scatter(list), Table: table{Class: "legend", Header: []string{"", "memory", "insert ns",
		"query µs"}}}
	v.About = fmt.Sprintf("on the latencies of every visit at %s, against a full sort; medians of %s",
		report.Load(level), format.Plural(list[0].visits, "visit"))
	for _, q := range results.EstimatePercentiles() {
		v.Table.Header = append(v.Table.Header, "error "+record.PercentileName(q), "of rank")
	}
	for _, e := range list {
		r := line{Name: e.name, Fields: fields(format.Bytes(e.state), format.Number(e.insert), format.Micros(e.query))}
		for _, q := range results.EstimatePercentiles() {
			value, ok := e.value[q]
			if !ok {
				r.Fields = append(r.Fields, fields(format.None, format.None)...)
				continue
			}
			f := field{Text: percentOf(value)}
			if value > largestError {
				f.Class = "out-of"
			}
			r.Fields = append(r.Fields, f, field{Text: percentOf(e.rank[q])})
		}
		v.Table.Rows = append(v.Table.Rows, r)
	}
	return v
}

// percentOf returns an error in per cent, or exact.
func percentOf(share float64) string {
	if share == 0 {
		return "exact"
	}
	return format.Percent(share)
}

// estimators returns the estimators over all visits of the level with the most calls.
func estimators(run *results.Run, cells []*cell) (list []estimator, level scenarios.Level) {
	most := -1.0
	for _, v := range cells {
		if x := v.median("offered-qps"); x > most*1.1 || most < 0 && len(v.visits) > 0 {
			level, most = v.Level, x
		}
	}
	for _, arm := range run.Scenario.Arms(scenarios.Quantile) {
		var estimates []results.Estimate
		for _, v := range at(cells, level) {
			for _, visit := range v.visits {
				for _, e := range visit.Estimates {
					if e.Quantile == arm {
						estimates = append(estimates, e)
					}
				}
			}
		}
		if len(estimates) > 0 {
			list = append(list, estimatorOf(arm, estimates))
		}
	}
	return list, level
}

// estimatorOf returns the medians of estimates.
func estimatorOf(name string, estimates []results.Estimate) estimator {
	e := estimator{name: name, visits: len(estimates), value: map[float64]float64{}, rank: map[float64]float64{}}
	var state, insert, query []float64
	value, rank := map[float64][]float64{}, map[float64][]float64{}
	for _, x := range estimates {
		state = append(state, float64(x.StateBytes))
		insert, query = append(insert, x.InsertNS), append(query, x.QueryNS)
		for _, a := range x.Answers {
			value[a.Q], rank[a.Q] = append(value[a.Q], math.Abs(a.Value)), append(rank[a.Q], math.Abs(a.Rank))
		}
	}
	e.state, e.insert, e.query = results.Median(state), results.Median(insert), results.Median(query)
	for q := range value {
		e.value[q], e.rank[q] = results.Median(value[q]), results.Median(rank[q])
	}
	return e
}

// worst returns the largest error of the values, or NaN if there is none.
func (e *estimator) worst() float64 {
	worst := math.NaN()
	for _, x := range e.value {
		if math.IsNaN(worst) || x > worst {
			worst = x
		}
	}
	return worst
}

// leastError is the bottom of the chart: errors that are smaller, and none at all, are drawn there.
const leastError = 1e-5

// scatter returns a chart of the largest error against memory, or nil if no visit has enough calls.
func scatter(list []estimator) *plot {
	c := &plot{Height: 320, Wide: true, Label: "Estimators: the largest error of a percentile against memory. " +
		"The table has the values."}
	var xs []float64
	ys := []float64{leastError, 2 * largestError}
	for _, e := range list {
		if w := e.worst(); finite(w) {
			xs, ys = append(xs, e.state), append(ys, max(w, leastError))
		}
	}
	if len(xs) == 0 {
		return nil
	}
	x, y := logScale(xs, 30, extent-30), logScale(ys, extent, 0)
	allowed := y.at(largestError)
	c.add("zone", "M0 "+allowed.String()+"H1000V1000H0Z")
	c.add("limit", "M0 "+allowed.String()+"H1000")
	var names []named
	for _, e := range list {
		w := e.worst()
		if !finite(w) {
			continue
		}
		p, colour := point{x.at(e.state), y.at(max(w, leastError))}, "good"
		if w > largestError {
			colour = "bad"
		}
		c.add("dot "+colour, spot(p))
		names = append(names, named{p, format.Cut(e.name, 18)})
	}
	c.besides(names)
	c.axes(memoryTicks(x), y.ticks(func(x float64) string {
		if x <= leastError*(1+rounding) {
			return "exact"
		}
		return format.Given(x)
	}, 7), "memory of an estimator")
	return c
}

// memoryTicks returns ticks at powers of 2, of which each is the eighth of the next, or a smaller part if there are
// many.
func memoryTicks(s *scale) (list []tick) {
	const most = 5
	for step := 3; ; step += 3 {
		list = nil
		for n := 0; n < 64; n += step {
			if x := math.Pow(2, float64(n)); x >= s.lo && x <= s.hi {
				text := strings.NewReplacer(".00 ", " ", ".0 ", " ").Replace(format.Bytes(x))
				list = append(list, tick{s.at(x), text})
			}
		}
		if len(list) <= most || step > 60 {
			return list
		}
	}
}
