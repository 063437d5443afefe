package results_test

import (
	"bytes"
	"context"
	"errors"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

func header(t testing.TB) results.Header {
	t.Helper()
	s, err := scenarios.Load("span-reuse", scenarios.Setting{Key: "seed", Value: "42", Where: "test"},
		scenarios.Setting{Key: "qps", Value: "1000", Where: "test"}, scenarios.Setting{Key: "rounds", Value: "6",
			Where: "test"})
	if err != nil {
		t.Fatal(err)
	}
	return results.Header{
		Schema:   results.Schema,
		Began:    time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
		Scenario: s,
		Environment: results.Environment{GoVersion: "go1.26", GOOS: "linux", GOARCH: "amd64", CPU: "Test CPU",
			NumCPU: 2, GOMAXPROCS: 2, Version: "(devel)", Commit: "abc123", Turns: 0.5},
	}
}

// visit returns a visit of 1,000 calls, each of which takes 500 to 599 µs of virtual time.
func visit(t *testing.T, spans string, round int) (v *results.Visit) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		a, err := schedule.Constant(schedule.PerSecond(1000), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		n := 0
		r := bench.Run{Arrivals: a, Workers: 1, Pace: pace.Sleep,
			Target: bench.TargetFunc(func(context.Context, string) error {
				n++
				time.Sleep(500*time.Microsecond + time.Duration(n%100)*time.Microsecond)
				if n%100 == 0 {
					return errors.New("every hundredth")
				}
				return nil
			})}
		rec, err := r.Do(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		rec.Waiting = 123 * time.Millisecond
		v = &results.Visit{
			Round: round, Order: 1,
			Cell:   scenarios.Cell{Level: scenarios.Level{QPS: schedule.PerSecond(1000)}}.With("spans", spans),
			Began:  time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC),
			Warmup: 100, Record: rec,
			Cost: results.Cost{CPU: 3340903 * time.Nanosecond * 1000, Bytes: 1_902_000, Allocs: 16_000, GCCycles: 0,
				GCPause: 0, PeakRSS: 20 << 20},
			Spans: &results.SpanCount{Made: 1100, Exported: 1090, Bytes: 123_456},
			Estimates: []results.Estimate{{Quantile: "hdr", N: 990, InsertNS: 5.5, QueryNS: 1234, StateBytes: 270_404,
				Answers: []results.Answer{
					{Q: 0.5, Estimate: 550_000, Exact: 549_000, Value: 0.0018, Rank: 0.001}, {Q: 0.999, Estimate: 1,
						Exact: 2, Value: -0.5, Rank: 0}}}},
			Verdict: []record.Reason{{Name: "too-few-samples", Detail: "p99.9 needs more"}},
		}
	})
	return v
}

