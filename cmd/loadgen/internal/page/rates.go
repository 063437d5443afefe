package page

import (
	"fmt"
	"math"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A series holds the points of one arm in a chart.
type series struct {
	name   string
	index  int
	x, y   []float64
	hollow []bool
}

// lines draws series over a logarithmic x axis. Values are divided by per. The y axis also includes the values in
// more.
func (c *chart) lines(list []series, x string, y string, log bool, per float64, more ...float64) {
	var xs []float64
	ys := more
	for _, s := range list {
		xs = append(xs, s.x...)
		for _, v := range s.y {
			ys = append(ys, v/per)
		}
	}
	if len(xs) == 0 {
		c.Missing = "No arm has enough calls."
		return
	}
	around := linearScale
	if log {
		around = logScale
	}
	vertical := around(ys, lowHeight-axisMargin, topMargin)
	ticks := vertical.ticks(plain, down)
	c.frame(false, tickLabels(ticks))
	horizontal := logScale(xs, float64(c.Left), float64(c.Right))
	c.X = axis{x, horizontal.ticks(plain, across), horizontal, 1}
	c.Y = axis{y, ticks, vertical, per}
	for _, s := range list {
		line := []point(nil)
		name := class(s.index)
		for i := range s.x {
			p := point{horizontal.at(s.x[i]), vertical.at(s.y[i] / per)}
			line = append(line, p)
			what := fmt.Sprintf("%s at %s: %s", s.name, format.Rate(s.x[i]), format.Number(s.y[i]/per))
			if s.hollow[i] {
				what += ", generator-limited"
			}
			c.Shapes = append(c.Shapes, shape{Kind: "dot", Class: name, X: p.x, Y: p.y, Hollow: s.hollow[i],
				Label: what})
		}
		if len(line) > 1 {
			c.Shapes = append(c.Shapes, shape{Kind: "line", Class: name, Points: points(line), Label: s.name})
		}
		c.Legend = append(c.Legend, key{name, s.name})
	}
}

// byRate returns the medians of a unit for every arm, as series over the offered rate.
func byRate(cells []*cell, unit string) (list []series) {
	for _, v := range cells {
		x, y := v.median("offered-qps"), v.median(unit)
		if math.IsNaN(x) || math.IsNaN(y) || x <= 0 {
			continue
		}
		k := -1
		for i := range list {
			if list[i].index == v.series {
				k = i
			}
		}
		if k < 0 {
			list = append(list, series{name: v.name, index: v.series})
			k = len(list) - 1
		}
		s := &list[k]
		s.x, s.y, s.hollow = append(s.x, x), append(s.y, y), append(s.hollow, v.doubted(record.GeneratorLimited))
	}
	return list
}

// rates returns the charts over the offered rate.
func rates(cells []*cell) (charts []*chart) {
	for _, q := range []string{"p50", "p99"} {
		c := &chart{ID: "rate-" + q, Title: q + " of latency against offered rate" + ofWhich(cells),
			Caption: "Medians over rounds. Hollow: generator-limited in at least half of the visits."}
		list := byRate(cells, q+"-latency-ns")
		var values []float64
		for _, s := range list {
			values = append(values, s.y...)
		}
		u := timeUnit(values)
		c.lines(list, "offered, calls/s", q+", "+u.name, true, u.ns)
		c.Table = ratesTable(cells, q+"-latency-ns", q+", us", 1e3)
		charts = append(charts, c)
	}
	c := &chart{ID: "rate-achieved", Title: "Achieved of the offered rate",
		Caption: "Medians over rounds. Below 100%, some due calls did not end in time. Hollow: generator-limited."}
	list := byRate(cells, "achieved-qps")
	for _, s := range list {
		for i := range s.y {
			s.y[i] *= 100 / s.x[i]
		}
	}
	c.lines(list, "offered, calls/s", "achieved, %", false, 1, 90, 101)
	c.Table = ratesTable(cells, "achieved-qps", "achieved, calls/s", 1)
	return append(charts, c)
}

// ratesTable returns a table of a unit, with a row for each cell.
func ratesTable(cells []*cell, unit, header string, per float64) (t table) {
	t.Header = []string{"", "offered, calls/s", header, "visits", ""}
	for _, v := range cells {
		remark := ""
		if v.doubted(record.GeneratorLimited) {
			remark = record.GeneratorLimited
		}
		t.Rows = append(t.Rows, []string{v.name, format.Number(v.median("offered-qps")),
			format.Number(v.median(unit) / per), fmt.Sprint(len(v.visits)), remark})
	}
	return t
}
