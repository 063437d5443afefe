package rounds

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A log is what a run writes to a pipe.
type log struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// shown returns the lines of the progress of a run in fake time, whose visits f makes.
func shown(t *testing.T, ctx context.Context, s *scenarios.Scenario,
	f func(side int, req *visit.Request) (*results.Visit, error), sides ...string) (lines []string) {
	t.Helper()
	l := &log{}
	p := terminal.NewProgress(l, terminal.New(l, terminal.Options{}, func(string) string { return "" }), false)
	r, _ := visiting(s, f, sides...)
	r.Progress = p
	if _, err := r.run(ctx); err != nil {
		t.Error(err)
	}
	p.Close()
	return slices.Collect(strings.Lines(l.text.String()))
}

// A visit is planned for 1 s, 400 ms of warm-up and 60 ms for its process.
func TestTheProgressOfARunIsItsVisits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := scenario(t, 4, 7)
		s.Warmup = 400 * time.Millisecond
		lines := shown(t, t.Context(), s, func(_ int, req *visit.Request) (*results.Visit, error) {
			time.Sleep(2 * time.Second) // 540 ms beyond the plan
			return visited(req.Cell, 1), nil
		}, "base", "head")
		if len(lines) != 1 || !strings.HasPrefix(lines[0], "round 4 of 4: ") ||
			!strings.Contains(lines[0], " of 32 visits done, ") || !strings.HasSuffix(lines[0], "/s\n") {
			t.Fatalf("%q: want one line in a run of 64 s", lines)
		}
		var names []string
		for _, side := range []string{"base", "head"} {
			for _, arm := range []string{"none", "sdk"} {
				names = append(names, side+" "+arm+" 100/s\n", side+" "+arm+" 200/s\n")
			}
		}
		if _, now, _ := strings.Cut(lines[0], "; now "); !slices.Contains(names, now) {
			t.Errorf("it names %q, want one of %q", now, names)
		}
	})
}

func TestVisitsThatAreLeftOutCountAsDone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, err := scenarios.Decode("x.yaml", []byte("qps: [100]\nspans: [none, sdk]\nduration: 59s\nwarmup: 0s\n"+
			"rounds: 2\nseed: 1\nslo: [p99 < 1ms]\nabort: true\n"))
		if err != nil {
			t.Fatal(err)
		}
		lines := shown(t, t.Context(), s, func(_ int, req *visit.Request) (*results.Visit, error) {
			time.Sleep(59*time.Second + scenarios.Overhead)
			v := visited(req.Cell, 1)
			if req.Cell.Value(scenarios.Spans) == scenarios.None {
				v.Record.SLOs = []record.SLOResult{{SLO: "p99 < 1ms", Judged: true}}
			}
			return v, nil
		}, "")
		if len(lines) != 2 || lines[1] != "round 2 of 2: 3 of 4 visits done, 57 s left; now sdk 100/s\n" {
			t.Errorf("%q: want two lines, the last in the third visit", lines)
		}
	})
}

func TestAnInterruptedRunSaysWhatItWaitsFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		lines := shown(t, ctx, scenario(t, 1, 7), func(_ int, req *visit.Request) (*results.Visit, error) {
			interrupt()
			time.Sleep(3 * time.Second)
			return visited(req.Cell, 1), nil
		}, "")
		want := []string{"interrupted: waiting for the process of the visit to end\n"}
		if !slices.Equal(lines, want) {
			t.Errorf("%q, want %q", lines, want)
		}
	})
}

func TestACellIsNamedByWhatTheScenarioVaries(t *testing.T) {
	for text, want := range map[string]string{
		"duration: 1s\nqps: 50k\nspans: sdk":                                     "x 50,000/s",
		"duration: 1s\nqps: 50k\nspans: [none, sdk]\nsampling: never":            "none 50,000/s",
		"duration: 1s\nqps: 1k\nspans: [pooled, sdk]\nsampling: [always, never]": "pooled/always 1,000/s",
		"duration: 9s\nqps: 30/m\nspans: [none, sdk]":                            "none 0.5/s",
		"duration: 1s\nclosed: true\nspans: [none, sdk]":                         "none closed loop",
		"load: ramp:1k..20k@1m\nspans: [none, sdk]":                              "none ramp:1k..20k/s@1m",
	} {
		t.Run(text, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml", []byte(text+"\n"))
			if err != nil {
				t.Fatal(err)
			}
			o := &Options{Scenario: s}
			if got := o.name(s.Cells()[0]); got != want {
				t.Errorf("%q, want %q", got, want)
			}
		})
	}
}

func TestTheBenchmarkThatRunsIsReadFromItsLine(t *testing.T) {
	const printed = "goos: linux\nBenchmarkA-2 \t 100\t 1 ns/op\nBenchmarkB/small-2\t"
	for size := 1; size <= len(printed); size++ {
		var names []string
		w := &nameWriter{begun: func(name string) { names = append(names, name) }}
		for part := range slices.Chunk([]byte(printed+strings.Repeat("x", 5000)+"\n Benchmark\tBenchmarkC\n"), size) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if got := slices.Compact(names); !slices.Equal(got, []string{"BenchmarkA-2", "BenchmarkB/small-2"}) {
			t.Fatalf("in parts of %d bytes: %q", size, got)
		}
	}
}
