package main

import (
	"fmt"
	"net/http"
	"os"

	"github.com/gin-gonic/gin"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/lifecycle"
	"github.com/loadgen-go/loadgen/observable/metrics"
)

// metricsPath is the path of the metrics.
const metricsPath = "/metrics"

// A page publishes metrics to Prometheus. A nil page publishes none.
type page struct {
	registry *prometheus.Registry
	meters   metric.MeterProvider
}

// newPage returns the page that the variable METRICS asks for. Metrics are off by default, because the scenario
// measures what spans cost.
func newPage(telemetry *lifecycle.Lifecycle) (*page, error) {
	switch value := os.Getenv("METRICS"); {
	case value == "" || value == "none":
		return nil, nil
	case value != "prometheus":
		return nil, fmt.Errorf("METRICS is %q: want none or prometheus", value)
	case telemetry == nil:
		return nil, fmt.Errorf("METRICS is prometheus, but SPANS is none, which observes nothing: want another SPANS")
	}
	registry := prometheus.NewRegistry()
	exporter, err := otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo(),
		otelprometheus.WithoutTargetInfo())
	if err != nil {
		return nil, fmt.Errorf("publishing metrics: %w", err)
	}
	if err := registry.Register(spans{telemetry}); err != nil {
		return nil, fmt.Errorf("publishing metrics: %w", err)
	}
	return &page{registry, sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))}, nil
}

// meterProvider returns what makes the instruments of requests.
func (p *page) meterProvider() metric.MeterProvider {
	if p == nil {
		return noop.NewMeterProvider()
	}
	return p.meters
}

// add adds the counts of the routes of an engine, if obsgin keeps them, and the route of the page.
func (p *page) add(engine *gin.Engine, calls *observable.Map) error {
	if p == nil {
		return nil
	}
	if calls != nil {
		account, err := metrics.New(calls, metrics.Options{Namespace: "handler"})
		if err != nil {
			return err
		}
		if err := account.Register(p.registry); err != nil {
			return err
		}
	}
	engine.Handle(http.MethodGet, metricsPath, gin.WrapH(promhttp.HandlerFor(p.registry, promhttp.HandlerOpts{})))
	return nil
}

// spans publishes what became of the spans of a service.
type spans struct{ telemetry *lifecycle.Lifecycle }

var _ prometheus.Collector = spans{}

// Descriptions of the metrics of spans.
var (
	started  = prometheus.NewDesc("spans_started_total", "Sampled spans that were started.", nil, nil)
	ended    = prometheus.NewDesc("spans_ended_total", "Sampled spans that ended.", nil, nil)
	exported = prometheus.NewDesc("spans_exported_total", "Spans that the collector accepted.", nil, nil)
	failed   = prometheus.NewDesc("spans_failed_total", "Spans whose export failed.", nil, nil)
	dropped  = prometheus.NewDesc("spans_dropped_total", "Spans that were dropped before their export.", nil, nil)
	waiting  = prometheus.NewDesc("spans_waiting", "Spans that are not exported yet.", nil, nil)
)

// Describe sends the descriptions.
func (spans) Describe(ch chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{started, ended, exported, failed, dropped, waiting} {
		ch <- d
	}
}

// Collect sends the counts so far.
func (s spans) Collect(ch chan<- prometheus.Metric) {
	c := s.telemetry.Counts()
	for d, n := range map[*prometheus.Desc]uint64{started: c.Started, ended: c.Ended, exported: c.Exported,
		failed: c.Failed, dropped: c.Dropped} {
		ch <- prometheus.MustNewConstMetric(d, prometheus.CounterValue, float64(n))
	}
	ch <- prometheus.MustNewConstMetric(waiting, prometheus.GaugeValue, float64(c.Waiting))
}
