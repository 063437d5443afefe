package probed_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"
	coltrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/metrics"
	"github.com/loadgen-go/loadgen/observable/pooled"
	"github.com/loadgen-go/loadgen/observable/probed"
)

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// defaultMap returns a new map, which is the default map until the test ends.
func defaultMap(t *testing.T, o observable.Options) *observable.Map {
	t.Helper()
	m, err := observable.New(o)
	must(t, err)
	observable.SetDefault(m)
	t.Cleanup(func() { observable.SetDefault(nil) })
	return m
}

// call is a call of a handler with a probe, as the bridge makes it.
func call(h *probed.Handler, ok bool) {
	if c := h.Begin(); c != nil {
		c.End(ok)
	}
}

// A call before there is a map is a call without an account.
func TestBeforeThereIsAMapThereIsNoAccount(t *testing.T) {
	if observable.Default() != nil {
		t.Skip("a test that ran before has made a map")
	}
	if c := probed.New("early", "z.go:1").Begin(); c != nil {
		t.Error("a call without a map has an account")
	}
}

// providers returns tracer providers by name, each with a function that returns the spans that have ended: the name
// and the status of each.
func providers(t *testing.T) map[string]func() (trace.TracerProvider, func() []string) {
	return map[string]func() (trace.TracerProvider, func() []string){
		"sdk": func() (trace.TracerProvider, func() []string) {
			spans := tracetest.NewSpanRecorder()
			p := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
			return p, func() (ended []string) {
				for _, s := range spans.Ended() {
					ended = append(ended, fmt.Sprint(s.Name(), " ", s.Status().Code == 1))
				}
				return ended
			}
		},
		"pooled": func() (trace.TracerProvider, func() []string) {
			var ended []string
			p, err := pooled.New(pooled.Options{Exporter: pooled.ExporterFunc(
				func(_ context.Context, request []byte, _ int) error {
					var m coltrace.ExportTraceServiceRequest
					if err := proto.Unmarshal(request, &m); err != nil {
						return err
					}
					for _, s := range m.ResourceSpans[0].ScopeSpans[0].Spans {
						ended = append(ended, fmt.Sprint(s.Name, " ", s.Status.GetCode() == 2))
					}
					return nil
				})})
			must(t, err)
			return p, func() []string {
				must(t, p.Shutdown(context.Background()))
				return ended
			}
		},
	}
}

// A call of a handler with a probe has the span that one of a registered handler has, whoever makes the spans.
func TestCallsHaveSpans(t *testing.T) {
	for name, start := range providers(t) {
		t.Run(name, func(t *testing.T) {
			provider, ended := start()
			m := defaultMap(t, observable.Options{TracerProvider: provider})
			must(t, m.Register("registered", func() {}))
			save, load := probed.New("save", "x.go:1"), probed.New("load", "x.go:2")
			call(save, true)
			must(t, m.Call(context.Background(), "registered"))
			call(load, false)
			call(save, true)
			want := []string{"save false", "registered false", "load true", "save false"}
			if got := ended(); !slices.Equal(got, want) {
				t.Errorf("spans %q, want %q; true: with the status Error", got, want)
			}
		})
	}
}

// scraped returns the counters of calls that a scrape of Prometheus has, other than 0.
func scraped(t *testing.T, registry *prometheus.Registry) (lines []string) {
	t.Helper()
	families, err := registry.Gather()
	must(t, err)
	for _, family := range families {
		if family.GetName() != "app_calls_total" {
			continue
		}
		for _, m := range family.GetMetric() {
			if n := m.GetCounter().GetValue(); n != 0 {
				lines = append(lines, fmt.Sprint(m.GetLabel()[0].GetValue(), " ", m.GetLabel()[1].GetValue(), " ", n))
			}
		}
	}
	return lines
}

// collected returns the same, of the reader of an SDK of metrics.
func collected(t *testing.T, reader sdkmetric.Reader) (lines []string) {
	t.Helper()
	var all metricdata.ResourceMetrics
	must(t, reader.Collect(context.Background(), &all))
	for _, m := range all.ScopeMetrics[0].Metrics {
		sum, isSum := m.Data.(metricdata.Sum[int64])
		if m.Name != "app.calls" || !isSum {
			continue
		}
		for _, p := range sum.DataPoints {
			key, _ := p.Attributes.Value(observable.KeyAttribute)
			outcome, _ := p.Attributes.Value("observable.outcome")
			if p.Value != 0 {
				lines = append(lines, fmt.Sprint(key.AsString(), " ", outcome.AsString(), " ", p.Value))
			}
		}
	}
	slices.Sort(lines)
	return lines
}

// Calls are in the metrics of the map, for OpenTelemetry and for Prometheus. A scrape changes no count, whatever the
// program does with its maps, and however often a place registers one key.
func TestCallsAreInTheMetrics(t *testing.T) {
	m := defaultMap(t, observable.Options{Histogram: true})
	account, err := metrics.New(m, metrics.Options{Namespace: "app"})
	must(t, err)
	registry := prometheus.NewPedanticRegistry()
	must(t, account.Register(registry))
	reader := sdkmetric.NewManualReader(sdkmetric.WithProducer(account))
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))

	must(t, m.Register("taken", func() {}))
	save, taken := probed.New("save", "x.go:1"), probed.New("taken", "x.go:2")
	sameLine, third := probed.New("save", "x.go:1"), probed.New("save", "x.go:1")
	call(save, true)
	call(taken, false)
	call(sameLine, true)
	call(third, true)
	observable.SetDefault(nil)
	other, err := observable.New(observable.Options{})
	must(t, err)
	observable.SetDefault(other)
	call(save, true) // is in the account of the other map
	observable.SetDefault(m)
	call(save, true)
	must(t, m.Call(context.Background(), "taken"))

	want := []string{"save ok 4", "taken ok 1", "taken@x.go:2 error 1"}
	for range 3 {
		if got := scraped(t, registry); !slices.Equal(got, want) {
			t.Errorf("Prometheus has %q, want %q", got, want)
		}
		if got := collected(t, reader); !slices.Equal(got, want) {
			t.Errorf("OpenTelemetry has %q, want %q", got, want)
		}
	}
}
