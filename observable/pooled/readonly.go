package pooled

import (
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// A view reads one span: while it lives, in generation, and after its end, in the next
// generation. When the record is reused, the view reads as a zero span.
//
// All reads hold the lock of the record, so that a view never sees what a later span writes.
type view struct {
	sdktrace.ReadOnlySpan // nil: embedded only for its unexported method
	record                *record
	generation            uint64
}

var _ sdktrace.ReadOnlySpan = (*view)(nil)

// read returns the result of get for the span, or a zero value if the record was reused.
func read[T any](v *view, get func(r *record, lives bool) T) (value T) {
	r := v.record
	for g := v.generation; g <= v.generation+1; g++ {
		if r.lock(g) {
			value = get(r, g == v.generation)
			r.unlock(g)
			return value
		}
	}
	return value
}

// part returns a copy of a slice of a span if the span still lives, or else the slice itself,
// since it no longer changes.
func part[T any](vs []T, lives bool) []T {
	switch {
	case len(vs) == 0:
		return nil
	case lives:
		return slices.Clone(vs)
	}
	return slices.Clip(vs)
}

// Name implements [sdktrace.ReadOnlySpan], like the methods below.
func (v *view) Name() string { return read(v, func(r *record, _ bool) string { return r.name }) }

func (v *view) SpanContext() trace.SpanContext {
	return read(v, func(r *record, _ bool) trace.SpanContext {
		return trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: r.traceID, SpanID: r.spanID, TraceFlags: r.flags, TraceState: r.anchor.traceState})
	})
}

func (v *view) Parent() trace.SpanContext {
	return read(v, func(r *record, _ bool) trace.SpanContext {
		c := trace.SpanContextConfig{
			SpanID: r.parent, TraceFlags: r.parentFlags, TraceState: r.anchor.parentState, Remote: r.remote}
		if r.inTrace {
			c.TraceID = r.traceID
		}
		return trace.NewSpanContext(c)
	})
}

func (v *view) SpanKind() trace.SpanKind {
	return read(v, func(r *record, _ bool) trace.SpanKind { return trace.SpanKind(r.kind) })
}

// StartTime returns the start time that the caller passed, or else the start time as local
// time with its monotonic reading.
func (v *view) StartTime() time.Time {
	return read(v, func(r *record, _ bool) time.Time { return r.startTime() })
}

// EndTime returns the end time, like StartTime, or a zero time if the span has not ended.
func (v *view) EndTime() time.Time {
	return read(v, func(r *record, lives bool) (t time.Time) {
		if !lives {
			t = r.endTime()
		}
		return t
	})
}

func (v *view) Attributes() []attribute.KeyValue {
	return read(v, func(r *record, lives bool) []attribute.KeyValue { return part(r.attributes, lives) })
}

func (v *view) Links() []sdktrace.Link {
	return read(v, func(r *record, lives bool) []sdktrace.Link { return part(r.links, lives) })
}

func (v *view) Events() []sdktrace.Event {
	return read(v, func(r *record, lives bool) []sdktrace.Event { return part(r.events, lives) })
}

func (v *view) Status() sdktrace.Status {
	return read(v, func(r *record, _ bool) sdktrace.Status {
		return sdktrace.Status{Code: r.status, Description: r.description}
	})
}

func (v *view) InstrumentationScope() instrumentation.Scope {
	return read(v, func(r *record, _ bool) instrumentation.Scope { return r.tracer.scope })
}

// InstrumentationLibrary is an older name of InstrumentationScope.
func (v *view) InstrumentationLibrary() instrumentation.Scope { return v.InstrumentationScope() }

func (v *view) Resource() *resource.Resource {
	return read(v, func(r *record, _ bool) *resource.Resource { return r.tracer.provider.opts.Resource })
}

func (v *view) DroppedAttributes() int {
	return read(v, func(r *record, _ bool) int { return int(r.lost.attributes) })
}

func (v *view) DroppedLinks() int {
	return read(v, func(r *record, _ bool) int { return int(r.lost.links) })
}

func (v *view) DroppedEvents() int {
	return read(v, func(r *record, _ bool) int { return int(r.lost.events) })
}

func (v *view) ChildSpanCount() int {
	return read(v, func(r *record, _ bool) int { return int(r.children) })
}

// A lent view is one whose holder gives the record back.
type lent struct{ view }

// recycle gives the record back to the pool, and empties all views of its span. A second call
// does nothing.
func (l *lent) recycle() {
	r, g := l.record, l.generation+1
	if r.lock(g) {
		r.retire(g)
		r.tracer.provider.put(r)
	}
}
