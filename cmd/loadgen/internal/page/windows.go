package page

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// typical returns the visit of a cell with the median p99, or nil if the cell has no visits.
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

// windowed are the series of a chart over time.
var windowed = []struct {
	name  string
	index int
	value func(*record.Window) time.Duration
}{
	{"p50", 1, func(w *record.Window) time.Duration { return w.P50 }},
	{"p99", 0, func(w *record.Window) time.Duration { return w.P99 }},
	{"max", 2, func(w *record.Window) time.Duration { return w.Max }},
}

// windows returns a chart of one visit of a cell over time, with a mark for each window in which garbage was
// collected.
func windows(id string, v *cell) *chart {
	c := &chart{ID: id, Title: "Over time: " + v.name}
	visit := v.typical()
	switch {
	case visit == nil:
		c.Missing = "No visit of this cell was measured."
		return c
	case len(visit.Record.Windows) == 0:
		c.Missing = "The run has no windows of time."
		return c
	}
	list := visit.Record.Windows
	c.Table = windowsTable(list)
	c.Caption = fmt.Sprintf("Round %d, the visit with the median p99, in windows of %v; "+
		"a window has p99 if it has 368 calls and p99 is finite%s. %s",
		visit.Round, list[0].Length, ofWhich([]*cell{v}), collections(list))
	var values []float64
	end := 0.0
	for i := range list {
		end = max(end, (list[i].From + list[i].Length).Seconds())
		for _, s := range windowed {
			if x := s.value(&list[i]); x > 0 {
				values = append(values, float64(x))
			}
		}
	}
	if len(values) == 0 {
		c.Missing = "No window has enough calls."
		return c
	}
	u := timeUnit(values)
	for i := range values {
		values[i] /= u.ns
	}
	y := logScale(values, lowHeight-axisMargin-12, topMargin)
	ticks := y.ticks(plain, down)
	c.frame(false, tickLabels(ticks))
	x := linearScale([]float64{0, end}, float64(c.Left), float64(c.Right))
	c.X = axis{"time since the start, s", x.ticks(plain, across), x, 1}
	c.Y = axis{"latency, " + u.name, ticks, y, u.ns}
	c.overTime(list, x, y, u)
	return c
}

// collections returns the part of a caption that explains the marks.
func collections(windows []record.Window) string {
	known, n := false, uint64(0)
	for i := range windows {
		if r := windows[i].Runtime; r != nil {
			known, n = true, n+r.GCCycles
		}
	}
	switch {
	case !known:
		return "It is unknown when garbage was collected."
	case n == 0:
		return "No garbage was collected."
	}
	return fmt.Sprintf("Marks below: %s of garbage.", format.Plural(n, "collection"))
}

// overTime draws the windows. A line is interrupted at a window without a value.
func (c *chart) overTime(list []record.Window, x, y *scale, u unit) {
	for _, s := range windowed {
		var line []point
		drawn := false
		flush := func() {
			if len(line) == 1 {
				c.Shapes = append(c.Shapes, shape{Kind: "dot", Class: class(s.index), X: line[0].x, Y: line[0].y,
					Label: s.name})
			} else if len(line) > 1 {
				c.Shapes = append(c.Shapes, shape{Kind: "line", Class: class(s.index), Points: points(line),
					Label: s.name})
			}
			drawn = drawn || len(line) > 0
			line = nil
		}
		for i := range list {
			d := s.value(&list[i])
			if d <= 0 {
				flush()
				continue
			}
			line = append(line, point{x.at((list[i].From + list[i].Length/2).Seconds()), y.at(float64(d) / u.ns)})
		}
		flush()
		if drawn {
			c.Legend = append(c.Legend, key{class(s.index), s.name})
		}
	}
	for i := range list {
		if r := list[i].Runtime; r != nil && r.GCCycles > 0 {
			at := x.at((list[i].From + list[i].Length/2).Seconds())
			c.Shapes = append(c.Shapes, shape{Kind: "mark", Class: "gc", X: at, Y: c.Bottom - 9, X2: at, Y2: c.Bottom,
				Label: fmt.Sprintf("%s, %s stopped", format.Plural(r.GCCycles, "collection"),
					format.Duration(r.GCPause))})
		}
	}
}

// windowsTable returns the table of the windows of a visit.
func windowsTable(list []record.Window) (t table) {
	t.Header = []string{"from, s", "calls", "p50, us", "p99, us", "max, us", "GCs", "GC pause, us"}
	show := func(d time.Duration) string {
		if d == 0 {
			return format.None
		}
		return format.Micros(d)
	}
	for i := range list {
		w := &list[i]
		cycles, pause := format.None, format.None
		if w.Runtime != nil {
			cycles, pause = format.Count(w.Runtime.GCCycles), format.Micros(w.Runtime.GCPause)
		}
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%.3f", w.From.Seconds()), format.Count(w.Offered), show(w.P50),
			show(w.P99), show(w.Max), cycles, pause})
	}
	return t
}
