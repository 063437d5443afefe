package report

import (
	"math"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// phaseTable returns a table of the service time of calls to a service and of its parts, or "" if the target does not
// report them.
func phaseTable(s *scenarios.Scenario, cells []*view, screen *terminal.Screen) string {
	parts := []struct {
		name string
		of   func(*results.Summaries) *results.Summary
	}{
		{"service", func(s *results.Summaries) *results.Summary { return &s.Service }},
		{"write", func(s *results.Summaries) *results.Summary { return s.Write }},
		{"wait", func(s *results.Summaries) *results.Summary { return s.Wait }},
		{"read", func(s *results.Summaries) *results.Summary { return s.Read }},
	}
	columns := []terminal.Column{{Title: "calls", Left: true, Key: true}}
	for _, p := range parts {
		for _, title := range []string{"p50", "p99"} {
			columns = append(columns, terminal.Column{Top: p.name, Title: title})
		}
	}
	t, reported := terminal.NewTable(columns...), false
	for _, v := range cells {
		if !v.phased() {
			continue
		}
		reported = true
		row := []string{s.NameOf(v.cell) + " " + at(v.cell.Level)}
		for _, p := range parts {
			for _, q := range []float64{0.5, 0.99} {
				row = append(row, format.Micros(v.summarized(q, p.of)))
			}
		}
		t.Row(row...)
	}
	if !reported {
		return ""
	}
	return "\n" + screen.Wrap("Service time of calls, and its parts: until the request was sent (write), until the "+
		"first byte of the answer (wait), and until its last (read), in us; medians over rounds", "") + "\n" +
		screen.Blocks(t)
}

// phased reports whether every visit of the cell has the phases of its calls.
func (v *view) phased() bool {
	for _, visit := range v.visits {
		if visit.Record.Phases == nil {
			return false
		}
	}
	return len(v.visits) > 0
}

// summarized returns the median over rounds of a percentile, in ns, or NaN unless every visit states it.
func (v *view) summarized(q float64, of func(*results.Summaries) *results.Summary) float64 {
	var values []float64
	for _, visit := range v.visits {
		ns := *of(visit.Summaries()).Percentile(q)
		if ns == nil {
			return math.NaN()
		}
		values = append(values, *ns)
	}
	return results.Median(values)
}
