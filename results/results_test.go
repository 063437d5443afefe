package results_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"golang.org/x/perf/benchfmt"
	"golang.org/x/perf/benchunit"

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
			Round: round, Order: 1, Cell: scenarios.Cell{Level: scenarios.Level{QPS: schedule.PerSecond(1000)}}.With("spans", spans),
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

// Earlier versions wrote the number of effective calls into the trend. The field is ignored now.
func TestFieldsThatAreNotKnownAreIgnored(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1))
	data, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	old := strings.Replace(string(data), `"trend":{`,
		`"trend":{"spearman":0.5,"calls":1000,"effective":333.3,"median_ns":550000,`, 1)
	if old == string(data) {
		t.Fatal("the run has no trend")
	}
	if err := os.WriteFile(w.JSONPath(), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	if run, err := results.Read(w.JSONPath()); err != nil || run.Visits[0].Record.Trend.Windows == 0 {
		t.Errorf("%+v, %v", run, err)
	}
}

// A run may have been written before the dimensions sampling, processors, attributes and metrics existed.
func TestARunWithoutTheNewerArmsStillReads(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1))
	data, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	old := string(data)
	for _, field := range []string{`"sampling":["always"],`, `"processors":["batch"],`, `"attributes":["0"],`,
		`"metrics":["none"],`} {
		if !strings.Contains(old, field) {
			t.Errorf("%s is not in run.json", field)
		}
		old = strings.Replace(old, field, "", 1)
	}
	if err := os.WriteFile(w.JSONPath(), []byte(old), 0o600); err != nil {
		t.Fatal(err)
	}
	run, err := results.Read(w.JSONPath())
	if err != nil || len(run.Visits) != 1 || run.Visits[0].Cell.Arm() != "spans=sdk" {
		t.Errorf("%+v, %v", run, err)
	}
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

// readBench returns the results of a run's benchmark text, of which every value is finite, and every line one that the Go
// tools read.
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

