package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/loadgen-go/loadgen/observable"
)

func TestDurationsAreThoseOfTheHandlers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		var latency recorder
		m := newMap(t, observable.Options{
			MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
			Latency:       func(string) observable.Instrument { return &latency },
		})
		must(t, m.Register("a", func() { time.Sleep(250 * time.Millisecond) }))
		must(t, m.Call(background, "a"))
		must(t, m.Call(background, "a"))
		if want := []time.Duration{250 * time.Millisecond, 250 * time.Millisecond}; !slices.Equal(latency.durations,
			want) {
			t.Errorf("the instrument got %v, want %v", latency.durations, want)
		}
		if got := durations(t, reader)[0]; got.Sum != .5 || got.Count != 2 {
			t.Errorf("the metric has %v s in %d calls, want 0.5 in 2", got.Sum, got.Count)
		}
	})
}

// durations returns the data points of observable.duration.
func durations(t *testing.T, reader sdkmetric.Reader) []metricdata.HistogramDataPoint[float64] {
	t.Helper()
	var rm metricdata.ResourceMetrics
	must(t, reader.Collect(background, &rm))
	for _, metric := range rm.ScopeMetrics[0].Metrics {
		if d, ok := metric.Data.(metricdata.Histogram[float64]); ok && metric.Name == "observable.duration" {
			return d.DataPoints
		}
	}
	t.Fatal("no observable.duration")
	return nil
}

func TestMetricsHaveTheAttributesAndTheContextOfTheCall(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	spans := tracetest.NewSpanRecorder()
	m := newMap(t, observable.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
		Attributes:     []attribute.KeyValue{attribute.String("tenant", "acme")},
	})
	must(t, m.Register("a", func() {}))
	must(t, m.Call(background, "a"))
	var rm metricdata.ResourceMetrics
	must(t, reader.Collect(background, &rm))
	id := spans.Ended()[0].SpanContext().SpanID()
	checked := 0
	check := func(name string, attrs attribute.Set, exemplars [][]byte) {
		checked++
		if v, _ := attrs.Value("tenant"); v.AsString() != "acme" {
			t.Errorf("%s has the attributes %v", name, attrs.ToSlice())
		}
		// The SDK takes the span of an exemplar from the context of the measurement.
		if len(exemplars) != 1 || string(exemplars[0]) != string(id[:]) {
			t.Errorf("%s has exemplars from the spans %x, want %v", name, exemplars, id)
		}
	}
	for _, metric := range rm.ScopeMetrics[0].Metrics {
		switch d := metric.Data.(type) {
		case metricdata.Sum[int64]:
			check(metric.Name, d.DataPoints[0].Attributes, spansOf(d.DataPoints[0].Exemplars))
		case metricdata.Histogram[float64]:
			check(metric.Name, d.DataPoints[0].Attributes, spansOf(d.DataPoints[0].Exemplars))
		}
	}
	if checked != 2 {
		t.Errorf("%d metrics, want observable.calls and observable.duration", checked)
	}
}

func spansOf[N int64 | float64](exemplars []metricdata.Exemplar[N]) (ids [][]byte) {
	for _, e := range exemplars {
		ids = append(ids, e.SpanID)
	}
	return ids
}

// fuse is an instrument that panics.
type fuse struct{}

func (fuse) Record(time.Duration) { panic("blown") }

func TestACallIsAccountedForEvenIfItsInstrumentPanics(t *testing.T) {
	for name, want := range map[string]error{"returns": nil, "fails": io.EOF} {
		t.Run(name, func(t *testing.T) {
			reader := sdkmetric.NewManualReader()
			spans := tracetest.NewSpanRecorder()
			m := newMap(t, observable.Options{
				TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
				MeterProvider:  sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)),
				Latency:        func(string) observable.Instrument { return fuse{} },
			})
			must(t, m.RegisterContext(name, func(context.Context) error { return want }))
			func() {
				defer func() {
					if v := recover(); v != "blown" {
						t.Errorf("the panic became %v", v)
					}
				}()
				t.Errorf("Call returned %v", m.Call(background, name))
			}()
			if s := m.Snapshot()[0]; s.InFlight != 0 || s.Calls != 1 || s.Panics != 0 {
				t.Errorf("stats are %+v", s)
			}
			if got := durations(t, reader); len(got) != 1 || got[0].Count != 1 {
				t.Errorf("durations are %v", got)
			}
			ended := spans.Ended()
			if len(ended) != 1 || (ended[0].Status().Code == codes.Error) != (want != nil) {
				t.Errorf("spans are %v", ended)
			}
		})
	}
}

func TestTheStatusOfASpanSaysWhatWentWrong(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	m := newMap(t, observable.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))})
	must(t, m.RegisterContext("fails", func(context.Context) error { return errors.New("out of stock") }))
	must(t, m.Register("panics", func() { panic("boom") }))
	for _, key := range m.Keys() {
		err := m.Call(background, key)
		ended := spans.Ended()
		if got := ended[len(ended)-1].Status(); err == nil || got.Description != err.Error() {
			t.Errorf("%s: the status is %v, the error %v", key, got, err)
		}
	}
}

// The map that Latency writes here has no lock, so that the race detector finds
// concurrent calls.
func TestLatencyIsAskedOnceForAKeyAndForOneAtATime(t *testing.T) {
	asked := map[string]int{}
	m := newMap(t, observable.Options{Latency: func(key string) observable.Instrument {
		asked[key]++
		return &recorder{}
	}})
	var wg sync.WaitGroup
	for i := range 4 {
		wg.Go(func() {
			for range 2 {
				_ = m.Register(fmt.Sprint("own ", i), func() {})
				_ = m.Register("common", func() {})
			}
		})
	}
	wg.Wait()
	if len(asked) != 5 {
		t.Errorf("asked for %v", asked)
	}
	for key, n := range asked {
		if n != 1 {
			t.Errorf("asked %d times for %q", n, key)
		}
	}
}
