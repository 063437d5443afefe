package buckets

import (
	"fmt"
	"math"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
	"github.com/loadgen-go/loadgen/internal/promtest"
)

// The same latencies in three histograms: a real Prometheus reads of them what this package says that it reads, and
// misses the quantiles of the data by as little as promised.
func TestPrometheusReadsWhatIsPromised(t *testing.T) {
	x := NewSample("lognormal", "", lognormal(100_000))
	o := Options{Quantiles: []float64{.5, .95, .99}, Buckets: 10, Drift: 2}
	bounds := boundsFor(x, &o)
	schemes := map[string]Scheme{"before_seconds": known[2], "chosen_seconds": {Bounds: bounds},
		"native_seconds": native}
	registry := prometheus.NewRegistry()
	for name, s := range schemes {
		options := prometheus.HistogramOpts{Name: name, Help: "Latencies.", Buckets: inSeconds(s.Bounds)}
		if s.Bounds == nil {
			options.NativeHistogramBucketFactor = 1.1
		}
		h := prometheus.NewHistogram(options)
		registry.MustRegister(h)
		for _, v := range x.values {
			h.Observe(v.Seconds())
		}
	}
	service := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer service.Close()
	server := promtest.Start(t, "", strings.TrimPrefix(service.URL, "http://"))
	server.Await(t, "histogram_count(native_seconds)", func(got []promtest.Sample) bool {
		return len(got) == 1 && got[0].Value == float64(x.N())
	})
	for name, s := range schemes {
		for _, q := range o.Quantiles {
			metric, within := name+"_bucket", 1e-9
			if s.Bounds == nil { // Prometheus 2 reads a bucket of a native histogram linearly, and 3 exponentially
				metric, within = name, .005
			}
			answer, err := server.Query(fmt.Sprintf("histogram_quantile(%v, %s)", q, metric))
			if err != nil || len(answer) != 1 {
				t.Fatalf("%s, q=%v: prometheus answers %v, %v", name, q, answer, err)
			}
			got := answer[0].Value
			if want := s.estimate(x, q, 1) / 1e9; math.Abs(off(got, want)) > within {
				t.Errorf("%s, q=%v: prometheus reads %v, and %v was expected", name, q, got, want)
			}
			e, most := off(1e9*got, float64(x.Quantile(q))), map[float64]float64{.5: .02, .95: .02, .99: .03}[q]
			if name == "chosen_seconds" && math.Abs(e) > most {
				t.Errorf("q=%v is off by %+.4f", q, e)
			}
			if name == "before_seconds" && q == .95 && math.Abs(e-.337) > .001 {
				t.Errorf("p95 was off by %+.4f, want +0.337", e)
			}
		}
		source, err := scrape.NewSource(name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		h, err := source.Query(t.Context(), server.URL, 0)
		if err != nil {
			t.Fatal(err)
		}
		back := FromHistogram(h)
		if e := off(float64(back.Quantile(.95)), float64(x.Quantile(.95))); h.Count() != 100_000 ||
			h.Native != (s.Bounds == nil) || math.Abs(e) > .01 {
			t.Errorf("%s has counted %v, and p95 of what was read back is off by %+.4f", name, h.Count(), e)
		}
	}
}
