package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An estimator holds the size and the errors of one estimator, as medians over visits.
type estimator struct {
	name        string
	state       float64
	value, rank map[float64]float64 // shares, by quantile
	visits      int
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
		e := estimator{name: arm, value: map[float64]float64{}, rank: map[float64]float64{}}
		var state []float64
		value, rank := map[float64][]float64{}, map[float64][]float64{}
		for _, v := range at(cells, level) {
			for _, visit := range v.visits {
				for _, estimate := range visit.Estimates {
					if estimate.Quantile != arm {
						continue
					}
					e.visits++
					state = append(state, float64(estimate.StateBytes))
					for _, a := range estimate.Answers {
						value[a.Q] = append(value[a.Q], math.Abs(a.Value))
						rank[a.Q] = append(rank[a.Q], a.Rank)
					}
				}
			}
		}
		if e.visits == 0 {
			continue
		}
		e.state = results.Median(state)
		for _, q := range results.EstimatePercentiles() {
			if len(value[q]) > 0 {
				e.value[q], e.rank[q] = results.Median(value[q]), results.Median(rank[q])
			}
		}
		list = append(list, e)
	}
	return list, level
}

// estimatorCharts returns a chart of error against size for each percentile.
func estimatorCharts(run *results.Run, cells []*cell) (charts []*chart) {
	list, level := estimators(run, cells)
	if len(list) == 0 {
		return nil
	}
	for i, q := range results.EstimatePercentiles() {
		name := record.PercentileName(q)
		c := &chart{ID: fmt.Sprintf("estimators-%d", i), Title: "Estimators: error of " + name + " against size",
			Caption: fmt.Sprintf("On the latencies of every visit at %s: the error of the value compared with a full "+
				"sort. Medians over visits. "+
				"Further left is smaller, further down is better.", report.Load(level))}
		c.scatter(list, q)
		c.Table.Header = []string{"", "state, bytes", "value error, %", "rank error, %", "visits"}
		for _, e := range list {
			row := []string{e.name, format.Count(e.state), format.None, format.None, fmt.Sprint(e.visits)}
			if v, ok := e.value[q]; ok {
				row[2], row[3] = format.Number(100*v), format.Number(100*e.rank[q])
			}
			c.Table.Rows = append(c.Table.Rows, row)
		}
		charts = append(charts, c)
	}
	return charts
}

// scatter draws a dot for each estimator, and its name to the right of the plot, as close to the height of the dot as
// there is room.
func (c *chart) scatter(list []estimator, q float64) {
	var stated []estimator
	var xs, ys []float64
	for _, e := range list {
		if v, ok := e.value[q]; ok {
			stated, xs, ys = append(stated, e), append(xs, e.state), append(ys, 100*v)
		}
	}
	if len(stated) == 0 {
		c.Missing = "No visit has enough calls."
		return
	}
	const names = 150
	height := max(lowHeight+40, float64(axisMargin+topMargin)+lineHeight*float64(len(stated)+1))
	y := logScale(ys, height-axisMargin, topMargin)
	ticks := y.ticks(plain, down)
	c.frame(true, tickLabels(ticks))
	c.Height = px(height)
	c.Right, c.Bottom = c.Width-names-40, c.Height-axisMargin
	x := logScale(xs, float64(c.Left), float64(c.Right))
	c.X, c.Y = axis{"state, bytes", x.ticks(plain, across), x, 1}, axis{"error, %", ticks, y, 1}
	slices.SortStableFunc(stated, func(a, b estimator) int { return cmp.Compare(b.value[q], a.value[q]) })
	last := float64(c.Top) - lineHeight + 8
	for i, e := range stated {
		p := point{x.at(e.state), y.at(100 * e.value[q])}
		// The name is at least as low as the dot, unless the names below it would not fit.
		line := min(max(float64(p.y), last+lineHeight), float64(c.Bottom)-lineHeight*float64(len(stated)-1-i))
		last = line
		name := fmt.Sprintf("%s: %s of state, error %s", e.name, format.Bytes(e.state),
			format.Percent(e.value[q]))
		c.Shapes = append(c.Shapes,
			shape{Kind: "lead", X: p.x, Y: p.y, X2: c.Right + 8, Y2: px(line)},
			shape{Kind: "dot", Class: class(i), X: p.x, Y: p.y, Label: name})
		c.Texts = append(c.Texts, label{c.Right + 12, px(line) + 4, "start", "", format.Cut(e.name, 24), name})
	}
}
