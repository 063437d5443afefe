package pooled

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
)

// A Tracer starts the spans of one instrumentation scope.
type Tracer struct {
	embedded.Tracer
	provider *Provider
	scope    instrumentation.Scope
	header   header
	shards   []shard // their number is a power of two

	_    [64]byte     // keeps free in another cache line than the fields that are only read
	free atomic.Int64 // part of BufferBytes that no shard has reserved, in bytes
}

var _ trace.Tracer = (*Tracer)(nil)

func newTracer(p *Provider, scope instrumentation.Scope) *Tracer {
	t := &Tracer{
		provider: p,
		scope:    scope,
		header:   newHeader(p.opts.Resource, scope),
		shards:   make([]shard, p.shards),
	}
	t.free.Store(int64(p.opts.BufferBytes))
	return t
}

// Start implements [trace.Tracer]. The context and the span are one object.
func (t *Tracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	s, w := t.start(ctx, name, opts)
	switch {
	case w != nil && spanKey != nil:
		return w, w
	case w != nil:
		return trace.ContextWithSpan(s.Context, w), w
	case spanKey != nil:
		return s, s
	}
	return trace.ContextWithSpan(s.Context, s), s
}

// start starts a span. If there are processors and the span records, w is its handle, and s points
// into it.
func (t *Tracer) start(ctx context.Context, name string, opts []trace.SpanStartOption) (s *Span, w *watched) {
	if ctx == nil {
		ctx = context.Background()
	}
	var c trace.SpanConfig
	if len(opts) > 0 {
		c = trace.NewSpanStartConfig(opts...)
	}
	asked, up := ctx, parentOf(ctx)
	if c.NewRoot() {
		asked, up = t.provider.orphan(ctx), parent{}
	}
	traceID, spanID := t.provider.ids(asked, up.traceID)
	d := t.decide(asked, name, traceID, &up, &c)
	if d.record && len(t.provider.opts.Processors) > 0 {
		w = new(watched)
		s = &w.Span
	} else {
		s = new(Span)
	}
	*s = Span{Context: ctx, anchor: t.provider.plain, meta: uint64(d.flags), traceID: traceID, spanID: spanID}
	if d.traceState.Len() > 0 || up.traceState.Len() > 0 && len(t.provider.opts.Processors) > 0 {
		s.anchor = &anchor{provider: t.provider, traceState: d.traceState, parentState: up.traceState}
	}
	if !d.record {
		return s, nil
	}
	r := t.provider.get()
	s.record = r
	s.meta |= r.generation() << 8
	r.tracer, r.name, r.kind = t, name, uint8(trace.ValidateSpanKind(c.SpanKind()))
	r.traceID, r.spanID, r.parent = s.traceID, s.spanID, up.spanID
	r.flags, r.remote, r.anchor = d.flags, up.remote, s.anchor
	r.inTrace, r.parentFlags = up.traceID.IsValid(), up.flags
	for _, l := range c.Links() {
		if n, ok := t.provider.newLink(l); ok {
			r.addLink(n)
		}
	}
	r.addAttributes(d.attributes)
	r.addAttributes(c.Attributes())
	now := clock.Now()
	r.clock = t.provider.clockAt(now)
	r.start = r.clock.unix(now)
	if ts := c.Timestamp(); !ts.IsZero() {
		r.start = ts.UnixNano()
		if w != nil {
			r.given = &given{start: ts}
		}
	}
	if w != nil {
		w.view = view{record: r, generation: s.generation()}
		t.provider.started(w)
	}
	return s, w
}

// parent holds what a span needs to know about its parent.
type parent struct {
	traceID    trace.TraceID
	spanID     trace.SpanID
	flags      trace.TraceFlags
	remote     bool
	traceState trace.TraceState
}

// sampled returns the default decision if there is no sampler: follow the parent, and sample roots.
func (up *parent) sampled() bool {
	return !up.traceID.IsValid() || !up.spanID.IsValid() || up.flags.IsSampled()
}

func parentOf(ctx context.Context) parent {
	if spanKey != nil && ctx.Value(spanKey) == nil { // faster than SpanFromContext if there is no span
		return parent{}
	}
	p := trace.SpanFromContext(ctx)
	switch s := p.(type) { // faster than building a SpanContext
	case *Span:
		if s != nil {
			return s.asParent()
		}
	case *watched:
		return s.Span.asParent()
	}
	sc := p.SpanContext()
	return parent{sc.TraceID(), sc.SpanID(), sc.TraceFlags(), sc.IsRemote(), sc.TraceState()}
}

func (s *Span) asParent() parent {
	s.addChild()
	return parent{s.traceID, s.spanID, trace.TraceFlags(s.meta), false, s.traceState}
}

// A decision is the result of sampling.
type decision struct {
	record     bool
	flags      trace.TraceFlags
	traceState trace.TraceState
	attributes []attribute.KeyValue
}

func (t *Tracer) decide(ctx context.Context, name string, id trace.TraceID, up *parent, c *trace.SpanConfig) decision {
	sampler := t.provider.opts.Sampler
	if sampler == nil { // ParentBased(AlwaysSample), without its allocations
		sampled := up.sampled()
		return decision{sampled, up.flags.WithSampled(sampled), up.traceState, nil}
	}
	res := sampler.ShouldSample(sdktrace.SamplingParameters{
		ParentContext: ctx,
		TraceID:       id,
		Name:          name,
		Kind:          c.SpanKind(),
		Attributes:    c.Attributes(),
		Links:         c.Links(),
	})
	return decision{
		record:     res.Decision != sdktrace.Drop,
		flags:      up.flags.WithSampled(res.Decision == sdktrace.RecordAndSample),
		traceState: res.Tracestate,
		attributes: res.Attributes,
	}
}

// orphan removes the parent from a context that is passed to the sampler or the id generator.
func (p *Provider) orphan(ctx context.Context) context.Context {
	if p.opts.Sampler == nil && p.opts.IDGenerator == nil {
		return ctx
	}
	return trace.ContextWithSpanContext(ctx, trace.SpanContext{})
}

// ids returns the ids of a new span, which is in the trace up if that is valid.
func (p *Provider) ids(ctx context.Context, up trace.TraceID) (trace.TraceID, trace.SpanID) {
	own := p.opts.IDGenerator == nil
	switch {
	case up.IsValid() && own:
		return up, newSpanID()
	case up.IsValid():
		return up, p.opts.IDGenerator.NewSpanID(ctx, up)
	case own:
		return newTraceID(), newSpanID()
	}
	return p.opts.IDGenerator.NewIDs(ctx)
}

func newTraceID() (id trace.TraceID) {
	binary.NativeEndian.PutUint64(id[:8], rand.Uint64())
	binary.NativeEndian.PutUint64(id[8:], nonZero())
	return id
}

func newSpanID() (id trace.SpanID) {
	binary.NativeEndian.PutUint64(id[:], nonZero())
	return id
}

func nonZero() uint64 {
	for {
		if n := rand.Uint64(); n != 0 {
			return n
		}
	}
}
