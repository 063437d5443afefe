package report

import (
	"fmt"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// sent are the quantities of OpenTelemetry's benchmark, each with how it is written. Cells of a closed loop have only
// the first, and others the rest.
var sent = []struct {
	unit, title string
	write       func(float64) string
}{
	{perCore, "spans/s/core", format.Number},
	{"achieved-qps", "spans/s", format.Number},
	{"cpu-mcores", "CPU, mcores", format.Number},
	{"peak-cpu-mcores", "peak, mcores", format.Number},
	{"heap-bytes", "heap, MiB", mebibytes},
	{"peak-heap-bytes", "peak, MiB", mebibytes},
}

// mebibytes returns a number of bytes in MiB, without the unit.
func mebibytes(b float64) string { return format.Number(b / (1 << 20)) }

// perCore is the unit of what a closed loop measures.
const perCore = "spans/s/core"

// sends reports whether a run is OpenTelemetry's benchmark: visits of its span that sent spans to another process.
func sends(run *results.Run) bool {
	return slices.Contains(run.Scenario.Arms(scenarios.Target), scenarios.SpanTarget) &&
		slices.ContainsFunc(run.Visits, func(v *results.Visit) bool { return v.Usable() && v.Sending != nil })
}

// sendingTable returns the table of OpenTelemetry's benchmark: for each quantity and arm the median over rounds with
// its 95% interval, and beside it the mean and the standard deviation, which the specification asks for.
func sendingTable(run *results.Run, cells []*view, screen *terminal.Screen) string {
	t := terminal.NewTable(terminal.Column{Title: ""}, terminal.Column{Title: "arm", Left: true, Key: true},
		terminal.Column{Title: "median"}, terminal.Column{Title: "95% interval"}, terminal.Column{Title: "mean"},
		terminal.Column{Title: "std dev"})
	rates := 0
	for _, l := range run.Scenario.Levels() {
		if !l.Closed() {
			rates++
		}
	}
	for _, q := range sent {
		title := q.title
		for _, v := range cells {
			figures := v.figures()
			i := slices.IndexFunc(figures, func(f figure) bool { return f.Unit == q.unit })
			if i < 0 || v.cell.Closed() != (q.unit == perCore) {
				continue
			}
			arm := run.Scenario.NameOf(v.cell)
			if rates > 1 && !v.cell.Closed() {
				arm += " " + at(v.cell.Level)
			}
			t.Row(append([]string{title, arm}, figures[i].row(q.write)...)...)
			title = ""
		}
	}
	text := fmt.Sprintf("Spans of ten attributes, received by another process: spans per second and core in a closed "+
		"loop; and %s the spans per second that were reached, mean and peak of CPU, and of heap beyond that of "+
		"before; over %s", atRates(run.Scenario), rounds(cells))
	return screen.Wrap(text, "") + "\n" + screen.Blocks(t)
}

// atRates returns the open levels of a scenario in words, such as "at 10,000/s".
func atRates(s *scenarios.Scenario) string {
	var rates []string
	for _, l := range s.Levels() {
		if !l.Closed() {
			rates = append(rates, load(l))
		}
	}
	if rates == nil {
		return "at a steady rate (no rate was asked for)"
	}
	return "at " + format.And(rates)
}

// row returns the median of a figure, its interval, its mean and its standard deviation.
func (f *figure) row(write func(float64) string) []string {
	row := []string{write(known(f.Median)), format.None, write(known(f.Mean)), write(known(f.StdDev))}
	if f.Low != nil && f.High != nil {
		row[1] = format.Interval(*f.Low, *f.High, write)
	}
	return row
}
