// Package values is what package observable and a provider of spans agree on, so that
// neither imports the other: spans that are values, of handlers that see no context.
package values

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// A Tracer is a [trace.Tracer] that makes such spans, too.
type Tracer interface {
	// Values prepares those of one name and those attributes.
	Values(name string, attributes ...attribute.KeyValue) Spans
}

// Spans are those of one handler. Begin starts one, the child of that in ctx, which
// makes two words, the first of them nil if the span does not record; Finish ends it.
// Neither allocates. Times are those of package clock. Of is the span as the rest of
// the API knows it.
type Spans interface {
	Begin(ctx context.Context, now time.Duration) (span any, generation uint64)
	Of(span any, generation uint64) trace.Span
	Finish(span any, generation uint64, now time.Duration)
}
