package benchtest_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/perf/benchfmt"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/benchtest"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/results"
)

const ms = time.Millisecond

// benchmark runs f as go test -bench -benchtime does, with the fake clock, and returns the result of the
// last run and b.N of each run.
func benchmark(t *testing.T, benchtime string, f func(b *testing.B)) (result testing.BenchmarkResult, runs []int) {
	t.Helper()
	was := flag.Lookup("test.benchtime").Value.String()
	if err := flag.Set("test.benchtime", benchtime); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := flag.Set("test.benchtime", was); err != nil {
			t.Error(err)
		}
	}()
	synctest.Test(t, func(t *testing.T) {
		result = testing.Benchmark(func(b *testing.B) {
			runs = append(runs, b.N)
			f(b)
		})
	})
	return result, runs
}

// drive returns a benchmark of f whose pace works with the fake clock.
func drive(load schedule.Load, workers int, f func(context.Context) error) func(b *testing.B) {
	return func(b *testing.B) {
		benchtest.Driver{Load: load, Workers: workers, Pace: pace.Sleep}.Drive(b, f)
	}
}

func quick(context.Context) error { return nil }

func TestABenchmarkReportsTheCallsOfItsRunAlone(t *testing.T) {
	var calls atomic.Uint64
	var record *record.Record
	result, runs := benchmark(t, "1000x", func(b *testing.B) {
		calls.Store(0)
		d := benchtest.Driver{Load: schedule.At(1000), Workers: 8, Pace: pace.Sleep}
		record = d.Drive(b, func(context.Context) error {
			n := calls.Add(1)
			time.Sleep(2 * ms)
			if n > 200 && n%100 == 0 { // past the warm-up
				return errors.New("no luck")
			}
			return nil
		})
	})
	if !slices.Equal(runs, []int{1, 1000}) || result.N != 1000 || calls.Load() != 1100 || record.Offered != 1000 {
		t.Errorf("runs of %v calls; the last made %d, 100 of them to warm up, and accounts for %d", runs,
			calls.Load(), record.Offered)
	}
	near := func(unit string, want float64) {
		t.Helper()
		if got, ok := result.Extra[unit]; !ok || math.Abs(got-want) > 0.001*want {
			t.Errorf("%v %s, want %v", got, unit, want)
		}
	}
	for _, unit := range []string{"p50-latency-ns", "p90-latency-ns", "p99-latency-ns"} {
		near(unit, 2e6)
	}
	near("p99-lag-us", 0)
	near("achieved-qps", 1000/1.001) // the last call is due at 999 ms and ends at 1,001 ms
	near("err-ppm", 9000)
	near("drop-ppm", 0)
	near("ns/op", 0)
	if p, ok := result.Extra["p99.9-latency-ns"]; ok {
		t.Errorf("p99.9 is %v of 1,000 calls: want it not to be stated", p)
	}
}

func TestLagIsThatOfTheQueueToo(t *testing.T) {
	// One call of 100 ms makes 99 others late, the first of them by 99 ms.
	var n atomic.Uint64
	result, _ := benchmark(t, "500x", drive(schedule.At(1000), 1, func(context.Context) error {
		if n.Add(1) == 200 {
			time.Sleep(100 * ms)
		}
		return nil
	}))
	if got := result.Extra["p99-lag-us"]; math.Abs(got-95_000) > 1000 {
		t.Errorf("p99-lag-us is %v, want 95,000", got)
	}
}

func TestCallsThatAreNotServedLeaveNoLongestLatency(t *testing.T) {
	calls := func(fails bool) func(context.Context) error {
		var n atomic.Uint64
		return func(context.Context) error {
			time.Sleep(1500 * time.Microsecond)
			if n.Add(1)%2 == 0 && fails {
				return errors.New("no luck")
			}
			return nil
		}
	}
	for _, c := range []struct {
		name       string
		driver     benchtest.Driver
		fails      bool
		drops, max float64 // 0: it is not stated
	}{
		{"half are dropped", benchtest.Driver{Workers: 1, Overload: bench.Drop}, false, 500_000, 0},
		{"half fail", benchtest.Driver{Workers: 2}, true, 0, 0},
		{"half fail, apart", benchtest.Driver{Workers: 2, FailedApart: true}, true, 0, 1.5e6},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.driver.Load, c.driver.Pace = schedule.At(1000), pace.Sleep
			result, _ := benchmark(t, "1000x", func(b *testing.B) { c.driver.Drive(b, calls(c.fails)) })
			if drops := result.Extra["drop-ppm"]; drops != c.drops {
				t.Errorf("%v ppm were dropped, want %v", drops, c.drops)
			}
			for _, unit := range []string{"p90-latency-ns", "max-latency-ns"} {
				if x := result.Extra[unit]; math.Abs(x-c.max) > 0.001*c.max {
					t.Errorf("%s is %v, want %v", unit, x, c.max)
				}
			}
		})
	}
}

