// Package values defines the interface between package observable and a tracer provider
// whose spans can be plain values, so that neither imports the other. Such spans are for
// handlers that take no context.
package values

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// A Tracer is a [trace.Tracer] that can make spans that are values.
type Tracer interface {
	// Values returns the spans of one name, with attributes.
	Values(name string, attributes ...attribute.KeyValue) Spans
}

// Spans are the spans of one handler. Their methods allocate nothing. Times are readings
// of package clock.
//
// Begin starts a span as a child of the span in ctx. It returns the two words that make
// up the span; the first is nil if the span does not record. Of returns the span as a
// [trace.Span]. Finish ends it.
type Spans interface {
	Begin(ctx context.Context, now time.Duration) (span any, generation uint64)
	Of(span any, generation uint64) trace.Span
	Finish(span any, generation uint64, now time.Duration)
}
