package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A sample is a point of a curve of latency by percentile: x is log10 of 1/(1-q), and the others are in ns.
type sample struct{ x, median, least, most float64 }

// A curve is the latency of an arm by percentile.
type curve struct {
	cell    *cell
	samples []sample
}

// xOf returns the coordinate of a quantile, in decades.
func xOf(q float64) float64 { return -math.Log10(1 - q) }

// curveOf returns the curve of a cell. It ends where the calls of a round do not suffice, or where latency is
// infinite.
func curveOf(c *cell) curve {
	const step, most = 20, 6 * 20 // steps a decade
	v := curve{cell: c}
	add := func(x, q float64) bool {
		median, least, most := c.latency(q)
		if math.IsNaN(median) || math.IsInf(median, 0) {
			return false
		}
		v.samples = append(v.samples, sample{x, median, least, most})
		return true
	}
	for i := 1; i <= most; i++ {
		x := float64(i) / step
		q := 1 - math.Pow(10, -x)
		if i%step == 0 { // exactly, as tables have it
			q = 1 - 1/math.Pow10(i/step)
		}
		if !add(x, q) {
			break
		}
		if i == int(step*xOf(0.5)) && !add(xOf(0.5), 0.5) {
			break
		}
	}
	return v
}

// A percentileChart has the axes of the curves of all levels, so that levels can be compared.
type percentileChart struct {
	curves []curve
	x, y   *scale
}

// newPercentileChart returns the axes of the curves of cells.
func newPercentileChart(cells []*cell) *percentileChart {
	c := &percentileChart{}
	decades, values := 1.0, []float64(nil)
	for _, cell := range cells {
		v := curveOf(cell)
		c.curves = append(c.curves, v)
		for _, s := range v.samples {
			decades = max(decades, s.x)
			values = append(values, s.median)
			if cell.look.Strong {
				values = append(values, s.least, s.most)
			}
		}
	}
	c.x = &scale{lo: 0, hi: decades, from: 0, to: extent}
	c.y = logScale(values, extent, 0)
	return c
}

// draw returns the curves of a level, or nil if there are none. Base and head have a band, which is the range of the
// rounds.
func (c *percentileChart) draw(level []*cell, name string, height int) *plot {
	p := &plot{Height: height, Kind: "percentiles", X: c.x, Y: c.y,
		Label: fmt.Sprintf("Latency by percentile at %s. The table below has the values. Arrow keys move along.",
			name)}
	var ends []end
	var lines []path
	for _, v := range c.curves {
		if len(v.samples) == 0 || !slices.Contains(level, v.cell) {
			continue
		}
		var line, up, down []point
		for _, s := range v.samples {
			x := c.x.at(s.x)
			line = append(line, point{x, c.y.at(s.median)})
			up, down = append(up, point{x, c.y.at(s.most)}), append([]point{{x, c.y.at(s.least)}}, down...)
		}
		l := v.cell.look
		if l.Strong && len(v.cell.visits) > 1 {
			p.add("band "+l.Colour(), d(append(up, down...)...)+"Z")
		}
		lines = append(lines, path{l.Line() + " curve", d(line...), fmt.Sprint(slices.Index(level, v.cell))})
		ends = append(ends, end{at: line[len(line)-1], class: l.Colour(), name: v.cell.name})
	}
	if len(lines) == 0 {
		return nil
	}
	p.Paths = append(p.Paths, lines...)
	p.ends(ends)
	p.axes(percentileTicks(c.x), c.y.ticks(roundTime, 7), "percentile")
	return p
}

// roundTime returns a time with a round number, for an axis.
func roundTime(ns float64) string {
	u := format.TimeUnit(ns)
	return plain(ns/u.NS) + " " + u.Name
}

// percentileTicks returns the ticks of an axis of percentiles.
func percentileTicks(x *scale) (list []tick) {
	for _, t := range []struct {
		x    float64
		name string
	}{{xOf(0.5), "p50"}, {1, "p90"}, {2, "p99"}, {3, "p99.9"}, {4, "p99.99"}, {5, "p99.999"}, {6, "p99.9999"}} {
		if t.x <= x.hi+rounding && (t.x > 1 || x.hi < 4.5) {
			list = append(list, tick{x.at(t.x), t.name})
		}
	}
	return list
}

// legend returns the table of percentiles of a level, which is the legend of the chart, too.
func legend(id string, level []*cell) table {
	t := table{ID: id, Class: "legend", Header: []string{"", "p50", "p90", "p99", "p99.9"}}
	for _, c := range level {
		r := line{Name: c.name, Key: c.look.Line()}
		if c.look.Strong {
			r.Class = "hi"
		}
		for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
			median, _, _ := c.latency(q)
			r.Fields = append(r.Fields, field{Text: format.Time(median)})
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}
