package metrics_test

import (
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
)

// collect returns the metrics that a reader collects, by name.
func collect(t testing.TB, reader sdkmetric.Reader) map[string]metricdata.Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	must(t, reader.Collect(background, &rm))
	metrics := map[string]metricdata.Metrics{}
	for _, s := range rm.ScopeMetrics {
		for _, m := range s.Metrics {
			metrics[m.Name] = m
		}
	}
	return metrics
}

// produce returns the metrics that an account produces, by name.
func produce(t testing.TB, a *metrics.Account) map[string]metricdata.Metrics {
	t.Helper()
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(a))
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
	return collect(t, reader)
}

func points(t testing.TB, m metricdata.Metrics) map[string]metricdata.HistogramDataPoint[float64] {
	t.Helper()
	h, ok := m.Data.(metricdata.Histogram[float64])
	if !ok || h.Temporality != metricdata.CumulativeTemporality {
		t.Fatalf("not a cumulative histogram: %+v", m)
	}
	byKey := map[string]metricdata.HistogramDataPoint[float64]{}
	for _, p := range h.DataPoints {
		byKey[p.Attributes.Encoded(attribute.DefaultEncoder())] = p
	}
	return byKey
}

// The map counts each of these calls twice: in its statistics, and in instruments of the SDK.
func TestTheProducerSaysWhatTheInstrumentsOfTheSDKSay(t *testing.T) {
	edges := func() (durations []time.Duration) {
		for _, end := range metrics.AllBounds(1, time.Hour) {
			durations = append(durations, end-1, end, end+1)
		}
		return durations
	}()
	var binary []time.Duration // durations whose sums have no rounding error
	for n := range time.Duration(64) {
		binary = append(binary, n*n*time.Second/512)
	}
	for name, c := range map[string]struct {
		durations, bounds []time.Duration
		exact             bool
	}{
		"on the edges of buckets":           {edges, nil, false},
		"on the edges of all buckets":       {edges, metrics.AllBounds(0, time.Hour), false},
		"sums":                              {binary, nil, true},
		"buckets that begin and end within": {edges, metrics.AllBounds(1000, 1e6), false},
		"one bound":                         {edges, []time.Duration{1 << 20}, false},
	} {
		t.Run(name, func(t *testing.T) { sameAsSDK(t, c.durations, c.bounds, c.exact) })
	}
}

func sameAsSDK(t *testing.T, durations, bounds []time.Duration, exact bool) {
	synctest.Test(t, func(t *testing.T) {
		opts := orders
		opts.Bounds = bounds
		next := 0
		after := func() time.Duration { return durations[next] }
		probe := shop(t, observable.Options{Histogram: true}, after)
		_ = probe.Call(background, "works")
		published := points(t, produce(t, newAccount(t, probe,
			opts))["shop.orders.duration"])["observable.key=works"].Bounds

		// The instrument of the SDK, with the same bounds and without the outcome.
		view := sdkmetric.NewView(sdkmetric.Instrument{Name: "observable.duration"}, sdkmetric.Stream{
			Aggregation:     sdkmetric.AggregationExplicitBucketHistogram{Boundaries: published, NoMinMax: true},
			AttributeFilter: attribute.NewAllowKeysFilter(observable.KeyAttribute),
		})
		reader := sdkmetric.NewManualReader()
		m := shop(t, observable.Options{
			Histogram:     true,
			MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(view)),
		}, after)
		a := newAccount(t, m, opts)
		for i := range durations {
			next = i
			for j, key := range m.Keys() {
				if i%(j+1) == 0 {
					_ = m.Call(background, key)
				}
			}
		}
		want, got := collect(t, reader), produce(t, a)

		wantPoints, gotPoints := points(t, want["observable.duration"]), points(t, got["shop.orders.duration"])
		for key, w := range wantPoints {
			g := gotPoints[key]
			if near := g.Sum - w.Sum; !exact && near < 1e-9*w.Sum && near > -1e-9*w.Sum {
				g.Sum = w.Sum
			}
			metricdatatest.AssertEqual(t, w, g, metricdatatest.IgnoreTimestamp(), metricdatatest.IgnoreExemplars())
		}
		wantCalls := want["observable.calls"].Data.(metricdata.Sum[int64])
		gotCalls := got["shop.orders.calls"].Data.(metricdata.Sum[int64])
		gotCalls.DataPoints = withoutZeros(gotCalls.DataPoints) // the SDK has no point for what never happened
		metricdatatest.AssertEqual(t, wantCalls, gotCalls, metricdatatest.IgnoreTimestamp(),
			metricdatatest.IgnoreExemplars())
		if len(gotPoints) != 3 || len(wantPoints) != 3 || len(gotCalls.DataPoints) != 3 {
			t.Errorf("%d and %d histograms, %d sums: want 3 each", len(gotPoints), len(wantPoints),
				len(gotCalls.DataPoints))
		}
	})
}

