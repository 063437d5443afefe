package lifecycle_test

import (
	"fmt"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

func TestGlobalsAreSetOnRequestAndPutBack(t *testing.T) {
	setenv(t, "TRACES_EXPORTER=none", "METRICS_EXPORTER=test")
	tracers, meters, propagator := otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()
	same := func() bool {
		return otel.GetTracerProvider() == tracers && otel.GetMeterProvider() == meters &&
			otel.GetTextMapPropagator() == propagator
	}
	l := setup(t, lifecycle.Options{Metrics: true})
	if !same() {
		t.Error("the globals were set without Options.Global")
	}
	shutdown(t, l)
	l = setup(t, lifecycle.Options{Metrics: true, Global: true})
	if otel.GetTracerProvider() != l.TracerProvider || otel.GetMeterProvider() != l.MeterProvider ||
		len(otel.GetTextMapPropagator().Fields()) != 3 {
		t.Error("globals were not set")
	}
	shutdown(t, l)
	if !same() {
		t.Error("globals were not put back")
	}
	l = setup(t, lifecycle.Options{Global: true})
	other := noop.NewTracerProvider()
	otel.SetTracerProvider(other)
	shutdown(t, l)
	if otel.GetTracerProvider() != trace.TracerProvider(other) {
		t.Error("a global that was set by other code was reset")
	}
	otel.SetTracerProvider(tracers)
}

// In whatever order the Setups end, they leave no trace.
func TestGlobalsOfSetupsThatOverlapArePutBack(t *testing.T) {
	for _, tc := range []struct {
		name     string
		disabled bool
		order    []int
	}{
		{"first in, first out", false, []int{0, 1, 2}},
		{"last in, first out", false, []int{2, 1, 0}},
		{"the middle one first", false, []int{1, 0, 2}},
		{"the middle one last", false, []int{2, 0, 1}},
		{"equal ones", true, []int{0, 1, 2}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			setenv(t, "TRACES_EXPORTER=none", "METRICS_EXPORTER=test", fmt.Sprint("SDK_DISABLED=", tc.disabled))
			type globals struct {
				trace.TracerProvider
				metric.MeterProvider
				propagation.TextMapPropagator
			}
			now := func() globals {
				return globals{otel.GetTracerProvider(), otel.GetMeterProvider(), otel.GetTextMapPropagator()}
			}
			states, running := []globals{now()}, []*lifecycle.Lifecycle{}
			for range 3 {
				running = append(running, setup(t, lifecycle.Options{Metrics: true, Global: true}))
				states = append(states, now())
			}
			ended := map[int]bool{}
			for _, i := range tc.order {
				shutdown(t, running[i])
				ended[i] = true
				want := 2
				for ended[want] {
					want--
				}
				if now() != states[want+1] {
					t.Errorf("after %d have ended, of which the last is %d, the globals are not those of %d",
						len(ended), i, want)
				}
			}
		})
	}
}
