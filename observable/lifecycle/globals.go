package lifecycle

import (
	"slices"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// The globals of package otel.
var (
	tracers     = &global[trace.TracerProvider]{get: otel.GetTracerProvider, set: otel.SetTracerProvider}
	metering    = &global[metric.MeterProvider]{get: otel.GetMeterProvider, set: otel.SetMeterProvider}
	propagators = &global[propagation.TextMapPropagator]{get: otel.GetTextMapPropagator,
		set: otel.SetTextMapPropagator}
)

// A global is a variable of package otel, and the values that Setups have set.
type global[T comparable] struct {
	get func() T
	set func(T)

	mu     sync.Mutex
	layers []*layer[T] // oldest first
}

// A layer is the value that one Setup has set, and the value before.
type layer[T comparable] struct{ ours, before T }

// put sets the global. The function that it returns restores the previous value, unless another value
// has been set since. If another Setup has set it, that Setup restores the previous value when it ends.
func (g *global[T]) put(ours T) (restore func()) {
	g.mu.Lock()
	defer g.mu.Unlock()
	l := &layer[T]{ours, g.get()}
	g.layers = append(g.layers, l)
	g.set(ours)
	return func() { g.remove(l) }
}

func (g *global[T]) remove(l *layer[T]) {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.layers, l)
	above := g.layers[i+1:]
	for _, other := range above {
		if other.before == l.ours {
			other.before = l.before
		}
	}
	// Two values that do nothing are equal, so the global may belong to another Setup.
	covered := slices.ContainsFunc(above, func(other *layer[T]) bool { return other.ours == l.ours })
	if !covered && g.get() == l.ours {
		g.set(l.before)
	}
	g.layers = slices.Delete(g.layers, i, i+1)
}