// The testing package makes the next run 1.2 times as long as would fill -benchtime, and at most 100 times as
// long as the last run.
func TestRunsGrowByTheTimeOfTheSchedule(t *testing.T) {
	load := func(text string) schedule.Load {
		l, err := schedule.ParseLoad(text)
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	for name, c := range map[string]struct {
		load      schedule.Load
		benchtime string
		want      []int
	}{
		"a rate":                        {schedule.At(1000), "5s", []int{1, 100, 6000}},
		"as many calls as were asked":   {schedule.At(1000), "700x", []int{1, 700}},
		"one call":                      {schedule.At(1000), "1x", []int{1}},
		"a slow rate":                   {schedule.At(1), "5s", []int{1, 6}},
		"slower than -benchtime":        {schedule.At(0.001), "5s", []int{1}},
		"passes of a load":              {load("ramp:100..300/s@1s"), "5s", []int{1, 6}},
		"a load as long as -benchtime":  {load("ramp:100..300/s@5s"), "5s", []int{1}},
		"a load longer than -benchtime": {load("ramp:100..300/s@7s"), "5s", []int{1}},
	} {
		t.Run(name, func(t *testing.T) {
			_, runs := benchmark(t, c.benchtime, func(b *testing.B) {
				time.Sleep(time.Second) // setting up takes no time of the benchmark
				drive(c.load, 1, quick)(b)
			})
			if !slices.Equal(runs, c.want) {
				t.Errorf("runs of %v calls, want %v", runs, c.want)
			}
		})
	}
	// Few calls that happen to lie close together say nothing of the rest: with these
	// seeds two are due within 0.4 s.
	for _, seed := range []uint64{18, 59} {
		_, runs := benchmark(t, "5s", func(b *testing.B) {
			benchtest.Driver{Load: load("const:1/s poisson"), Pace: pace.Sleep, Seed: seed}.Drive(b, quick)
		})
		if last := runs[len(runs)-1]; last > 12 {
			t.Errorf("seed %d: runs of %v calls, want no more than twice those of 5 s", seed, runs)
		}
	}
}

func TestPassesOfALoadAreMadeWhole(t *testing.T) {
	load, err := schedule.ParseLoad("ramp:10k..30k/s@500ms")
	if err != nil {
		t.Fatal(err)
	}
	var record *record.Record
	result, _ := benchmark(t, "3x", func(b *testing.B) {
		record = benchtest.Driver{Load: load, Workers: 1, Pace: pace.Sleep}.Drive(b, allocates)
	})
	if record.Offered != 30_000 || record.Scheduled != 1500*ms || result.N != 3 {
		t.Errorf("%d calls in %v, N = %d; want three times 10,000 in 500 ms", record.Offered, record.Scheduled,
			result.N)
	}
	// Bytes are counted for the whole process, in which the runtime allocates some 7 kB, too: too little to show.
	if bytes := result.AllocedBytesPerOp(); result.AllocsPerOp() != 1 || bytes != 64 {
		t.Errorf("%s: want those of a call", result.MemString())
	}
}

var sink atomic.Pointer[[64]byte]

func allocates(context.Context) error {
	sink.Store(new([64]byte))
	return nil
}

func TestAllocationsAreThoseOfTheCalls(t *testing.T) {
	for name, c := range map[string]struct {
		f             func(context.Context) error
		bytes, allocs int64
	}{
		"one":  {allocates, 64, 1},
		"none": {quick, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			// The runtime allocates memory of its own: some 200 B for each worker, and 7 kB in the
			// first run of a process. The calls are enough for it not to show.
			for _, workers := range []int{1, 40} {
				result, _ := benchmark(t, "50000x", func(b *testing.B) {
					for range 1000 {
						sink.Store(new([64]byte)) // setting up
					}
					drive(schedule.At(1000), workers, c.f)(b)
				})
				if result.AllocedBytesPerOp() != c.bytes || result.AllocsPerOp() != c.allocs {
					t.Errorf("%s, %d workers: %s; want %d B and %d", name, workers, result.MemString(), c.bytes,
						c.allocs)
				}
			}
		})
	}
}

// driveTest builds the benchmarks of testdata/drive, and returns a function that runs some of them.
func driveTest(t *testing.T) func(t *testing.T, args ...string) (output string, failed bool) {
	t.Helper()
	binary := filepath.Join(t.TempDir(), "drive.test")
	if out, err := exec.Command("go", "test", "-c", "-o", binary, "./testdata/drive").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return func(t *testing.T, args ...string) (string, bool) {
		t.Helper()
		out, err := exec.Command(binary, append([]string{"-test.run=^$"}, args...)...).CombinedOutput()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return string(out), err != nil
	}
}