func write(t *testing.T, status results.Status, visits ...*results.Visit) *results.Writer {
	t.Helper()
	w, err := results.Create(filepath.Join(t.TempDir(), "run"), header(t))
	if err != nil {
		t.Fatal(err)
	}
	for _, v := range visits {
		if err := w.Add(v); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(status); err != nil {
		t.Fatal(err)
	}
	return w
}

// The name of an estimator's line holds every dimension of the cell, so that lines of different cells differ.
func TestNamesHoldEveryDimensionOfACell(t *testing.T) {
	s, err := scenarios.Decode("span-reuse.yaml",
		[]byte("qps: 1000\nduration: 1s\nspans: [sdk]\nsampling: [parent-0.01]\nprocessors: [none]\nattributes: "+
			"[6]\nmetrics: [otel]\nlive: true\nquantile: [hdr]"))
	if err != nil {
		t.Fatal(err)
	}
	h := header(t)
	h.Scenario = s
	w, err := results.Create(filepath.Join(t.TempDir(), "run"), h)
	if err != nil {
		t.Fatal(err)
	}
	v := visit(t, "sdk", 1)
	v.Cell = s.Cells()[0]
	if err := errors.Join(w.Add(v), w.Close(results.Complete)); err != nil {
		t.Fatal(err)
	}
	got := readBench(t, w)
	if len(got) != 2 {
		t.Fatalf("%d results", len(got))
	}
	const arm = "scenario=span-reuse/target=map/spans=sdk/sampling=parent-0.01/processors=none/attributes=6/" +
		"metrics=otel/"
	for i, want := range []string{"Load/" + arm + "quantile=hdr/qps=1000-2",
		"Estimate/" + arm + "qps=1000/live=hdr/quantile=hdr-2"} {
		if name := string(got[i].Name); name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
	if _, err := results.Read(w.JSONPath()); err != nil {
		t.Error(err)
	}
}

// readBench returns the results of a run's benchmark text, of which every value is finite, and every line one that the
// Go tools read.
func readBench(t *testing.T, w *results.Writer) (all []*benchfmt.Result) {
	t.Helper()
	lines := benchfmt.Files{Paths: []string{w.BenchPath()}}
	for lines.Scan() {
		switch line := lines.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Fatal(line)
		case *benchfmt.Result:
			for _, v := range line.Values {
				if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) {
					t.Errorf("%s: %v %s: want a finite number", line.Name, v.Value, v.Unit)
				}
			}
			all = append(all, line.Clone())
		}
	}
	if err := lines.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

func TestBenchTextIsWhatTheGoToolsRead(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1), visit(t, "pooled", 1))
	got := readBench(t, w)
	if len(got) != 4 {
		t.Fatalf("%d results", len(got))
	}
	r := got[0]
	if name := string(r.Name); name != "Load/scenario=span-reuse/target=map/spans=sdk/qps=1000-2" || r.Iters != 1000 {
		t.Errorf("first result is %s, %d", name, r.Iters)
	}
	name := string(got[1].Name)
	if name != "Estimate/scenario=span-reuse/target=map/spans=sdk/qps=1000/quantile=hdr-2" {
		t.Errorf("second result is %s", name)
	}
	for unit, want := range map[string]float64{
		"B/op": 1902, "allocs/op": 16, "err-ppm": 10_000, "drop-ppm": 0, "achieved-qps": 1000, "offered-qps": 1000,
		"cpu-sec/op": 3340903e-9, "waiting-cpu-sec/op": 123e-6, "p99-generator-lag-us": 0,
		"span-drop-ppm": 9091, "peak-RSS-bytes": 20 << 20,
	} {
		if got, ok := r.Value(unit); !ok || math.Abs(got-want) > 1e-9*math.Abs(want) {
			t.Errorf("%s is %v (%v), want %v", unit, got, ok, want)
		}
	}
	if v, ok := r.Value("p99.9-latency-sec"); ok {
		t.Errorf("p99.9 of 990 calls is not omitted: %v", v)
	}
	for _, key := range []string{"goos", "arrivals", "loop", "workers", "handlers"} {
		if r.GetConfig(key) == "" {
			t.Errorf("no %s", key)
		}
	}
	// A key that differs between runs makes benchstat compare nothing.
	for _, key := range []string{"seed", "commit", "date", "round", "began"} {
		if v := r.GetConfig(key); v != "" {
			t.Errorf("%s: %s is configuration: want it in a comment", key, v)
		}
	}
	text, err := os.ReadFile(w.BenchPath())
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.HasPrefix(text, []byte("# loadgen 2  seed=42  commit=abc123 ")) || bytes.Contains(text, []byte("e+")) {
		t.Errorf("text:\n%s", text)
	}
}

func TestTheFilesAreWholeAfterEveryVisit(t *testing.T) {
	dir := t.TempDir()
	w, err := results.Create(dir, header(t))
	if err != nil {
		t.Fatal(err)
	}
	for n := range 4 {
		run, err := results.Read(dir)
		if err != nil {
			t.Fatalf("after %d visits: %v", n, err)
		}
		if len(run.Visits) != n || run.Status != results.Partial {
			t.Errorf("after %d visits: %d in the file, %s", n, len(run.Visits), run.Status)
		}
		if err := w.Add(visit(t, "sdk", n+1)); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(results.Partial); err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(w.BenchPath())
	if err != nil || !strings.HasSuffix(string(text), "# partial: ended after 4 of 36 visits\n") {
		t.Errorf("%v; the text ends\n%s", err, text[max(0, len(text)-200):])
	}
}

func TestARunIsNeverOverwritten(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1))
	before, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := results.Create(filepath.Dir(w.JSONPath()), header(t)); err == nil ||
		!strings.Contains(err.Error(), "holds a run already") {
		t.Errorf("error %v", err)
	}
	after, err := os.ReadFile(w.JSONPath())
	if err != nil || !bytes.Equal(before, after) {
		t.Errorf("%v, or run.json has changed", err)
	}
}

func TestAVisitThatFailedOrWasCutShortIsNoResult(t *testing.T) {
	failed := &results.Visit{Round: 1, Order: 1,
		Cell:  scenarios.Cell{Level: scenarios.Level{QPS: schedule.PerSecond(1000)}}.With("spans", "sdk"),
		Error: "crashed\nwith a stack"}
	cut := visit(t, "sdk", 2)
	cut.Record.Interrupted = true
	w := write(t, results.Partial, failed, cut)
	if got := readBench(t, w); len(got) > 0 {
		t.Errorf("%d results", len(got))
	}
	run, err := results.Read(w.JSONPath())
	if err != nil || len(run.Visits) != 2 || run.Visits[0].Error != failed.Error || !run.Visits[1].Record.Interrupted {
		t.Errorf("%+v, %v", run, err)
	}
}

