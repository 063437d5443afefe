package report

import (
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// mostRows is how many rows a grid has at most.
const mostRows = 12

// A grid is the table of a run at a glance. Its rows are arms, with a number at each load; or loads, if there is one
// arm.
type grid struct {
	corner  string // the header of the names of rows
	rows    []gridRow
	columns []column
	notes   []string // what is left out
}

// A gridRow is what was measured of one arm at each load that the grid shows, or at one load.
type gridRow struct {
	name  string
	cells []*view
}

// A column is one number of every row. Columns side by side with the same top share it.
type column struct {
	top, bottom string // of the header
	value       func([]*view) string
}

// A block holds columns that are shown together or not at all. Of two blocks that do not both fit, the one with the
// lower rank is shown.
type block struct {
	rank    int
	columns []column
}

// newGrid returns the grid of a run that fits a width, in columns.
func newGrid(run *results.Run, width int) *grid {
	s, all := run.Scenario, views(run)
	if len(armsOf(s)) == 1 {
		g := &grid{}
		for _, v := range all {
			g.rows = append(g.rows, gridRow{load(v.cell.Level), []*view{v}})
		}
		g.cut("load")
		g.fit(width, cellBlocks(all, 0, len(all) == 1 || len(g.rows) < 3))
		return g
	}
	levels := s.Levels()
	for first := 0; ; first++ {
		g := armGrid(s, all, levels[first:])
		blocks := loadBlocks(all, levels[first:])
		if len(levels[first:]) == 1 {
			blocks = cellBlocks(all, 0, true)
		}
		if fits := g.fit(width, blocks); fits || first == len(levels)-1 {
			if first > 0 {
				g.notes = append(g.notes, format.Plural(first, "other rate"))
			}
			return g
		}
	}
}

// armGrid returns a grid of arms at levels, without columns.
func armGrid(s *scenarios.Scenario, all []*view, levels []scenarios.Level) *grid {
	g := &grid{corner: strings.Join(s.Varied(), "/")}
	for _, name := range armsOf(s) {
		row := gridRow{name: name, cells: make([]*view, len(levels))}
		for _, v := range all {
			if i := slices.Index(levels, v.cell.Level); i >= 0 && s.NameOf(v.cell) == name {
				row.cells[i] = v
			}
		}
		g.rows = append(g.rows, row)
	}
	g.cut("arm")
	return g
}

// cut leaves out the last rows if there are too many.
func (g *grid) cut(noun string) {
	if more := len(g.rows) - mostRows; more > 0 {
		g.rows = g.rows[:mostRows]
		g.notes = append(g.notes, format.Plural(more, "other "+noun))
	}
}

// fit takes the blocks that fit a width, those of rank 0 in any case. It reports whether all blocks of a rank below 4
// fit.
func (g *grid) fit(width int, blocks []block) bool {
	taken := make([]bool, len(blocks))
	const ranks = 10
	fits := true
	for rank := range ranks {
		for i, b := range blocks {
			if b.rank != rank {
				continue
			}
			taken[i] = true
			g.take(blocks, taken)
			if rank > 0 && g.width() > width {
				taken[i] = false
				fits = fits && rank >= 4
			}
		}
	}
	g.take(blocks, taken)
	return fits && g.width() <= width
}

// take sets the columns to those of the blocks that are taken.
func (g *grid) take(blocks []block, taken []bool) {
	g.columns = nil
	for i, b := range blocks {
		if taken[i] {
			g.columns = append(g.columns, b.columns...)
		}
	}
}

// width returns the width of the grid, in columns.
func (g *grid) width() int {
	w, unbounded := 0, terminal.Screen{Width: math.MaxInt}
	for line := range strings.Lines(unbounded.Blocks(g.table())) {
		w = max(w, format.Width(strings.TrimSuffix(line, "\n")))
	}
	return w
}

// table returns the grid as a table.
func (g *grid) table() *terminal.Table {
	const mostName = 20
	columns := []terminal.Column{{Title: g.corner}}
	rows := make([][]string, len(g.rows))
	for i, row := range g.rows {
		rows[i] = []string{format.Middle(row.name, mostName)}
	}
	for _, c := range g.columns {
		columns = append(columns, terminal.Column{Top: c.top, Title: c.bottom})
		values, marked := make([]string, len(g.rows)), false
		for i, row := range g.rows {
			values[i] = c.value(row.cells)
			marked = marked || strings.HasSuffix(values[i], lagMark)
		}
		for i, value := range values {
			if marked && !strings.HasSuffix(value, lagMark) {
				value += " "
			}
			rows[i] = append(rows[i], value)
		}
	}
	t := terminal.NewTable(columns...)
	for _, row := range rows {
		t.Row(row...)
	}
	return t
}

// text returns the grid, with the marks of lag in the colour of doubts.
func (g *grid) text(screen *terminal.Screen) string {
	text := screen.Blocks(g.table())
	text = strings.ReplaceAll(text, lagMark, screen.Doubt(lagMark))
	if len(g.notes) > 0 {
		text += screen.Dim(format.And(g.notes)+": show --all") + "\n"
	}
	return text
}

// number returns the value of a column: what of returns of the i-th cell of a row.
func number(i int, of func(*view) string) func([]*view) string {
	return func(cells []*view) string {
		if cells[i] == nil || len(cells[i].visits) == 0 {
			return format.None
		}
		return of(cells[i])
	}
}

// latencyOf returns the column value of a percentile of latency, which is marked if it is mostly generator lag.
func latencyOf(unit timeUnit, q float64) func(*view) string {
	return func(v *view) string {
		text := unit.number(v.latency(q))
		if q == 0.99 && marksLag(v) {
			text += lagMark
		}
		return text
	}
}

// medianIn returns the column value of the median of a unit, which is divided by per.
func medianIn(unit string, per float64) func(*view) string {
	return func(v *view) string { return format.Number(v.median(unit) / per) }
}

// cellBlocks returns columns about the i-th cell of each row.
func cellBlocks(all []*view, i int, full bool) []block {
	unit := timeUnitOf(all)
	one := func(rank int, top, bottom string, of func(*view) string) block {
		return block{rank, []column{{top, bottom, number(i, of)}}}
	}
	service := func(q string) func(*view) string {
		return func(v *view) string { return unit.number(v.median(q + "-service-ns")) }
	}
	lag := func(v *view) string { return unit.number(1e3 * v.median("p99-generator-lag-us")) }
	if callsService(all) {
		return []block{
			one(0, "calls/s", "done", medianIn("achieved-qps", 1)),
			one(0, "p50", unit.name, latencyOf(unit, 0.5)),
			one(0, "p99", unit.name, latencyOf(unit, 0.99)),
			one(1, "p99.9", unit.name, latencyOf(unit, 0.999)),
			one(0, "failed,", "dropped", func(v *view) string { return format.Count(failedOf(v)) }),
			one(2, "client CPU", "us/op", medianIn(clientCPU, 1e3)),
		}
	}
	blocks := []block{
		one(4, "calls/s", "done", medianIn("achieved-qps", 1)),
		one(0, "p50", unit.name, latencyOf(unit, 0.5)),
		one(7, "p90", unit.name, latencyOf(unit, 0.9)),
		one(0, "p99", unit.name, latencyOf(unit, 0.99)),
		one(1, "p99.9", unit.name, latencyOf(unit, 0.999)),
		one(8, "max", unit.name, func(v *view) string { return unit.number(v.longest()) }),
		one(3, "service", "p50 "+unit.name, service("p50")),
		one(9, "service", "p99 "+unit.name, service("p99")),
		one(5, "gen lag", "p99 "+unit.name, lag),
		one(1, "CPU", "us/op", medianIn("cpu-ns/op", 1e3)),
		one(2, "", "B/op", medianIn("B/op", 1)),
		one(3, "", "allocs/op", medianIn("allocs/op", 1)),
	}
	if all[0].started() {
		blocks = append(blocks, one(6, "client", "CPU us", medianIn(clientCPU, 1e3)))
	}
	if !full {
		blocks = slices.DeleteFunc(blocks, func(b block) bool { return b.rank > 8 })
	}
	if failedIn(all) {
		failed := func(v *view) string { return format.Count(failedOf(v)) }
		blocks = append(blocks, one(0, "failed,", "dropped", failed))
	}
	return blocks
}

// loadBlocks returns columns at each load, and of what is the same at all loads at the last one.
func loadBlocks(all []*view, levels []scenarios.Level) []block {
	unit := timeUnitOf(all)
	each := func(rank int, top string, of func(*view) string) block {
		b := block{rank: rank}
		for i, l := range levels {
			b.columns = append(b.columns, column{top, shortLoad(l), number(i, of)})
		}
		return b
	}
	last := len(levels) - 1
	at := shortLoad(levels[last])
	blocks := []block{
		each(5, "p50, "+unit.name, latencyOf(unit, 0.5)),
		each(0, "p99 latency, "+unit.name, latencyOf(unit, 0.99)),
		each(6, "service p50, "+unit.name, func(v *view) string { return unit.number(v.median("p50-service-ns")) }),
		each(1, "CPU, us/op", medianIn("cpu-ns/op", 1e3)),
		{2, []column{{"B/op", at, number(last, medianIn("B/op", 1))}}},
		{3, []column{{"allocs/op", at, number(last, medianIn("allocs/op", 1))}}},
	}
	if all[0].started() {
		blocks = append(blocks, block{7, []column{{"client CPU", at, number(last, medianIn(clientCPU, 1e3))}}})
	}
	if failedIn(all) {
		blocks = append(blocks, each(0, "failed, dropped", func(v *view) string {
			return format.Count(failedOf(v))
		}))
	}
	return blocks
}

// failedIn reports whether any call of the cells failed or was dropped.
func failedIn(all []*view) bool {
	return slices.ContainsFunc(all, func(v *view) bool { return failedOf(v) > 0 })
}

// shortLoad returns a load in few characters, such as 10k/s.
func shortLoad(l scenarios.Level) string {
	const most = 10
	if l.Load != "" {
		return format.Middle(l.Load, most)
	}
	if qps := l.QPS.Float(); qps >= 1000 && math.Mod(qps, 100) == 0 {
		return format.Digits(qps/1000, 6) + "k/s"
	}
	return load(l)
}
