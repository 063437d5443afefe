package lifecycle_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/loadgen-go/loadgen/internal/promtest"
	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

// The endpoint refuses what it gets, and a span is not ended: the metrics are the counts.
func TestTheCollectorHasTheCounts(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
	}))
	defer server.Close()
	setenv(t, "EXPORTER_OTLP_TRACES_ENDPOINT="+server.URL, "BSP_SCHEDULE_DELAY=3600000")
	for _, pooled := range []bool{false, true} {
		l := setup(t, lifecycle.Options{Pooled: pooled})
		registry := prometheus.NewPedanticRegistry()
		registry.MustRegister(l.Collector("shop"))
		end(l.TracerProvider, 100)
		_, open := l.TracerProvider.Tracer("").Start(context.Background(), "open")
		defer open.End()
		want := map[string]float64{"shop_spans_started_total": 101, "shop_spans_ended_total": 100,
			"shop_spans_exported_total": 0, "shop_spans_failed_total": 0, "shop_spans_dropped_total": 0,
			"shop_spans_waiting": 100}
		if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
			t.Errorf("pooled %v, before the export: %s", pooled, diff)
		}
		if err := l.Shutdown(context.Background()); err == nil {
			t.Error("no error")
		}
		want["shop_spans_failed_total"], want["shop_spans_waiting"] = 100, 0
		if diff := cmp.Diff(want, gathered(t, registry)); diff != "" {
			t.Errorf("pooled %v: %s", pooled, diff)
		}
	}
}

// gathered returns the values of the metrics of a registry.
func gathered(t *testing.T, registry *prometheus.Registry) map[string]float64 {
	t.Helper()
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, f := range families {
		got[f.GetName()] = f.GetMetric()[0].GetCounter().GetValue() + f.GetMetric()[0].GetGauge().GetValue()
	}
	return got
}

func TestPromtoolAcceptsTheMetricsOfSpans(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	registry.MustRegister(setup(t, lifecycle.Options{}).Collector(""))
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	promtest.Lint(t, server.URL)
}
