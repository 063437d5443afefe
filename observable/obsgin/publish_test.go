package obsgin_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/loadgen-go/loadgen/internal/promtest"
	"github.com/loadgen-go/loadgen/observable/metrics"
	"github.com/loadgen-go/loadgen/observable/obsgin"
)

// Package metrics publishes the counts by route.
func TestCountsOfRoutesArePublished(t *testing.T) {
	engine := gin.New()
	engine.GET("/api/:id", func(c *gin.Context) { c.Status(http.StatusBadGateway) })
	calls := instrument(t, engine, obsgin.Options{})
	account, err := metrics.New(calls, metrics.Options{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	registry := prometheus.NewPedanticRegistry()
	if err := account.Register(registry); err != nil {
		t.Fatal(err)
	}
	get(engine, "GET", "/api/1")
	get(engine, "GET", "/api/2")
	get(engine, "GET", "/favicon.ico")
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			row := family.GetName()
			for _, label := range m.GetLabel() {
				row += "|" + label.GetValue()
			}
			value := m.GetCounter().GetValue() + m.GetGauge().GetValue() + float64(m.GetHistogram().GetSampleCount())
			if value > 0 {
				got[row] = value
			}
		}
	}
	want := map[string]float64{
		"shop_calls_total|GET /api/:id|error":       2,
		"shop_calls_total|unmatched|ok":             1,
		"shop_duration_seconds|GET /api/:id":        2,
		"shop_duration_seconds|" + obsgin.Unmatched: 1,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

// An objective of 250 ms can be a bound, and the share of requests within it is then exact.
func TestTheHistogramHasTheBoundsThatAreGiven(t *testing.T) {
	bounds := []time.Duration{time.Millisecond, 250 * time.Millisecond}
	calls := instrument(t, gin.New(), obsgin.Options{Bounds: bounds})
	if diff := cmp.Diff(bounds, calls.Bounds()); diff != "" {
		t.Error(diff)
	}
	_, err := obsgin.Instrument(gin.New(), obsgin.Options{Bounds: []time.Duration{2, 1}})
	if err == nil || !strings.Contains(err.Error(), "Bounds[1] is 1ns") {
		t.Errorf("error %v", err)
	}
}

// The names, units and help texts pass promtool, on a real scrape: the histograms of requests, as the Prometheus
// exporter of OpenTelemetry exposes them, beside the counts by route.
func TestPromtoolAcceptsWhatIsExposed(t *testing.T) {
	registry := prometheus.NewPedanticRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	engine := gin.New()
	engine.GET("/api/:id", func(c *gin.Context) { c.Status(http.StatusOK) })
	account, err := metrics.New(instrument(t, engine, obsgin.Options{MeterProvider: provider}),
		metrics.Options{Namespace: "shop"})
	if err != nil {
		t.Fatal(err)
	}
	if err := account.Register(registry); err != nil {
		t.Fatal(err)
	}
	get(engine, "GET", "/api/1")
	server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{}))
	defer server.Close()
	promtest.Lint(t, server.URL)
}
