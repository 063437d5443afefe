package report_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// spec is a small form of the scenario of OpenTelemetry's benchmark.
const spec = `
name: otel-spec
target: span
spans: [sdk, pooled]
processors: [otlp-batch]
compare: [pooled vs sdk]
quantile: none
closed: also
qps: [10k]
duration: 1s
rounds: 6
arrivals: constant
seed: 7
`

// specRun returns a run in which round k of 6 sent k times 20,000 spans a second on two processors with the SDK in a
// closed loop, and used k times 100 mcores at 10,000/s; pooled sent three times as many, and used half. In the last
// round, it is 9 times, so that the mean is not the median.
func specRun(t *testing.T) *results.Run {
	t.Helper()
	run := made(t, spec)
	for _, v := range run.Visits {
		k, times := time.Duration(v.Round), time.Duration(1)
		if k == 6 {
			k = 9
		}
		if v.Cell.Value("spans") == "pooled" {
			times = 3
		}
		v.Sending = &results.Sending{Elapsed: time.Second, Processors: 2, Samples: 10}
		if v.Cell.Closed() {
			v.Record.Loop, v.Record.Offered, v.Record.Done = record.ClosedLoop, 1000, 1000
			v.Sending.Spans = uint64(k * times * 20_000)
			continue
		}
		v.Cost.CPU = k * 100 * time.Millisecond / ((times + 1) / 2)
		v.Sending.PeakCPU = 0.5
		v.Sending.MeanHeap, v.Sending.PeakHeap = uint64(k)<<20, uint64(k)<<21
	}
	return run
}

// By hand, of 1 to 5 and 9: the median is 3.5, the mean 4, and the standard deviation the root of 40/5 = 8, or 2.8284.
// With six values the 95% interval of the median is all of them.
func TestMeansAndStandardDeviationsStandBesideIntervals(t *testing.T) {
	text, err := json.Marshal(report.NewDocument(specRun(t), nil, place))
	if err != nil {
		t.Fatal(err)
	}
	var document struct {
		Cells []struct {
			Name    string
			Figures []struct {
				Unit              string
				Median, Low, High *float64
				Mean              *float64
				StdDev            *float64 `json:"std_dev"`
				Rounds            int
			}
		}
	}
	if err := json.Unmarshal(text, &document); err != nil {
		t.Fatal(err)
	}
	found := 0
	for _, c := range document.Cells {
		for _, f := range c.Figures {
			level := c.Name[strings.LastIndex(c.Name, "/")+1:]
			scale := map[string]float64{
				"spans/s/core loop=closed sdk": 10_000, "spans/s/core loop=closed pooled": 30_000,
				"cpu-mcores qps=10000 sdk": 100, "cpu-mcores qps=10000 pooled": 50,
				"heap-bytes qps=10000 sdk": 1 << 20}[f.Unit+" "+level+" "+armOf(c.Name)]
			if scale == 0 {
				continue
			}
			found++
			near := func(x *float64, want float64) bool { return x != nil && math.Abs(*x/(scale*want)-1) < 1e-9 }
			if !near(f.Median, 3.5) || !near(f.Mean, 4) || !near(f.StdDev, math.Sqrt(8)) || !near(f.Low, 1) ||
				!near(f.High, 9) || f.Rounds != 6 {
				t.Errorf("%s %s: %+v", c.Name, f.Unit, f)
			}
		}
	}
	if found != 5 {
		t.Errorf("%d figures: want 5", found)
	}
}

// armOf returns the arm of spans in the name of a cell.
func armOf(name string) string {
	_, rest, _ := strings.Cut(name, "spans=")
	arm, _, _ := strings.Cut(rest, "/")
	return arm
}

func TestOneRoundHasNoStandardDeviation(t *testing.T) {
	run := specRun(t)
	run.Scenario.Rounds, run.Visits = 1, run.Visits[:len(run.Visits)/6]
	text, err := json.Marshal(report.NewDocument(run, nil, place))
	if err != nil || !strings.Contains(string(text), `"std_dev":null`) || strings.Contains(string(text), "NaN") {
		t.Errorf("%v: want standard deviations of null", err)
	}
	if text := brief(t, run, screen("80")); !strings.Contains(text, "10,000             -  10,000        -\n") {
		t.Errorf("want - for the interval and the standard deviation in\n%s", text)
	}
}

func TestTheTableOfTheSpecification(t *testing.T) {
	for name, change := range map[string]func(*results.Run){
		"": nil,
		"-lost": func(run *results.Run) { // the SDK drops what its queue has no room for, and does not say so
			spoil(run, results.SpansLost, "500 of 10,000 spans were lost before export, so their cost is "+
				"understated: lower the rate", 2)
			run.Visits[2].Spans.Exported -= 500
		},
	} {
		t.Run("otel-spec"+name, func(t *testing.T) {
			run := specRun(t)
			if change != nil {
				change(run)
			}
			s := screen("80")
			text := brief(t, run, s)
			golden.Check(t, "brief-otel-spec"+name+".txt", text)
			checkWidth(t, text, s.Width)
			if all := s.Symbols(report.Text(run, nil, place, s)); !strings.Contains(all, "spans/s/core") {
				t.Errorf("--all lacks the table\n%s", all)
			}
		})
	}
}