// units returns the units of a result as they were printed.
func units(r *benchfmt.Result) (all []string) {
	for _, v := range r.Values {
		unit := v.Unit
		if v.OrigUnit != "" {
			unit = v.OrigUnit
		}
		all = append(all, unit)
	}
	slices.Sort(all)
	return all
}

// read reads the output of benchmarks as benchstat does.
func read(t *testing.T, output string) (names map[string]int, all []benchfmt.Result,
	directions benchfmt.UnitMetadataMap) {
	t.Helper()
	names = map[string]int{}
	reader := benchfmt.NewReader(strings.NewReader(output), "output")
	for reader.Scan() {
		switch r := reader.Result().(type) {
		case *benchfmt.SyntaxError:
			t.Errorf("%v in\n%s", r, output)
		case *benchfmt.Result:
			names[r.Name.String()]++
			all = append(all, *r.Clone())
		}
	}
	if err := reader.Err(); err != nil {
		t.Fatal(err)
	}
	return names, all, reader.Units()
}

func TestBenchstatReadsWhatGoTestPrints(t *testing.T) {
	goTest := exec.Command("go", "test", "./testdata/drive", "-vet=off", "-run=^$", "-bench=Dispatch", "-count=2",
		"-benchtime=500x", "-cpu=1,2")
	plain, err := goTest.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, plain)
	}
	run := driveTest(t)
	printed := func(verbose string) string {
		output, failed := run(t, verbose, "-test.bench=Dispatch", "-test.count=2", "-test.benchtime=500x",
			"-test.cpu=1,2")
		if failed {
			t.Fatal(output)
		}
		return output
	}
	toJSON := exec.Command("go", "tool", "test2json") // is what go test -json does
	toJSON.Stdin = strings.NewReader(printed("-test.v=test2json"))
	events, err := toJSON.Output()
	if err != nil {
		t.Fatal(err)
	}
	for name, output := range map[string]string{"plain": string(plain), "-v": printed("-test.v"),
		"-json": text(t, string(events))} {
		t.Run(name, func(t *testing.T) {
			names, all, directions := read(t, output)
			for _, want := range []string{"Dispatch/qps=10000", "Dispatch/qps=10000-2", "Dispatch/qps=20000",
				"Dispatch/qps=20000-2"} {
				if names[want] != 2 {
					t.Errorf("%d results of %s, want 2, in\n%s", names[want], want, output)
				}
			}
			want := []string{"B/op", "achieved-qps", "allocs/op", "drop-ppm", "err-ppm", "max-latency-ns",
				"p50-latency-ns", "p90-latency-ns", "p99-lag-us", "p99-latency-ns"}
			for i := range all {
				if got := units(&all[i]); !slices.Equal(got, want) || all[i].Iters != 500 {
					t.Errorf("%s: %d calls, units %v; want 500, %v", all[i].Name, all[i].Iters, got, want)
				}
				for _, v := range all[i].Values {
					if math.IsNaN(v.Value) || math.IsInf(v.Value, 0) || v.Value == 0 &&
						strings.HasSuffix(v.Unit, "-ns") {
						t.Errorf("%s: %v %s", all[i].Name, v.Value, v.Unit)
					}
				}
			}
			for _, unit := range append(want, "p99.9-latency-ns") {
				better := -1
				if unit == "achieved-qps" {
					better = +1
				}
				if got := directions.GetBetter(unit); got != better {
					t.Errorf("the direction of %s is %d, want %d", unit, got, better)
				}
			}
			if n := strings.Count(output, "Unit err-ppm"); n != 1 {
				t.Errorf("the directions of units stand %d times in\n%s", n, output)
			}
		})
	}
}

