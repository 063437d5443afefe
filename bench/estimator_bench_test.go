package bench_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

// The benchmarks of estimators are named dist=.../n=.../quantile=..., so that one is
// compared with another, or each with itself before a change:
//
//	go test ./bench -run '^$' -bench 'Estimator' -count 10 | tee estimators.txt
//	go tool benchstat -col /quantile estimators.txt
//
// What they cost is of this machine and this moment; compare within one run only.
// hdrhistogram-go is the anchor: the library as it comes, without an interface.

// distributions are the distributions on which estimators are measured.
var distributions = []string{"lognormal", "pareto", "gc-pause"}

func latencies(b *testing.B, distribution string, n int) []time.Duration {
	b.Helper()
	i := slices.IndexFunc(quantiletest.Datasets(), func(d quantiletest.Dataset) bool { return d.Name == distribution })
	if i < 0 {
		b.Fatalf("no data are called %q", distribution)
	}
	return quantiletest.Datasets()[i].Make(n)
}

// eachEstimator runs f for every arm on every distribution and size.
func eachEstimator(b *testing.B, f func(b *testing.B, arm string, data []time.Duration)) {
	for _, distribution := range distributions {
		for _, n := range []int{10_000, 1_000_000} {
			data := latencies(b, distribution, n)
			for _, arm := range estimators.Arms() {
				b.Run(fmt.Sprintf("dist=%s/n=%d/quantile=%s", distribution, n, arm.Name),
					func(b *testing.B) { f(b, arm.Name, data) })
			}
		}
	}
}

// per reports the time per operation of n operations, and removes the time of all of them.
func per(b *testing.B, n int, unit string) {
	b.ReportMetric(0, "ns/op")
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), unit)
}

// BenchmarkEstimatorInsert measures adding a latency, when n are added to an empty estimator. It also
// reports the size and the error of the estimator after that.
func BenchmarkEstimatorInsert(b *testing.B) {
	for _, distribution := range distributions {
		for _, n := range []int{10_000, 1_000_000} {
			data := latencies(b, distribution, n)
			b.Run(fmt.Sprintf("dist=%s/n=%d/quantile=hdrhistogram-go", distribution, n),
				func(b *testing.B) { insertIntoLibrary(b, data) })
		}
	}
	eachEstimator(b, func(b *testing.B, arm string, data []time.Duration) {
		b.ReportAllocs()
		var e quantile.Estimator
		for b.Loop() {
			b.StopTimer()
			e = estimator(b, arm)
			b.StartTimer()
			for _, d := range data {
				e.Add(d)
			}
		}
		per(b, len(data), "insert-ns/op")
		if s, ok := e.(quantile.Sizer); ok {
			b.ReportMetric(float64(s.StateBytes()), "state-bytes")
		}
		truth := exactly(data)
		for q, name := range map[float64]string{0.5: "p50", 0.99: "p99", 0.999: "p99.9", 0.9999: "p99.99"} {
			if uint64(len(data)) < quantile.SamplesFor(q) {
				continue
			}
			miss := truth.Error(q, e.Quantile(q))
			b.ReportMetric(1e6*miss.Value, name+"-error-ppm")
			b.ReportMetric(1e6*miss.Rank, name+"-rank-error-ppm")
		}
	})
}

func insertIntoLibrary(b *testing.B, data []time.Duration) {
	for b.Loop() {
		b.StopTimer()
		h := hdrhistogram.New(1, int64(time.Hour), 3)
		b.StartTimer()
		for _, d := range data {
			if err := h.RecordValue(int64(d)); err != nil {
				b.Fatal(err)
			}
		}
	}
	per(b, len(data), "insert-ns/op")
}

func exactly(data []time.Duration) *quantile.Exact {
	e := quantile.NewExact(len(data))
	for _, d := range data {
		e.Add(d)
	}
	return e
}

// BenchmarkEstimatorRead measures the first quantile after n latencies were added, for which some
// estimators sort or add up, and then each of five quantiles again.
func BenchmarkEstimatorRead(b *testing.B) {
	quantiles := []float64{0.5, 0.9, 0.99, 0.999, 0.9999}
	eachEstimator(b, func(b *testing.B, arm string, data []time.Duration) {
		var first, again time.Duration
		for b.Loop() {
			b.StopTimer()
			e := estimator(b, arm)
			for _, d := range data {
				e.Add(d)
			}
			b.StartTimer()
			began := time.Now()
			e.Quantile(0.99)
			first += time.Since(began)
			began = time.Now()
			for _, q := range quantiles {
				e.Quantile(q)
			}
			again += time.Since(began)
		}
		b.ReportMetric(0, "ns/op")
		b.ReportMetric(float64(first)/float64(b.N), "first-query-ns/op")
		b.ReportMetric(float64(again)/float64(b.N*len(quantiles)), "query-ns/op")
	})
}

// BenchmarkEstimatorMerge measures merging one of 64 shards of n latencies into another.
func BenchmarkEstimatorMerge(b *testing.B) {
	const shards = 64
	eachEstimator(b, func(b *testing.B, arm string, data []time.Duration) {
		var parts []quantile.Estimator
		for shard := range slices.Chunk(data, (len(data)+shards-1)/shards) {
			e := estimator(b, arm)
			for _, d := range shard {
				e.Add(d)
			}
			parts = append(parts, e)
		}
		for b.Loop() {
			b.StopTimer()
			all := estimator(b, arm)
			b.StartTimer()
			for _, part := range parts {
				if err := all.Merge(part); err != nil {
					b.Fatal(err)
				}
			}
		}
		per(b, len(parts), "merge-ns/op")
	})
}
