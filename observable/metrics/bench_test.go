package metrics_test

import (
	"context"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
)

// seconds are the default bounds, which all arms use.
var seconds = func() (bounds []float64) {
	for end := time.Duration(1 << 10); end <= 1<<34; end *= 2 {
		bounds = append(bounds, (end - 1).Seconds())
	}
	return bounds
}()

// recommended are bounds of a service, as loadgen buckets recommends.
var recommended = []time.Duration{2 * time.Millisecond, 4 * time.Millisecond, 6 * time.Millisecond,
	9 * time.Millisecond, 12 * time.Millisecond, 15 * time.Millisecond, 20 * time.Millisecond, 30 * time.Millisecond,
	45 * time.Millisecond, 70 * time.Millisecond, 100 * time.Millisecond, 250 * time.Millisecond}

// instrument is an observable.Instrument that records in other metrics.
type instrument func(time.Duration)

func (i instrument) Record(d time.Duration) { i(d) }

// viaPrometheus records in a counter and a histogram whose labels are resolved in advance.
func viaPrometheus() instrument {
	calls := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "calls_total"},
		[]string{"key"}).WithLabelValues("a")
	durations := prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: "duration_seconds", Buckets: seconds},
		[]string{"key"}).WithLabelValues("a")
	return func(d time.Duration) {
		calls.Inc()
		durations.Observe(d.Seconds())
	}
}

// viaOTel records in a counter and a histogram of the SDK. The set of attributes and the slices of
// options are made in advance.
func viaOTel(b testing.TB) instrument {
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())).Meter("bench")
	calls, err := meter.Int64Counter("calls")
	must(b, err)
	durations, err := meter.Float64Histogram("duration", metric.WithExplicitBucketBoundaries(seconds...))
	must(b, err)
	set := metric.WithAttributeSet(attribute.NewSet(observable.KeyAttribute.String("a"),
		attribute.String("observable.outcome", "ok")))
	onAdd, onRecord := []metric.AddOption{set}, []metric.RecordOption{set}
	return func(d time.Duration) {
		calls.Add(background, 1, onAdd...)
		durations.Record(background, d.Seconds(), onRecord...)
	}
}

// arms are ways to count and time a call. All read the clock a second time, as a duration needs. Arm
// clock does nothing else. Arms own and bounds keep all statistics of the map, with calls in flight and
// times, in the default buckets and in given ones; the other arms keep none.
func arms(b testing.TB) map[string]observable.Options {
	latency := func(i instrument) observable.Options {
		return observable.Options{Uncounted: true, Latency: func(string) observable.Instrument { return i }}
	}
	return map[string]observable.Options{
		"clock":      latency(func(time.Duration) {}),
		"own":        {Histogram: true},
		"bounds":     {Histogram: true, Bounds: recommended},
		"prometheus": latency(viaPrometheus()),
		"otel":       latency(viaOTel(b)),
	}
}

func armed(b testing.TB, opts observable.Options) *observable.Map {
	m := newMap(b, opts)
	must(b, m.RegisterContext("a", func(context.Context) error { return nil }))
	newAccount(b, m, orders)
	return m
}

func TestCounterAndHistogramAllocateNothing(t *testing.T) {
	for name, opts := range arms(t) {
		t.Run(name, func(t *testing.T) {
			m := armed(t, opts)
			if n := testing.AllocsPerRun(1000, func() { must(t, m.Call(background, "a")) }); n != 0 {
				t.Errorf("%v allocations a call", n)
			}
		})
	}
}

// BenchmarkCounterAndHistogram measures a counter and a histogram for every call of a map. The cost of the
// instruments is the difference to arm clock. Compare the arms with
//
//	go test ./observable/metrics -run '^$' -bench CounterAndHistogram -count 10 | benchstat -col /by -
func BenchmarkCounterAndHistogram(b *testing.B) {
	byName := arms(b)
	for _, arm := range []string{"clock", "own", "bounds", "prometheus", "otel"} {
		b.Run("by="+arm, func(b *testing.B) {
			m := armed(b, byName[arm])
			b.ReportAllocs()
			for b.Loop() {
				_ = m.Call(background, "a")
			}
		})
	}
}

// BenchmarkScrape measures a scrape.
func BenchmarkScrape(b *testing.B) {
	m := armed(b, observable.Options{Histogram: true})
	must(b, m.Call(background, "a"))
	a, err := metrics.New(m, orders)
	must(b, err)
	for b.Loop() {
		if _, err := a.Produce(background); err != nil {
			b.Fatal(err)
		}
	}
}