// text returns the output in the events of go test -json.
func text(t *testing.T, events string) string {
	t.Helper()
	var s strings.Builder
	for d := json.NewDecoder(strings.NewReader(events)); ; {
		var event struct{ Output string }
		err := d.Decode(&event)
		if err == io.EOF {
			return s.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		s.WriteString(event.Output)
	}
}

// A unit has one direction, whoever reports it.
func TestUnitsAreThoseOfRecordedRuns(t *testing.T) {
	output, _ := driveTest(t)(t, "-test.bench=Dispatch/qps=10000", "-test.benchtime=1x")
	_, _, directions := read(t, output)
	var shared []string
	for _, u := range results.Units() {
		d := directions.Get(u.Name, "better")
		if d == nil {
			continue
		}
		if shared = append(shared, u.Name); d.Value != u.Better {
			t.Errorf("%s is better %s in a benchmark, and %s in a recorded run", u.Name, d.Value, u.Better)
		}
	}
	for _, unit := range []string{"p99-latency-ns", "achieved-qps", "err-ppm"} {
		if !slices.Contains(shared, unit) {
			t.Errorf("%s is not among the units of both: %v", unit, shared)
		}
	}
}

func TestABenchmarkSaysWhatItsFiguresAreWorth(t *testing.T) {
	run := driveTest(t)
	for name, c := range map[string]struct {
		args []string
		want []string // each stands once
	}{
		"saturated": {[]string{"-test.bench=Saturated", "-test.benchtime=100ms"}, []string{"not valid: saturated: "}},
		"saturated, as many calls as asked": {[]string{"-test.bench=Saturated", "-test.benchtime=200x"},
			[]string{"not valid: saturated: ", "not valid: too-few-samples: p99 needs 368 calls, there were 200: "}},
		"some fail": {[]string{"-test.bench=SomeFail", "-test.benchtime=400x"},
			[]string{"40 of 400 calls failed:\n        40: no luck\n", " 100000 err-ppm"}},
		"unjudged": {[]string{"-test.bench=Unjudged", "-test.benchtime=200x"},
			[]string{`SLO "p99.9 < 1s" cannot be judged: p99.9 needs 3688 calls, there are 200`,
				`SLO "errors < 1% over every 10s" cannot be judged: the run of 200ms is shorter than its windows: ` +
					`raise -benchtime`}},
	} {
		t.Run(name, func(t *testing.T) {
			output, failed := run(t, c.args...)
			if failed {
				t.Errorf("it fails:\n%s", output)
			}
			for _, want := range c.want {
				if n := strings.Count(output, want); n != 1 {
					t.Errorf("%q stands %d times, want once, in\n%s", want, n, output)
				}
			}
			read(t, output)
		})
	}
	if output, failed := run(t, "-test.bench=Skips", "-test.v"); failed ||
		!strings.Contains(output, "--- SKIP: BenchmarkSkips") {
		t.Errorf("a function that skips:\n%s", output)
	}
}

func TestABenchmarkFailsAndSaysWhy(t *testing.T) {
	run := driveTest(t)
	for name, wants := range map[string][]string{
		"panics":                  {"f panicked: at the disco", "drive_test.blowUp(", "testdata/drive/drive_test.go:"},
		"fails":                   {"a fatal mistake"},
		"fails-while-others-wait": {"a fatal mistake"},
		"skips-late": {"f skipped the benchmark in a run of 500 calls: want it to skip in the first call, or " +
			"before Drive"},
		"exits":    {"f ended its goroutine (runtime.Goexit): want it to return"},
		"all-fail": {"all 500 calls failed:", "500: no route"},
		"misses":   {`SLO "p50 < 1ns" is missed: p50 is `},
		"no-rate":  {"rate of 0 calls per second: want one above 0"},
		"no-load": {"f is nil: want a function to call",
			"Driver.Load is not set: want the result of schedule.At or schedule.ParseLoad",
			"Driver.Workers is -1: want 1 to 100000",
			"Driver.SLOs[0] is the zero SLO: want the result of record.ParseSLO"},
		"no-file": {"missing.jsonl: no such file"},
		"loops":   {"b.N is 0: want Drive outside of b.Loop"},
	} {
		t.Run(name, func(t *testing.T) {
			output, failed := run(t, "-test.bench=^BenchmarkBad$/^"+name+"$", "-test.benchtime=500x")
			if !failed || !strings.Contains(output, "--- FAIL: BenchmarkBad/"+name) {
				t.Errorf("it does not fail:\n%s", output)
			}
			for _, want := range wants {
				if !strings.Contains(output, want) {
					t.Errorf("it does not say %q:\n%s", want, output)
				}
			}
			if _, after, _ := strings.Cut(output, "a fatal mistake"); strings.Contains(after, "Drive has returned") {
				t.Errorf("Drive returns although f called b.Fatal:\n%s", output)
			}
			if strings.HasPrefix(name, "fails") && strings.Contains(output, "Goexit") {
				t.Errorf("f called b.Fatal, which is reason enough:\n%s", output)
			}
			if strings.Contains(output, "NaN") {
				t.Errorf("there is a NaN in\n%s", output)
			}
		})
	}
}

// Commands that import the engine do not get test flags from it.
func TestTheEngineBringsNoFlagsOfTests(t *testing.T) {
	dir := t.TempDir()
	program := "package main\n\nimport (\n\t\"flag\"\n\n\t_ \"github.com/loadgen-go/loadgen/bench\"\n)\n\n" +
		"func main() {\n\tflag.VisitAll(func(f *flag.Flag) { println(f.Name) })\n}\n"
	file := filepath.Join(dir, "main.go")
	if err := os.WriteFile(file, []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	run := exec.Command("go", "run", file)
	run.Stdout, run.Stderr = &output, &output
	if err := run.Run(); err != nil || output.Len() > 0 {
		t.Errorf("%v: a program that imports bench has the flags\n%s", err, &output)
	}
}
