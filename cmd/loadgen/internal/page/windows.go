package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// typical is the visit of a cell whose p99 is the middle one; nil if it has none.
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

// windowed are the series of a visit over time.
var windowed = []struct {
	name  string
	index int
	of    func(*record.Window) time.Duration
}{
	{"p50", 1, func(w *record.Window) time.Duration { return w.P50 }},
	{"p99", 0, func(w *record.Window) time.Duration { return w.P99 }},
	{"max", 2, func(w *record.Window) time.Duration { return w.Max }},
}

// windows draws one visit of a cell over time, with a mark wherever a collection ended.
func windows(id string, v *cell) *chart {
	c := &chart{ID: id, Title: "Over time: " + v.name}
	visit := v.typical()
	switch {
	case visit == nil:
		c.Missing = "No visit of it was measured."
		return c
	case len(visit.Record.Windows) == 0:
		c.Missing = "The run has no windows of time."
		return c
	}
	all := visit.Record.Windows
	c.Table = windowsTable(all)
	c.Caption = fmt.Sprintf("Round %d, the visit with the middle p99, in windows of %v; "+
		"a window states p99 if it has 368 calls, and it is finite%s. %s",
		visit.Round, all[0].Length, ofWhich([]*cell{v}), collections(all))
	var values []float64
	end := 0.0
	for i := range all {
		end = max(end, (all[i].From + all[i].Length).Seconds())
		for _, s := range windowed {
			if x := s.of(&all[i]); x > 0 {
				values = append(values, float64(x))
			}
		}
	}
	if len(values) == 0 {
		c.Missing = "No window has calls enough to state anything."
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
	c.X, c.Y = axis{"time since the start, s", x.ticks(plain, across), x, 1}, axis{"latency, " + u.name, ticks, y, u.ns}
	c.overTime(all, x, y, u)
	return c
}

// collections says what the marks of a chart are.
func collections(all []record.Window) string {
	known, n := false, uint64(0)
	for i := range all {
		if r := all[i].Runtime; r != nil {
			known, n = true, n+r.GCCycles
		}
	}
	switch {
	case !known:
		return "When garbage was collected is not known."
	case n == 0:
		return "No garbage was collected meanwhile."
	}
	return fmt.Sprintf("Marks below: %s of garbage.", report.Plural(int(min(n, math.MaxInt32)), "collection"))
}

// overTime draws the windows: a line breaks where one states nothing.
func (c *chart) overTime(all []record.Window, x, y *scale, u unit) {
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
		for i := range all {
			d := s.of(&all[i])
			if d <= 0 {
				flush()
				continue
			}
			line = append(line, point{x.at((all[i].From + all[i].Length/2).Seconds()), y.at(float64(d) / u.ns)})
		}
		flush()
		if drawn {
			c.Legend = append(c.Legend, key{class(s.index), s.name})
		}
	}
	for i := range all {
		if r := all[i].Runtime; r != nil && r.GCCycles > 0 {
			at := x.at((all[i].From + all[i].Length/2).Seconds())
			c.Shapes = append(c.Shapes, shape{Kind: "mark", Class: "gc", X: at, Y: c.Bottom - 9, X2: at, Y2: c.Bottom,
				Label: fmt.Sprintf("%s, %v stopped", report.Plural(int(min(r.GCCycles, math.MaxInt32)), "collection"),
					r.GCPause)})
		}
	}
}

func windowsTable(all []record.Window) (t table) {
	t.Header = []string{"from, s", "calls", "p50, µs", "p99, µs", "max, µs", "GCs", "GC pause, µs"}
	show := func(d time.Duration) string {
		if d == 0 {
			return "-"
		}
		return micros(d)
	}
	for i := range all {
		w := &all[i]
		cycles, pause := "-", "-"
		if w.Runtime != nil {
			cycles, pause = report.Count(w.Runtime.GCCycles), micros(w.Runtime.GCPause)
		}
		t.Rows = append(t.Rows, []string{fmt.Sprintf("%.3f", w.From.Seconds()), report.Count(w.Offered), show(w.P50),
			show(w.P99), show(w.Max), cycles, pause})
	}
	return t
}
