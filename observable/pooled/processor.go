package pooled

import (
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// NonRetaining is implemented by processors that do not keep the span passed to OnEnd, nor a
// slice read from it, after OnEnd has returned. Exporters implement it if they do not after
// ExportSpans has returned. (Strings and attributes may be kept, since they do not change.)
// The provider then passes the record of the span itself, and reuses it.
//
// A span that is kept all the same reads as a zero span when its record is reused, never as
// another span. A slice that is kept will contain the data of another span.
type NonRetaining interface {
	// NonRetaining marks the type. It is never called.
	NonRetaining()
}

// employ sets lender and kept, according to the processors.
func (p *Provider) employ() {
	for _, sp := range p.opts.Processors {
		b, ok := sp.(*Batch)
		if _, borrows := sp.(NonRetaining); borrows {
			continue
		}
		if ok && b.lends && p.lender == nil {
			p.lender = b
		} else {
			p.kept = true
		}
	}
	if p.kept {
		p.lender = nil // the Batch then keeps spans, too
	}
}

// A watched span is the handle of a span when there are processors. Processors and callers may
// read it as well as write to it while it lives. They may read it after its end, too, if its
// record is kept.
type watched struct {
	Span
	view
}

var _ sdktrace.ReadWriteSpan = (*watched)(nil)

// Value implements [context.Context]. The span of w as a context is w itself, so that a
// processor can read the parent of a span that starts.
func (w *watched) Value(key any) any {
	if key == spanKey && key != nil {
		return w
	}
	return w.Span.Value(key)
}

// SpanContext implements [trace.Span]. It stays valid for ever.
func (w *watched) SpanContext() trace.SpanContext { return w.Span.SpanContext() }

// String and GoString keep the record from being printed, like the methods of Span.
func (w *watched) String() string   { return w.Span.String() }
func (w *watched) GoString() string { return w.Span.String() }

// started calls OnStart of the processors.
func (p *Provider) started(w *watched) {
	if p.over.Load() {
		return
	}
	for _, sp := range p.opts.Processors {
		sp.OnStart(w.Context, w)
	}
}

// addChild counts a child of s, for ReadOnlySpan.ChildSpanCount.
func (s *Span) addChild() {
	if s.record == nil || len(s.provider.opts.Processors) == 0 || !s.record.lock(s.generation()) {
		return
	}
	s.record.children++
	s.unlock()
}

// finish passes r, whose span has ended, to the exporter, which encodes it, to the processors,
// and to the pool unless a processor holds it now.
func (r *record) finish() {
	p := r.tracer.provider
	r.tracer.take(r)
	if len(p.opts.Processors) == 0 {
		p.put(r)
		return
	}
	l := &lent{view{record: r, generation: r.generation() - 1}}
	if p.over.Load() {
		l.recycle()
		return
	}
	sampled := r.flags.IsSampled()
	for _, sp := range p.opts.Processors {
		if sp != sdktrace.SpanProcessor(p.lender) {
			sp.OnEnd(&l.view)
		}
	}
	switch {
	case p.kept:
	case p.lender != nil && sampled:
		p.lender.OnEnd(l)
	default:
		l.recycle()
	}
}
