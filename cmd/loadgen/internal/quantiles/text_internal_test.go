package quantiles

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/property"
)

// screen returns a screen of a width, and of a colour of terminal.Colours.
func screen(width int, colour string) *terminal.Screen {
	return terminal.New(io.Discard, terminal.Options{Colour: colour}, func(name string) string {
		return map[string]string{"COLUMNS": fmt.Sprint(width)}[name]
	})
}

// everything returns the whole text of a report.
func everything(r *Report) string { return r.Text(screen(80, "never"), terminal.Detail{All: true}) }

func TestTheTextOfAReport(t *testing.T) {
	for file, row := range map[string]struct {
		width  int
		colour string
		d      terminal.Detail
	}{
		"report-120.txt":    {120, "never", terminal.Detail{}},
		"report-colour.txt": {80, "always", terminal.Detail{}},
		"report-all.txt":    {80, "never", terminal.Detail{All: true}},
		"report-quiet.txt":  {80, "never", terminal.Detail{Quiet: true}},
	} {
		t.Run(file, func(t *testing.T) {
			got := mustMeasure(t, testPlan()).Text(screen(row.width, row.colour), row.d)
			golden.Check(t, file, got)
			if n := strings.Count(got, "\n"); n > 26 && !row.d.All {
				t.Errorf("%d lines", n)
			}
		})
	}
}

func TestNoLineOfAReportIsWiderThanTheScreen(t *testing.T) {
	measured := mustMeasure(t, testPlan())
	property.Check(t, func(t *rapid.T) {
		r := *measured
		name := property.Names()
		r.Sets, r.Recommendation.Candidates = slices.Clone(r.Sets), slices.Clone(r.Recommendation.Candidates)
		for i := range r.Sets {
			r.Sets[i].Name = name.Draw(t, "data")
			r.Sets[i].Cells = slices.Clone(r.Sets[i].Cells)
			for k := range r.Sets[i].Cells {
				r.Sets[i].Cells[k].Estimator = name.Draw(t, "estimator")
			}
		}
		for i := range r.Recommendation.Candidates {
			c := &r.Recommendation.Candidates[i]
			c.Worst.Data, c.Worst.Error = name.Draw(t, "data"), rapid.Float64Range(0, 1e9).Draw(t, "error")
			if c.Estimator != r.Recommendation.Estimator {
				c.Estimator = name.Draw(t, "estimator")
			}
		}
		width := rapid.IntRange(60, 140).Draw(t, "width")
		text := r.Text(screen(width, "always"), terminal.Detail{All: rapid.Bool().Draw(t, "all")})
		for line := range strings.Lines(text) {
			words := strings.Fields(format.Unstyled(line)) // prose breaks no word, which then has a line of its own
			if n := format.Width(strings.TrimSuffix(line, "\n")); n > width && len(words) > 1 {
				t.Fatalf("%d of %d columns: %s", n, width, line)
			}
		}
	})
}
