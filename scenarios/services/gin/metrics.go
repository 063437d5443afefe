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
	if err := registry.Register(telemetry.Collector("")); err != nil {
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
