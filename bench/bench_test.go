package bench_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/spans"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
)

// These benchmarks call as fast as they can, one call after another: they tell
// what a call costs, and nothing about latency under load. Compare their arms with
//
//	go test ./bench -run '^$' -bench Map -count 10 | tee map.txt
//	go tool benchstat -col /spans map.txt

// measure times f and reports the CPU time of the process and the allocations per call. That CPU time
// includes the collector and exporters, which the time of a loop does not show. Flush completes what calls
// have begun, such as the export of their spans. Its cost belongs to the calls, and it runs often enough
// that no exporter has to drop spans.
func measure(b *testing.B, f, flush func() error) {
	const batch = 512
	b.ReportAllocs()
	before := bench.ProcessCPU()
	for i := 1; b.Loop(); i++ {
		if err := f(); err != nil {
			b.Fatal(err)
		}
		if i%batch == 0 {
			if err := flush(); err != nil {
				b.Fatal(err)
			}
		}
	}
	b.ReportMetric(float64(bench.ProcessCPU()-before)/float64(b.N), "cpu-ns/op")
}

func nothing() error { return nil }

// BenchmarkMap measures a call of a handler that does nothing, with every arm of spans.
func BenchmarkMap(b *testing.B) {
	ctx := context.Background()
	for _, arm := range spans.Arms() {
		b.Run("spans="+arm.Name, func(b *testing.B) {
			pipeline, err := spans.Open(arm.Name)
			if err != nil {
				b.Fatal(err)
			}
			m := oneHandler(b, observable.Options{TracerProvider: pipeline.Provider})
			measure(b, func() error { return m.Call(ctx, "handler") }, func() error { return pipeline.Flush(ctx) })
			if err := pipeline.Close(ctx); err != nil {
				b.Fatal(err)
			}
			if exported, _ := pipeline.Exported(); pipeline.Records() && exported != m.Snapshot()[0].Calls {
				b.Errorf("%d spans exported of %d: the figures are too low", exported, m.Snapshot()[0].Calls)
			}
		})
	}
}

// BenchmarkMapLatency measures a call with every estimator as the map's instrument.
func BenchmarkMapLatency(b *testing.B) {
	ctx := context.Background()
	for _, arm := range estimators.Arms() {
		if arm.Peer {
			continue
		}
		b.Run("quantile="+arm.Name, func(b *testing.B) {
			e := estimator(b, arm.Name)
			m := oneHandler(b,
				observable.Options{Latency: func(string) observable.Instrument { return instrument{e} }})
			measure(b, func() error { return m.Call(ctx, "handler") }, nothing)
		})
	}
}

func oneHandler(b *testing.B, opts observable.Options) *observable.Map {
	b.Helper()
	m, err := observable.New(opts)
	if err != nil {
		b.Fatal(err)
	}
	if err := m.Register("handler", func() {}); err != nil {
		b.Fatal(err)
	}
	return m
}

// instrument must be used by one goroutine only.
type instrument struct{ quantile.Estimator }

func (i instrument) Record(d time.Duration) { i.Add(d) }

func estimator(b *testing.B, name string) quantile.Estimator {
	b.Helper()
	e, err := estimators.New(name, 0)
	if err != nil {
		b.Fatal(err)
	}
	return e
}

// BenchmarkRun measures the cost of the generator per call if it never waits.
func BenchmarkRun(b *testing.B) {
	const calls = 1 << 20 // of one run at most: as many may be waiting
	target := bench.TargetFunc(func(context.Context, string) error { return nil })
	for name, workers := range map[string]int{"one": 1, "procs": runtime.GOMAXPROCS(0)} {
		b.Run("workers="+name, func(b *testing.B) {
			b.ReportAllocs()
			b.StopTimer()
			for left := b.N; left > 0; left -= calls {
				n := min(left, calls)
				a, err := schedule.Constant(schedule.PerSecond(1_000_000_000), time.Duration(n))
				if err != nil {
					b.Fatal(err)
				}
				run := bench.Run{Arrivals: a, Target: target, Workers: workers, Queue: n, Began: b.StartTimer,
					Ended: b.StopTimer}
				r, err := run.Do(context.Background())
				if err != nil || r.Done != uint64(n) {
					b.Fatalf("%d calls done of %d, %v", r.Done, n, err)
				}
			}
		})
	}
}