func TestJSONComesBackAsItWas(t *testing.T) {
	want := []*results.Visit{visit(t, "sdk", 1), visit(t, "pooled", 1)}
	w := write(t, results.Complete, want...)
	run, err := results.Read(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	if run.Status != results.Complete {
		t.Errorf("status %s", run.Status)
	}
	alike := cmp.Options{
		cmpopts.IgnoreUnexported(scenarios.Scenario{}),
		cmpopts.EquateComparable(bench.Overload{}),
		cmp.Comparer(func(a, b pace.Pace) bool { return a.String() == b.String() }),
	}
	hdr := cmp.Comparer(func(a, b *quantile.HDR) bool {
		x, errX := json.Marshal(a)
		y, errY := json.Marshal(b)
		return errX == nil && errY == nil && bytes.Equal(x, y)
	})
	if diff := cmp.Diff(header(t), run.Header, hdr, alike); diff != "" {
		t.Errorf("header -want +got:\n%s", diff)
	}
	if diff := cmp.Diff(want, run.Visits, hdr, cmpopts.IgnoreFields(record.Record{}, "Kept"), cmpopts.EquateEmpty(),
		cmpopts.EquateComparable(record.Buckets{}, scenarios.Cell{})); diff != "" {
		t.Errorf("visits -want +got:\n%s", diff)
	}
	if fromDir, err := results.Read(filepath.Dir(w.JSONPath())); err != nil || len(fromDir.Visits) != 2 {
		t.Errorf("a directory reads as %v, %v", fromDir, err)
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

// Wherever a run.json is cut off after its header, the visits before the cut are read.
func TestARunThatIsCutOffKeepsItsWholeVisits(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1), visit(t, "sdk", 2), visit(t, "pooled", 1))
	whole, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	header := bytes.IndexByte(whole, '\n')
	lines := bytes.Count(whole, []byte("\n"))
	if lines != 5 {
		t.Fatalf("%d lines", lines)
	}
	path := filepath.Join(t.TempDir(), results.JSONFile)
	random := rand.New(rand.NewPCG(15, 7))
	cuts := []int{header, header + 1, len(whole) - 1, len(whole) - 2, len(whole) - 3}
	for i, c := range whole {
		if c == '\n' && i >= header {
			cuts = append(cuts, max(i-2, header), max(i-1, header), i, i+1, min(i+2, len(whole)-1))
		}
	}
	for range 100 {
		cuts = append(cuts, header+random.IntN(len(whole)-header))
	}
	for _, cut := range cuts {
		for _, zeros := range []int{0, 4096} { // some file systems fill unwritten blocks with zeros
			if err := os.WriteFile(path, append(whole[:cut:cut], make([]byte, zeros)...), 0o600); err != nil {
				t.Fatal(err)
			}
			want := 0
			for end := header; end >= 0 && want < 3; want++ {
				next := bytes.IndexByte(whole[end+1:], '\n')
				if end += 1 + next; bytes.HasSuffix(whole[:end], []byte(",")) {
					end--
				}
				if end > cut {
					break
				}
				if end < len(whole) && whole[end] == ',' {
					end++
				}
			}
			run, err := results.Read(path)
			if err != nil || len(run.Visits) != want || run.Status != results.Partial && cut < len(whole)-1 {
				t.Fatalf("cut off at %d of %d, %d zeros: %v, %+v; want %d visits", cut, len(whole), zeros, err, run,
					want)
			}
		}
	}
	if err := os.WriteFile(path, whole[:header-1], 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := results.Read(path); err == nil || !strings.Contains(err.Error(), path+":1: not JSON") {
		t.Errorf("cut off in the header: %v", err)
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
	failed := &results.Visit{Round: 1, Order: 1, Cell: scenarios.Cell{Level: scenarios.Level{QPS: schedule.PerSecond(1000)}}.With("spans", "sdk"), Error: "crashed\nwith a stack"}
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
		"the map in loadgen":             {"map", "github.com/loadgen-go/loadgen/cmd/loadgen", "github.com/loadgen-go/loadgen"},
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

func TestReadingABrokenRunSaysWhatIsWrongAndWhere(t *testing.T) {
	w := write(t, results.Complete, visit(t, "sdk", 1), visit(t, "pooled", 1))
	whole, err := os.ReadFile(w.JSONPath())
	if err != nil {
		t.Fatal(err)
	}
	replace := func(old, new string) []byte { return bytes.Replace(whole, []byte(old), []byte(new), 1) }
	withoutVisits := `{"schema":2,"scenario":{"qps":["1"],"duration":"1s"},"visits":[%s],"status":"%s"}`
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"JSON that is not valid": {replace(`"round":1`, `"round":`), "run.json:2: not JSON"},
		"an empty file":          {nil, "run.json:1: not JSON"},
		"a later schema": {replace(`"schema":2`, `"schema":3`),
			"has schema 3, which a later loadgen wrote, and this one reads up to 2: install a later one"},
		"benchmark text": {[]byte("goos: linux\n"), "run.json:1: not JSON"},
		"a list":         {[]byte("[]"), "is not a run of loadgen: want the directory of a run, or its run.json"},
		"an unrelated object": {[]byte(`{"name":"x"}`),
			"is not a run of loadgen: want the directory of a run, or its run.json"},
		"an unknown status": {replace(`"status":"complete"`, `"status":"fine"`), `status is "fine"`},
		"a cell that the scenario lacks": {replace(`"cell":{"spans":"sdk"`, `"cell":{"spans":"other"`),
			"visit 1 is of spans=other/qps=1000 in round 1, which the scenario does not have"},
		"two visits of a cell in a round": {replace(`"spans":"pooled","qps"`, `"spans":"sdk","qps"`),
			"visit 2 is the second of spans=sdk/qps=1000 in round 1"},
		"a round that the scenario lacks": {replace(`"round":1`, `"round":7`), "in round 7"},
		"a missing histogram":             {replace(`"service":`, `"mean":`), "visit 1: no histogram of service"},
		"a missing round":                 {replace(`"round":1`, `"circle":1`), "in round 0"},
		"a scenario that is not valid":    {replace(`"rounds":6`, `"rounds":0`), "rounds: 0 is out of range"},
		"counts that do not add up": {replace(`"dropped":0`, `"dropped":7`),
			"visit 1: its counts do not add up"},
		"a count that its histogram contradicts": {bytes.Replace(replace(`"done":990`, `"done":991`),
			[]byte(`"failed":10`), []byte(`"failed":9`), 1), "visit 1: its counts do not add up"},
		"a histogram that cannot be decoded": {replace(`"hdr_v2":"`, `"hdr_v2":"!`), "histogram"},
		"a visit without a record": {fmt.Appendf(nil, withoutVisits, `{"round":1,"cell":{"spans":"none","qps":"1"}}`,
			"complete"), "neither a record nor an error"},
		"a visit that is null":    {fmt.Appendf(nil, withoutVisits, "null", "partial"), "visit 1 is null"},
		"a missing scenario":      {[]byte(`{"schema":2}`), "no scenario"},
		"a value of another type": {replace(`"round":1`, `"round":"x"`), "run.json:2: json: cannot unmarshal string"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(t.TempDir(), "run.json")
			if err := os.WriteFile(path, c.data, 0o600); err != nil {
				t.Fatal(err)
			}
			if _, err := results.Read(path); err == nil || !strings.Contains(err.Error(), c.want) ||
				!strings.Contains(err.Error(), "run.json") {
				t.Errorf("error %v, want %q in it", err, c.want)
			}
		})
	}
	if _, err := results.Read(w.BenchPath()); err == nil ||
		!strings.Contains(err.Error(), "run.bench is Go benchmark text: want the run.json beside it") {
		t.Errorf("run.bench: %v", err)
	}
	if _, err := results.Read(filepath.Join(t.TempDir(), "none")); err == nil ||
		!strings.Contains(err.Error(), "want the directory of a run") {
		t.Errorf("a missing file: %v", err)
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