func TestWhatBreaksOtherToolsNeverReachesAFile(t *testing.T) {
	for name, breakVisit := range map[string]func(*results.Visit){
		"NaN is refused":                  func(v *results.Visit) { v.Estimates[0].InsertNS = math.NaN() },
		"an infinity is refused":          func(v *results.Visit) { v.Estimates[0].Answers[0].Value = math.Inf(1) },
		"a blank in a name is refused":    func(v *results.Visit) { v.Cell = v.Cell.With("spans", "a b") },
		"an undocumented unit is refused": func(v *results.Visit) { v.Estimates[0].Answers[0].Q = 0.123 },
	} {
		t.Run(name, func(t *testing.T) {
			v := visit(t, "sdk", 1)
			breakVisit(v)
			w, err := results.Create(t.TempDir(), header(t))
			if err != nil {
				t.Fatal(err)
			}
			if err := w.Add(v); err == nil {
				t.Error("it was written")
			}
			if err := w.Close(results.Partial); err != nil {
				t.Error(err)
			}
			if run, err := results.Read(w.JSONPath()); err != nil || len(run.Visits) != 0 {
				t.Errorf("after the refusal run.json reads as %v, %v", run, err)
			}
		})
	}
}

func TestAVisitWithoutACallIsNoResult(t *testing.T) {
	v := visit(t, "sdk", 1)
	v.Record = &record.Record{Latency: quantile.NewHDR(), Service: quantile.NewHDR(), Queue: quantile.NewHDR(),
		Generator: quantile.NewHDR(), FailedLatency: quantile.NewHDR(), Hiccups: quantile.NewHDR(),
		Scheduled: time.Second, Elapsed: time.Second}
	w := write(t, results.Complete, v)
	if got := readBench(t, w); len(got) > 0 {
		t.Errorf("%d results", len(got))
	}
	if run, err := results.Read(w.JSONPath()); err != nil || len(run.Visits) != 1 {
		t.Errorf("%v, %v", run, err)
	}
}

func TestNoPartOfANameHoldsASlash(t *testing.T) {
	h := header(t)
	h.Scenario.QPS = []schedule.Rate{{Num: 1000, Den: 3}}
	v := visit(t, "sdk", 1)
	v.Cell.QPS = h.Scenario.QPS[0]
	v.Cell = v.Cell.With("quantile", "hdr")
	w, err := results.Create(t.TempDir(), h)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Add(v), w.Close(results.Complete)); err != nil {
		t.Fatal(err)
	}
	got := readBench(t, w)
	for i, want := range []string{
		"Load/scenario=span-reuse/target=map/spans=sdk/quantile=hdr/qps=333.3333333333333-2",
		"Estimate/scenario=span-reuse/target=map/spans=sdk/qps=333.3333333333333/live=hdr/quantile=hdr-2",
	} {
		if name := string(got[i].Name); name != want {
			t.Errorf("%s, want %s", name, want)
		}
	}
}

func TestThePackageIsTheOneThatHoldsTheTarget(t *testing.T) {
	for name, c := range map[string]struct{ target, program, want string }{
		"the map in loadgen": {"map", "github.com/loadgen-go/loadgen/cmd/loadgen",
			"github.com/loadgen-go/loadgen"},
		"the map in another program":     {"map", "example.com/shop/cmd/load", "github.com/loadgen-go/loadgen"},
		"a program's own target":         {"look-up", "example.com/shop/cmd/load", "example.com/shop/cmd/load"},
		"a program without a build info": {"look-up", "", "unknown"},
	} {
		t.Run(name, func(t *testing.T) {
			h := header(t)
			h.Scenario.SetArms(scenarios.Target, c.target)
			h.Environment.Package = c.program
			w, err := results.Create(t.TempDir(), h)
			if err != nil {
				t.Fatal(err)
			}
			if err := errors.Join(w.Add(visit(t, "sdk", 1)), w.Close(results.Complete)); err != nil {
				t.Fatal(err)
			}
			if got := readBench(t, w)[0].GetConfig("pkg"); got != c.want {
				t.Errorf("pkg: %q, want %q", got, c.want)
			}
		})
	}
}

func TestARunThatCannotBeginLeavesNothingBehind(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, results.BenchFile), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := results.Create(dir, header(t)); err == nil {
		t.Error("run.bench was overwritten")
	}
	if _, err := os.Stat(filepath.Join(dir, results.JSONFile)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("run.json was left: %v", err)
	}
}
