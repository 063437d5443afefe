package results_test

import (
	"fmt"
	"math"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// Benchstat chooses the scale of nanoseconds by each value, and puts a 0 into a table of its own.
func TestWhatRoundsToNothingIsLeftOutWhereUnitsAreRescaled(t *testing.T) {
	v := visit(t, "sdk", 1)
	v.Record.Waiting, v.Cost.CPU, v.Estimates[0].InsertNS = 1, 1, 0
	text, err := os.ReadFile(write(t, results.Complete, v).BenchPath())
	if err != nil {
		t.Fatal(err)
	}
	for _, unit := range []string{" waiting-cpu-ns/op ", " cpu-ns/op ", " insert-ns/op\n", " 0 insert"} {
		if _, lines, _ := strings.Cut(string(text), "\n\n"); strings.Contains(lines, unit) {
			t.Errorf("%q is in\n%s", unit, lines)
		}
	}
}

func TestMeasurementsAreWhatTheirUnitsSay(t *testing.T) {
	v := visit(t, "sdk", 1)
	for range 10 {
		v.Record.Latency.Add(5 * time.Millisecond)
		v.Record.Queue.Add(3 * time.Millisecond)
		v.Record.Queue.Add(3 * time.Millisecond)
	}
	v.Cost.GCPause, v.Spans.Exported = 1500*time.Microsecond, 2000
	e := results.Estimate{Answers: []results.Answer{{Q: 0.99, Value: -0.25, Rank: 0.5}}}
	for _, c := range []struct {
		name  string
		apart bool
		want  map[string]float64 // 0 also stands for an omitted unit
	}{
		// 10 of 1,000 calls failed, so p99 is the longest latency of a call that did not fail.
		{"failed calls are infinitely slow", false, map[string]float64{"p99-latency-ns": 5_000_000,
			"max-latency-ns": 0, "mean-latency-ns": 0}},
		{"failed calls are left out", true, map[string]float64{"p99-latency-ns": 5_000_000,
			"max-latency-ns": 5_000_000, "mean-latency-ns": 591_000}},
		{"units that do not depend on failed calls", true, map[string]float64{
			"p50-service-ns": 550_000, "p99-service-ns": 598_000,
			"p50-failed-ns": 500_000, "p99-failed-ns": 0,
			"p99-queue-lag-us": 3000, "p99-generator-lag-us": 0, "gc-pause-us": 1500,
			"span-drop-ppm": 0, "err-ppm": 10_000,
			"p99-error-ppm": 250_000, "p99-rank-error-ppm": 500_000}},
	} {
		t.Run(c.name, func(t *testing.T) {
			v.Record.FailedApart = c.apart
			got := map[string]float64{}
			for _, m := range append(v.Measurements(), e.Measurements()...) {
				got[m.Unit] = m.Value
			}
			for unit, want := range c.want {
				if math.Abs(got[unit]-want) > 0.006*want {
					t.Errorf("%s is %v, want %v", unit, got[unit], want)
				}
			}
		})
	}
}

func TestTheMedianOfAnEvenNumberIsBetweenTheMiddleTwo(t *testing.T) {
	values := []float64{4, 1, 2, 30}
	if m := results.Median(values); m != 3 || values[0] != 4 {
		t.Errorf("median %v, values now %v", m, values)
	}
	if m := results.Median([]float64{9, 1, 2}); m != 2 {
		t.Errorf("median %v", m)
	}
}

func TestBenchTextSaysWhichWayIsBetter(t *testing.T) {
	text, err := os.ReadFile(write(t, results.Complete).BenchPath())
	if err != nil {
		t.Fatal(err)
	}
	for _, u := range results.Units() {
		if line := fmt.Sprintf("Unit %s better=%s\n", u.Name,
			u.Better); (u.Better != "") != strings.Contains(string(text), line) {
			t.Errorf("%s is better %q: the line %q is missing, or should be", u.Name, u.Better, line)
		}
	}
}

func TestAPercentileAmongDroppedCallsIsNotStated(t *testing.T) {
	v := visit(t, "sdk", 1)
	v.Record.Dropped, v.Record.Offered = 100, v.Record.Offered+100
	stated := false
	for _, m := range v.Measurements() {
		switch m.Unit {
		case "p99-latency-ns", "max-latency-ns", "mean-latency-ns":
			t.Errorf("%v %s, and one call in eleven was dropped", m.Value, m.Unit)
		case "drop-ppm":
			if stated = true; m.Value != 90909 {
				t.Errorf("drop-ppm %v", m.Value)
			}
		}
	}
	if !stated {
		t.Error("drop-ppm is omitted")
	}
}

func TestEveryUnitIsDocumentedAndMeasured(t *testing.T) {
	v := visit(t, "sdk", 1)
	for range 3000 {
		v.Record.Latency.Add(time.Millisecond)
	}
	for range 400 {
		v.Record.FailedLatency.Add(time.Second)
	}
	v.Record.Done, v.Record.Failed = v.Record.Latency.Count(), v.Record.FailedLatency.Count()
	v.Record.FailedApart = true
	v.Estimates[0].Answers = append(v.Estimates[0].Answers, results.Answer{Q: 0.99})
	measured := map[string]bool{}
	for _, m := range append(v.Measurements(), v.Estimates[0].Measurements()...) {
		measured[m.Unit] = true
	}
	service := visit(t, "sdk", 1)
	service.Connections = &httptarget.Connections{}
	service.Service = &results.Service{ServiceCost: results.ServiceCost{Idle: new(1.0), LateCPU: new(time.Second)},
		Exports: &results.Exports{}, Calls: 1}
	for _, m := range service.Measurements() {
		measured[m.Unit] = true
	}
	for _, loop := range []string{record.OpenLoop, record.ClosedLoop} {
		sending := visit(t, "sdk", 1)
		sending.Record.Loop, sending.Sending = loop, &results.Sending{Elapsed: time.Second, Processors: 1, PeakCPU: 1}
		for _, m := range sending.Measurements() {
			measured[m.Unit] = true
		}
	}
	for _, u := range results.Units() {
		if u.About == "" || !measured[u.Name] {
			t.Errorf("%s: about %q, measured %v", u.Name, u.About, measured[u.Name])
		}
		delete(measured, u.Name)
		if u.Better != "" && u.Better != "lower" && u.Better != "higher" {
			t.Errorf("%s is better %q", u.Name, u.Better)
		}
	}
	if len(measured) > 0 {
		t.Errorf("measured in units that are not documented: %v", measured)
	}
	// Benchstat chooses the scale of some units by each value. In such a unit no value may be zero.
	for _, u := range results.Units() {
		if _, tidied := benchunit.Tidy(1, u.Name); tidied != u.Name && !strings.HasSuffix(u.Name, "-ns") &&
			!strings.HasSuffix(u.Name, "ns/op") {
			t.Errorf("%s is rescaled to %s, and may be zero", u.Name, tidied)
		}
	}
}

// A percentile of two calls is one of them.
func TestNoPercentileIsWrittenWithoutTheCallsForIt(t *testing.T) {
	for _, n := range []int{1, 5, 6, 367, 368} {
		t.Run(strconv.Itoa(n), func(t *testing.T) {
			r := &record.Record{Offered: uint64(n), Done: uint64(n), Scheduled: time.Second, Elapsed: time.Second}
			for _, h := range []**quantile.HDR{&r.Latency, &r.Service, &r.Queue, &r.Generator, &r.FailedLatency} {
				*h = quantile.NewHDR()
				for range n {
					(*h).Add(time.Millisecond)
				}
			}
			seen := 0
			for _, m := range (&results.Visit{Record: r}).Measurements() {
				name, _, _ := strings.Cut(m.Unit, "-")
				p, err := strconv.ParseFloat(strings.TrimPrefix(name, "p"), 64)
				if err != nil || !strings.HasPrefix(name, "p") {
					continue
				}
				seen++
				if need := quantile.SamplesFor(p / 100); uint64(n) < need {
					t.Errorf("%s needs %d calls", m.Unit, need)
				}
			}
			if n == 368 && seen < 7 {
				t.Errorf("%d percentiles", seen)
			}
		})
	}
}
