package command

import (
	"errors"
	"fmt"
	"math"
	"strings"

	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// judge compares cells, prints what is not as it was, and returns the error that the
// command ends with. Files are those of base and head, for other tools.
func judge(cells []comparison.Cell, files [2]string, o *runOptions) (gate, err error) {
	if len(cells) == 0 {
		return nil, unusable(errors.New("--compare: nothing was measured on both sides"))
	}
	judged, err := comparison.Judge(cells)
	if err != nil {
		return nil, unusable(err)
	}
	count := map[comparison.Verdict]int{}
	t := report.NewTable(2, "cell", "unit", "base", "head", "shift", "95% interval", "margin", "verdict")
	for i := range judged {
		r := &judged[i]
		count[r.Verdict]++
		if r.Verdict != comparison.Equivalent && r.Verdict != comparison.NotJudged {
			t.AppendRow([]any{r.Name, r.Rule.Unit, figure(r, r.BaseMedian), figure(r, r.HeadMedian), change(r, r.Shift),
				fmt.Sprintf("[%s, %s]", change(r, r.Low), change(r, r.High)), r.Rule.Margin, strings.TrimSuffix(fmt.Sprintf("%s: %s", r.Verdict, r.Why), ": ")})
		}
	}
	var b strings.Builder
	if t.Length() > 0 {
		fmt.Fprintf(&b, "Head against base: medians, and what differs from round to round\n\n%s\n\n", t.Render())
	}
	fmt.Fprintf(&b, "Files\n\n  %s\n  %s\n\n%d regressed, %d improved, %d equivalent, %d inconclusive\n", files[0], files[1],
		count[comparison.Regressed], count[comparison.Improved], count[comparison.Equivalent], count[comparison.Inconclusive])
	if _, err := fmt.Fprint(o.stdout, b.String()); err != nil {
		return nil, unusable(err)
	}
	switch n := len(judged) - count[comparison.NotJudged]; {
	case count[comparison.Regressed] > 0:
		return &exitError{exitWorse, fmt.Errorf("%d of %s regressed", count[comparison.Regressed], report.Plural(n, "figure"))}, nil
	case o.strict && count[comparison.Inconclusive] > 0:
		return &exitError{exitNotValid, fmt.Errorf("%d of %s inconclusive (--strict)", count[comparison.Inconclusive], report.Plural(n, "figure"))}, nil
	}
	return nil, nil
}

func figure(r *comparison.Result, x float64) string {
	return benchunit.Scale(x, benchunit.ClassOf(r.Rule.Unit))
}

// change is a shift as a share, or as an amount.
func change(r *comparison.Result, x float64) string {
	switch {
	case math.IsNaN(x):
		return "?"
	case r.Absolute:
		return fmt.Sprintf("%+.4g", x)
	}
	return fmt.Sprintf("%+.1f%%", 100*x)
}
