package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// What cannot be a number in JSON is null, and lists that are empty are there.
func TestADocumentIsOneOfEveryRun(t *testing.T) {
	none := func() *record.Record {
		return &record.Record{Latency: quantile.NewHDR(), Service: quantile.NewHDR(), Queue: quantile.NewHDR(),
			Generator: quantile.NewHDR(), FailedLatency: quantile.NewHDR(), Hiccups: quantile.NewHDR()}
	}
	for name, change := range map[string]func(*results.Visit){
		"nothing was measured": func(v *results.Visit) { v.Record, v.Error = nil, "no luck" },
		"no call was due":      func(v *results.Visit) { v.Record = none() },
		"every call failed": func(v *results.Visit) {
			v.Record = none()
			v.Record.Offered, v.Record.Failed = 1, 1
			v.Record.FailedLatency.Add(time.Second)
		},
		"estimators divide by 0": func(v *results.Visit) {
			zero := 0.0
			v.Estimates = []results.Estimate{{Quantile: "exact", InsertNS: 1 / zero,
				Answers: []results.Answer{{Q: 0.5, Value: zero / zero}}}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			run := made(t, question+"slo: [p99 < 20us, mean < 1ms]\n")
			for _, v := range run.Visits {
				change(v)
			}
			contests, err := comparison.OfRun(run, comparison.Options{})
			if err != nil {
				t.Fatal(err)
			}
			d := report.NewDocument(run, contests, report.Place{Program: "loadgen", Run: "results/x"})
			data, err := json.Marshal(d)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				Cells                 []map[string]any
				Comparisons, Warnings []any
			}
			if err := json.Unmarshal(data, &got); err != nil || got.Comparisons == nil || got.Warnings == nil ||
				len(got.Cells) != len(run.Scenario.Cells()) {
				t.Errorf("%v\n%s", err, data)
			}
			for _, list := range []string{"verdict", "infinite", "figures", "failures", "objectives"} {
				if _, ok := got.Cells[0][list].([]any); !ok {
					t.Errorf("%s of a cell is %v, want a list", list, got.Cells[0][list])
				}
			}
			if rows := d.Rows(); len(rows) != 1+len(got.Cells) {
				t.Errorf("%d rows", len(rows))
			}
		})
	}
}

// A cell has the name that its lines of run.bench have, in JSON and in rows, so that a program can join them.
func TestCellsHaveTheNamesOfBenchmarks(t *testing.T) {
	for name, row := range map[string]struct{ level, want string }{
		"a rate":    {"qps: 1000\nduration: 100ms", "qps=1000"},
		"a profile": {"load: ramp:100..2k/s@200ms", "load=ramp:100..2k@200ms"},
		"a profile of two": {"load: ramp:100..2k/s@100ms + const:2k/s@100ms",
			"load=ramp:100..2k@100ms+const:2k@100ms"},
		"a fraction": {"qps: 3000/7\nduration: 100ms", "qps=428.57142857142856"},
	} {
		t.Run(name, func(t *testing.T) {
			run := made(t, "name: x\nspans: [none, sdk]\ncompare: [sdk vs none]\nrounds: 6\n"+row.level+"\n")
			contests, err := comparison.OfRun(run, comparison.Options{})
			if err != nil {
				t.Fatal(err)
			}
			d := report.NewDocument(run, contests, report.Place{})
			names := []string{d.Cells[1].Name, d.Rows()[2][0], d.Comparisons[0].Head}
			for _, got := range names {
				if got != "spans=sdk/"+row.want || !strings.Contains(run.BenchName(d.Cells[1].Cell), "/"+got+"-") {
					t.Errorf("%q, want spans=sdk/%s as in %s", got, row.want, run.BenchName(d.Cells[1].Cell))
				}
			}
		})
	}
}
