package bridge_test

import (
	"context"
	"fmt"
	"maps"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
	_ "github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe/bridge"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

var insideEntry = lgprobe.Entry{Site: "x.go:1", Key: "inside"}

// table has handlers as package rewrite writes them. They are registered before there is a map.
var table = map[string]func(){
	"inside": lgprobe.L(&insideEntry, func() {
		var run lgprobe.Run
		run.Begin(&insideEntry)
		defer run.End()
		run.OK()
	}),
	"around": lgprobe.W("x.go:2", "around", func() {}),
	"panics": lgprobe.W("x.go:3", "panics", func() { panic("it") }),
}

// Handlers in a plain table have pooled spans and are in the metrics of the program's map.
func TestHandlersHavePooledSpansAndMetrics(t *testing.T) {
	table["inside"]() // there is no map yet
	spans := map[string]int{}
	provider, err := pooled.New(pooled.Options{Exporter: pooled.ExporterFunc(
		func(_ context.Context, request []byte, _ int) error {
			var m coltrace.ExportTraceServiceRequest
			if err := proto.Unmarshal(request, &m); err != nil {
				return err
			}
			for _, s := range m.ResourceSpans[0].ScopeSpans[0].Spans {
				spans[fmt.Sprint(s.Name, " ", s.Status.GetCode())]++
			}
			return nil
		})})
	must(t, err)
	m, err := observable.New(observable.Options{TracerProvider: provider, Histogram: true})
	must(t, err)
	if observable.Default() != m { // the test is run again
		observable.SetDefault(m)
	}
	t.Cleanup(func() { observable.SetDefault(nil) })
	account, err := metrics.New(m, metrics.Options{Namespace: "app"})
	must(t, err)
	registry := prometheus.NewPedanticRegistry()
	must(t, account.Register(registry))
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(account))
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	copied := maps.Clone(table)
	copied["inside"]()
	copied["around"]()
	table["around"]()
	lgprobe.W("x.go:4", "later", func() {})()
	func() {
		defer func() { _ = recover() }()
		table["panics"]()
	}()

	must(t, provider.Shutdown(context.Background()))
	wantSpans := map[string]int{"inside STATUS_CODE_UNSET": 1, "around STATUS_CODE_UNSET": 2,
		"later STATUS_CODE_UNSET": 1, "panics STATUS_CODE_ERROR": 1}
	if !maps.Equal(spans, wantSpans) {
		t.Errorf("spans %v, want %v", spans, wantSpans)
	}
	want := map[string]uint64{"inside": 1, "around": 2, "later": 1, "panics": 1}
	if got := scraped(t, registry); !maps.Equal(got, want) {
		t.Errorf("Prometheus has the durations %v, want %v", got, want)
	}
	if got := collected(t, reader); !maps.Equal(got, want) {
		t.Errorf("OpenTelemetry has the durations %v, want %v", got, want)
	}
}

// scraped returns how many durations Prometheus has for each key.
func scraped(t *testing.T, registry *prometheus.Registry) map[string]uint64 {
	t.Helper()
	families, err := registry.Gather()
	must(t, err)
	byKey := map[string]uint64{}
	for _, family := range families {
		for _, m := range family.GetMetric() {
			if h := m.GetHistogram(); h != nil {
				byKey[m.GetLabel()[0].GetValue()] = h.GetSampleCount()
			}
		}
	}
	return byKey
}

// collected returns the same for OpenTelemetry.
func collected(t *testing.T, reader sdkmetric.Reader) map[string]uint64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	must(t, reader.Collect(context.Background(), &all))
	byKey := map[string]uint64{}
	for _, m := range all.ScopeMetrics[0].Metrics {
		if h, isHistogram := m.Data.(metricdata.Histogram[float64]); isHistogram {
			for _, p := range h.DataPoints {
				key, _ := p.Attributes.Value(observable.KeyAttribute)
				byKey[key.AsString()] = p.Count
			}
		}
	}
	return byKey
}
