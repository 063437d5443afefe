package page_test

import (
	"bytes"
	"fmt"
	"html"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/results"
)

// compared returns the report of two files of benchmarks: name and unit to the values of base and head.
func compared(t testing.TB, lines ...[3]string) *gate.Report {
	t.Helper()
	var sides [2]strings.Builder
	for _, line := range lines {
		for i := range sides {
			for value := range strings.FieldsSeq(line[1+i]) {
				name, unit, _ := strings.Cut(line[0], " ")
				fmt.Fprintf(&sides[i], "Benchmark%s 1 %s %s\n", name, value, unit)
			}
		}
	}
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	var inputs []string
	for i, name := range []string{"base", "head"} {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(sides[i].String()), 0o600); err != nil {
			t.Fatal(err)
		}
		inputs = append(inputs, name+"="+path)
	}
	r, err := gate.Compare(&gate.Options{Inputs: inputs, Paired: true, Now: time.Unix(1_800_000_000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// ofRun returns the report of the comparisons of an invented run.
func ofRun(t testing.TB, text string) *gate.Report {
	t.Helper()
	dir, err := os.MkdirTemp("", "compare")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	run := made(t, text)
	w, err := results.Create(filepath.Join(dir, "run"), run.Header)
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range run.Visits {
		if err := w.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(results.Complete); err != nil {
		t.Fatal(err)
	}
	r, err := gate.Compare(&gate.Options{Inputs: []string{filepath.Join(dir, "run")},
		Now: time.Unix(1_800_000_000, 0)})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

const twelve = "100 101 102 100 101 102 100 101 102 100 101 102"

// times returns twelve values that are some times those of twelve.
func times(x float64) string {
	var values []string
	for value := range strings.FieldsSeq(twelve) {
		var v float64
		_, _ = fmt.Sscan(value, &v)
		values = append(values, fmt.Sprint(v*x))
	}
	return strings.Join(values, " ")
}

// variantReports returns unusual comparisons, by name.
func variantReports(t testing.TB) map[string]*gate.Report {
	long := "Encode/" + strings.Repeat("a", 40) + "/<script>/" + strings.Repeat("b", 40)
	var many [][3]string
	for i := range 150 {
		many = append(many, [3]string{fmt.Sprintf("Many/size=%d ns/op", i), twelve, times(1 + float64(i-70)/300)})
	}
	return map[string]*gate.Report{
		"compared benchmarks": compared(t, [3]string{"Encode ns/op", twelve, times(1.5)},
			[3]string{"Encode B/op", twelve, times(0.2)}, [3]string{"Decode ns/op", twelve, twelve},
			[3]string{"Decode allocs/op", twelve, "90 130 85 140 100 99 102 120 70 101 88 111"}),
		"compared benchmarks of one value": compared(t, [3]string{"Encode ns/op", "100", "200"}),
		"compared with a zero base": compared(t, [3]string{"Zero ns/op", twelve, times(1e6)},
			[3]string{"Zero allocs/op", "0 0 0 0 0 0 0 0 0 0 0 0", twelve}),
		"compared long names":      compared(t, [3]string{long + " ns/op", twelve, times(2)}),
		"compared many benchmarks": compared(t, many...),
		"compared arms":            ofRun(t, question),
	}
}

// drawReport returns the page of a comparison.
func drawReport(t testing.TB, r *gate.Report) string {
	t.Helper()
	var b bytes.Buffer
	if err := page.Compare(&b, r); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestThePageOfAComparison(t *testing.T) {
	golden.Check(t, "compare.html", content(drawReport(t, variantReports(t)["compared benchmarks"])))
}

// A revision regresses, and an arm is worse.
func TestTheAnswerOfAComparison(t *testing.T) {
	reports := variantReports(t)
	doubted := ofRun(t, question)
	for _, table := range doubted.Tables {
		for _, c := range table.Cells {
			c.Doubt = "69% of p99 is generator lag"
		}
	}
	for _, c := range []struct {
		name   string
		report *gate.Report
		want   []string
	}{
		{"a revision", reports["compared benchmarks"], []string{
			">1 of 4 numbers regressed, most of all Time of Encode: +50%; 1 better, 1 same, 1 not shown</h1>",
			"✗ 1 regressed", "✓ 1 better", "= 1 same", "? 1 not shown", "Exit code 1", "✓ 12 rounds, paired"}},
		{"arms", reports["compared arms"], []string{
			"4 of 8 numbers are worse, most of all Bytes of sdk vs none at 1,000/s: ×2.0; 4 same", "✗ worse"}},
		{"what is in doubt", doubted, []string{"Nothing is worse: 4 of 8 numbers are the same, 4 in doubt",
			"! in doubt", "69% of p99 is generator lag"}},
		{"one value", reports["compared benchmarks of one value"], []string{"Nothing is shown: 1 number",
			"no interval: 1 round"}},
		{"a zero base", reports["compared with a zero base"], []string{"no ratio: the base is 0", "×1,000,000"}},
		{"many", reports["compared many benchmarks"], []string{"The table has 30 more."}},
	} {
		t.Run(c.name, func(t *testing.T) {
			text := html.UnescapeString(drawReport(t, c.report))
			for _, want := range c.want {
				if !strings.Contains(text, want) {
					t.Errorf("the page does not say %q", want)
				}
			}
		})
	}
}
