package pooled

import (
	"context"
	"fmt"
	"reflect"
	"runtime"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// A Span is the handle of a span, and the context that holds it. It has 64 bytes, which is a
// size class of the allocator. A handle is never reused.
type Span struct {
	context.Context
	*anchor
	record  *record // nil if the span does not record
	meta    uint64  // generation<<8 | trace flags
	traceID trace.TraceID
	spanID  trace.SpanID
}

// An anchor holds what many spans share. Embedding the marker interface of the API behind this
// pointer costs a handle 8 bytes instead of 16.
type anchor struct {
	embedded.Span
	provider    *Provider
	traceState  trace.TraceState
	parentState trace.TraceState // set only if there are processors
}

var (
	_ trace.Span      = (*Span)(nil)
	_ context.Context = (*Span)(nil)
)

// spanKey is the key of a span in the contexts of package otel/trace. It is not exported, but
// SpanFromContext passes it to Value. If a later version does not, the key is nil, and every
// handle is wrapped in a context.
var spanKey = func() any {
	var p keyProbe
	trace.SpanFromContext(&p)
	return p.key
}()

type keyProbe struct {
	context.Context
	key any
}

func (p *keyProbe) Value(key any) any {
	p.key = key
	return nil
}

// Value implements [context.Context]. The span of s as a context is s itself.
func (s *Span) Value(key any) any {
	if key == spanKey && key != nil {
		return s
	}
	return s.Context.Value(key)
}

// String keeps a printed context from reading a record that other goroutines write to.
func (s *Span) String() string { return fmt.Sprintf("pooled.Span(%v/%v)", s.traceID, s.spanID) }

// GoString returns String, for the same reason.
func (s *Span) GoString() string { return s.String() }

func (s *Span) generation() uint64 { return s.meta >> 8 }

// lock locks the record and reports true if the span is recording.
func (s *Span) lock() bool {
	if s == nil || s.record == nil {
		return false
	}
	if !s.record.lock(s.generation()) {
		s.provider.stale.Add(1)
		return false
	}
	return true
}

func (s *Span) unlock() { s.record.unlock(s.generation()) }

// live reports whether the span is recording. If it has ended, the caller must do nothing, and
// live counts the operation as stale.
func (s *Span) live() bool {
	if s.IsRecording() {
		return true
	}
	if s != nil && s.record != nil {
		s.provider.stale.Add(1)
	}
	return false
}

// SpanContext implements [trace.Span]. It stays valid after End.
func (s *Span) SpanContext() trace.SpanContext {
	if s == nil {
		return trace.SpanContext{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID:    s.traceID,
		SpanID:     s.spanID,
		TraceFlags: trace.TraceFlags(s.meta),
		TraceState: s.traceState,
	})
}

// IsRecording implements [trace.Span].
func (s *Span) IsRecording() bool {
	return s != nil && s.record != nil && s.record.generation() == s.generation()
}

// TracerProvider implements [trace.Span].
func (s *Span) TracerProvider() trace.TracerProvider { return s.provider }

// SetAttributes implements [trace.Span].
func (s *Span) SetAttributes(kvs ...attribute.KeyValue) {
	if s.lock() {
		s.record.addAttributes(kvs)
		s.unlock()
	}
}

// SetName implements [trace.Span].
func (s *Span) SetName(name string) {
	if s.lock() {
		s.record.name = name
		s.unlock()
	}
}

// SetStatus implements [trace.Span].
func (s *Span) SetStatus(code codes.Code, description string) {
	if s.lock() {
		s.record.setStatus(code, description)
		s.unlock()
	}
}

// AddLink implements [trace.Span].
func (s *Span) AddLink(l trace.Link) {
	if s == nil {
		return
	}
	n, ok := s.provider.newLink(l)
	if ok && s.lock() {
		s.record.addLink(n)
		s.unlock()
	}
}

// AddEvent implements [trace.Span].
func (s *Span) AddEvent(name string, opts ...trace.EventOption) {
	if !s.live() {
		return
	}
	e := s.provider.newEvent(name, opts)
	if s.lock() {
		s.record.addEvent(e)
		s.unlock()
	}
}

// RecordError implements [trace.Span]. It does not set the status.
func (s *Span) RecordError(err error, opts ...trace.EventOption) {
	if err == nil || !s.live() {
		return
	}
	withStack := trace.NewEventConfig(opts...)
	e := s.provider.exception(err, err.Error(), withStack.StackTrace(), opts)
	if s.lock() {
		s.record.addEvent(e)
		s.unlock()
	}
}

// exception returns the event that the semantic conventions specify for an error or a panic, as
// the SDK writes it.
func (p *Provider) exception(v any, message string, stack bool, opts []trace.EventOption) sdktrace.Event {
	attrs := []attribute.KeyValue{
		attribute.String("exception.type", typeName(v)),
		attribute.String("exception.message", message),
	}
	if stack {
		buf := make([]byte, 2048)
		attrs = append(attrs, attribute.String("exception.stacktrace", string(buf[:runtime.Stack(buf, false)])))
	}
	return p.newEvent("exception", append(opts[:len(opts):len(opts)], trace.WithAttributes(attrs...)))
}

func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.PkgPath() == "" && t.Name() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}

// End implements [trace.Span]. If End is deferred directly and a panic passes through, it
// records the panic as an event, unless Options.WithoutPanicRecording is set. The panic
// continues.
func (s *Span) End(opts ...trace.SpanEndOption) {
	now := clock.Now()
	if !s.live() {
		return
	}
	var c trace.SpanConfig
	if len(opts) > 0 {
		c = trace.NewSpanEndConfig(opts...)
	}
	if !s.provider.opts.WithoutPanicRecording {
		if v := recover(); v != nil {
			defer panic(v)
			// Print v before taking the lock, since that runs code of the caller.
			e := s.provider.exception(v, fmt.Sprint(v), c.StackTrace(), nil)
			if s.lock() {
				s.record.addEvent(e)
				s.unlock()
			}
		}
	}
	if !s.lock() {
		return // another goroutine has ended the span
	}
	s.record.end = s.record.clock.unix(now)
	if t := c.Timestamp(); !t.IsZero() {
		s.record.end = t.UnixNano()
		s.record.giveEnd(t)
	}
	s.record.retire(s.generation())
	s.record.finish()
}
