package pooled

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
	"github.com/loadgen-go/loadgen/observable/internal/values"
)

// A Template makes the spans of one handler. They share a name and attributes, which are
// encoded once. It is safe for concurrent use.
type Template struct {
	tracer  *Tracer
	static  *static
	options []trace.SpanStartOption
	config  trace.SpanConfig // the result of options
}

// static holds the parts that all spans of a template have in common.
type static struct {
	name       string
	attributes []attribute.KeyValue
	lost       int32  // number of attributes over the limit
	head, tail []byte // encoded parts of a span, see encode
}

// Template returns a template for spans with name and attributes. If attributes repeat a
// key, the last value counts, as in Start.
func (t *Tracer) Template(name string, attributes ...attribute.KeyValue) *Template {
	r := newRecord(t.provider) // for the limits
	r.addAttributes(attributes)
	options := []trace.SpanStartOption{trace.WithAttributes(attributes...)}
	s := &static{name: name, attributes: r.attributes, lost: r.lost.attributes}
	s.encode(t.provider.limits.AttributeValueDepthLimit)
	return &Template{t, s, options, trace.NewSpanStartConfig(options...)}
}

// A Value is a span without a context. It is meant for handlers that take no context, whose
// spans have no children. It is two words, allocates nothing, and is as safe as a [Span]:
// after the span has ended, its methods do nothing. The zero Value does not record.
type Value struct {
	record     *record
	generation uint64
}

// Start starts a span as a child of the span in ctx.
func (p *Template) Start(ctx context.Context) Value { return p.start(ctx, clock.Now()) }

var _ values.Tracer = (*Tracer)(nil)

func (p *Template) start(ctx context.Context, now time.Duration) Value {
	t := p.tracer
	if ctx == nil {
		ctx = context.Background()
	}
	if len(t.provider.opts.Processors) > 0 { // processors need a handle
		s, _ := t.start(ctx, p.static.name, p.options)
		return Value{s.record, s.generation()}
	}
	up := parentOf(ctx)
	traceID, spanID := t.provider.ids(ctx, up.traceID)
	d := decision{flags: up.flags.WithSampled(true), traceState: up.traceState}
	if t.provider.opts.Sampler != nil {
		d = t.decide(ctx, p.static.name, traceID, &up, &p.config)
	} else {
		d.record = up.sampled()
	}
	if !d.record {
		return Value{}
	}
	r := t.provider.get()
	v := Value{r, r.generation()}
	r.tracer, r.name, r.kind, r.static = t, p.static.name, uint8(trace.SpanKindInternal), p.static
	r.traceID, r.spanID, r.parent = traceID, spanID, up.spanID
	r.flags, r.remote, r.anchor = d.flags, up.remote, t.provider.plain
	if d.traceState.Len() > 0 {
		r.anchor = &anchor{provider: t.provider, traceState: d.traceState}
	}
	if len(d.attributes) > 0 {
		r.addAttributes(d.attributes)
	}
	r.clock = t.provider.clockAt(now)
	r.start = r.clock.unix(now)
	return v
}

// lock locks the record and reports true if the span is recording.
func (v Value) lock() bool {
	if v.record == nil {
		return false
	}
	if !v.record.lock(v.generation) {
		v.record.provider.stale.Add(1)
		return false
	}
	return true
}

func (v Value) unlock() { v.record.unlock(v.generation) }

// IsRecording reports whether the span records and has not ended.
func (v Value) IsRecording() bool {
	return v.record != nil && v.record.generation() == v.generation
}

// Span returns the span as a [trace.Span], for events, errors, links and status. It
// allocates a handle with an empty context. The handle becomes stale when v does.
func (v Value) Span() trace.Span {
	if !v.lock() {
		return noop.Span{}
	}
	defer v.unlock()
	r := v.record
	s := Span{
		Context: context.Background(),
		anchor:  r.anchor,
		record:  r,
		meta:    v.generation<<8 | uint64(r.flags),
		traceID: r.traceID,
		spanID:  r.spanID,
	}
	if len(r.provider.opts.Processors) > 0 {
		return &watched{s, view{record: r, generation: v.generation}}
	}
	return &s
}

// SetAttributes sets attributes, as [trace.Span] does. It allocates nothing while the span
// has at most eight attributes.
func (v Value) SetAttributes(kvs ...attribute.KeyValue) {
	if v.lock() {
		v.record.addAttributes(kvs)
		v.unlock()
	}
}

// End ends the span and passes it to the exporter and the processors.
func (v Value) End() { v.end(clock.Now()) }

func (v Value) end(now time.Duration) {
	if !v.lock() {
		return
	}
	v.record.end = v.record.clock.unix(now)
	v.record.retire(v.generation)
	v.record.finish()
}

// Values returns the spans of a handler that takes no context, for package observable.
func (t *Tracer) Values(name string, attributes ...attribute.KeyValue) values.Spans {
	return spans{t.Template(name, attributes...)}
}

// spans implements [values.Spans]. Its users read the clock themselves and do not import
// this package.
type spans struct{ *Template }

func (s spans) Begin(ctx context.Context, now time.Duration) (span any, generation uint64) {
	if v := s.start(ctx, now); v.record != nil {
		return v.record, v.generation
	}
	return nil, 0
}

func (spans) Of(span any, generation uint64) trace.Span { return valueOf(span, generation).Span() }

func (spans) Finish(span any, generation uint64, now time.Duration) {
	valueOf(span, generation).end(now)
}

func valueOf(span any, generation uint64) Value {
	r, _ := span.(*record)
	return Value{r, generation}
}