func withoutZeros(points []metricdata.DataPoint[int64]) (some []metricdata.DataPoint[int64]) {
	for _, p := range points {
		if p.Value != 0 {
			some = append(some, p)
		}
	}
	return some
}

func TestCallsInFlightAreAGauge(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := shop(t, observable.Options{}, func() time.Duration { return time.Second })
		a := newAccount(t, m, metrics.Options{Namespace: "shop"})
		for range 3 {
			go func() { _ = m.Call(background, "fails") }()
		}
		for _, want := range []int64{3, 0} {
			synctest.Wait()
			byName := produce(t, a)
			byKey := map[string]int64{}
			for _, p := range byName["shop.in_flight"].Data.(metricdata.Gauge[int64]).DataPoints {
				v, _ := p.Attributes.Value(observable.KeyAttribute)
				byKey[v.AsString()] = p.Value
			}
			if byKey["fails"] != want || byKey["works"] != 0 || len(byKey) != 3 {
				t.Errorf("in flight: %v, want %d that fail", byKey, want)
			}
			ended := withoutZeros(byName["shop.calls"].Data.(metricdata.Sum[int64]).DataPoints)
			if n := len(ended); (n == 0) != (want == 3) {
				t.Errorf("%d kinds of calls have ended while %d are in flight", n, want)
			}
			if _, ok := byName["shop.duration"]; ok {
				t.Error("a map without histograms has one")
			}
			time.Sleep(time.Second)
		}
	})
}

func TestSeriesStartWithTheAccountOrAnEarlierFirstCall(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := shop(t, observable.Options{Histogram: true}, func() time.Duration { return time.Second })
		firstCall := time.Now()
		_ = m.Call(background, "works")
		made := time.Now()
		a := newAccount(t, m, orders)
		time.Sleep(time.Minute)
		_ = m.Call(background, "fails")
		for range 2 {
			for key, p := range points(t, produce(t, a)["shop.orders.duration"]) {
				want := made
				if key == "observable.key=works" {
					want = firstCall
				}
				if !p.StartTime.Equal(want) || !p.Time.Equal(time.Now()) {
					t.Errorf("%s: from %v to %v, want from %v to %v", key, p.StartTime, p.Time, want, time.Now())
				}
			}
			time.Sleep(time.Minute)
		}
	})
}

// An exporter may keep what it gets, or change it.
func TestWhatIsProducedIsTheReadersToKeep(t *testing.T) {
	m := shop(t, observable.Options{Histogram: true}, func() time.Duration { return 0 })
	a := newAccount(t, m, orders)
	_ = m.Call(background, "works")
	for range 2 {
		p := points(t, produce(t, a)["shop.orders.duration"])["observable.key=works"]
		if p.Bounds[0] != 1023e-9 || p.Count != 1 || sum(p.BucketCounts) != 1 {
			t.Errorf("%+v", p)
		}
		clear(p.Bounds)
		clear(p.BucketCounts)
		_ = m.Remove("works") // its statistics are not read any more
	}
}

func TestBoundsGoFromAMicrosecondToSeventeenSecondsIfNoneAreGiven(t *testing.T) {
	m := shop(t, observable.Options{Histogram: true}, func() time.Duration { return 0 })
	_ = m.Call(background, "works")
	a := newAccount(t, m, orders)
	var want []float64
	for end := time.Duration(1024); end <= 1<<34; end *= 2 {
		want = append(want, (end - 1).Seconds())
	}
	if got := points(t, produce(t, a)["shop.orders.duration"])["observable.key=works"].Bounds; !slices.Equal(got,
		want) {
		t.Errorf("bounds are %v, want %v", got, want)
	}
}

func TestAKeyThatWasRemovedKeepsItsCountersOnly(t *testing.T) {
	m := shop(t, observable.Options{Histogram: true}, func() time.Duration { return 0 })
	a := newAccount(t, m, orders)
	reg := prometheus.NewRegistry()
	must(t, a.Register(reg))
	_ = m.Call(background, "works")
	before := scrape(t, reg)
	must(t, m.Remove("works"))
	after := strings.Replace(before, "shop_orders_in_flight{key=\"works\"} 0\n", "", 1)
	if diff := cmp.Diff(after, scrape(t, reg)); diff != "" || before == after {
		t.Errorf("(-want +got)\n%s", diff)
	}
	byName := produce(t, a)
	if n := len(byName["shop.orders.calls"].Data.(metricdata.Sum[int64]).DataPoints); n != 9 {
		t.Errorf("%d sums, want those of 3 keys", n)
	}
	if n := len(byName["shop.orders.in_flight"].Data.(metricdata.Gauge[int64]).DataPoints); n != 2 {
		t.Errorf("%d gauges, want those of 2 keys", n)
	}
}

func sum(counts []uint64) (n uint64) {
	for _, c := range counts {
		n += c
	}
	return n
}
