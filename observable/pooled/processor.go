package pooled

import (
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
)

// NonRetaining is implemented by a processor that keeps neither the span that it
// is given at its end, nor a slice that it got from one, beyond the call; and by
// an exporter that does not beyond ExportSpans. (Strings and attributes may be
// kept: they do not change.) The span is then read where it is, and reused.
//
// A span that is kept nevertheless reads as a zero one once its record is reused,
// never as another's. A slice that is kept does turn into another's.
type NonRetaining interface {
	// NonRetaining says so. It is never called.
	NonRetaining()
}

// employ finds out what the processors need.
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
		p.lender = nil // a Batch keeps as others do
	}
}

// A watched span is the handle of a span that processors see. Processors and callers
// may read it as well as write to it: while it lives, and after its end if its record is
// kept.
type watched struct {
	Span
	view
}

var _ sdktrace.ReadWriteSpan = (*watched)(nil)

// Value implements [context.Context]: the span of its own context is w, which can be
// read, as a processor may want to read the parent of a span that starts.
func (w *watched) Value(key any) any {
	if key == spanKey && key != nil {
		return w
	}
	return w.Span.Value(key)
}

// SpanContext implements [trace.Span], and stays valid for ever.
func (w *watched) SpanContext() trace.SpanContext { return w.Span.SpanContext() }

// String and GoString keep the record from being printed, as those of a Span.
func (w *watched) String() string   { return w.Span.String() }
func (w *watched) GoString() string { return w.Span.String() }

// started tells the processors of w.
func (p *Provider) started(w *watched) {
	if p.over.Load() {
		return
	}
	for _, sp := range p.opts.Processors {
		sp.OnStart(w.Context, w)
	}
}

// addChild counts a child of s, which ReadOnlySpans tell.
func (s *Span) addChild() {
	if s.record == nil || len(s.provider.opts.Processors) == 0 || !s.record.lock(s.generation()) {
		return
	}
	s.record.children++
	s.unlock()
}

// finish hands on r, whose span has ended: to the exporter, which encodes it, to
// the processors, and to the pool unless one of them has it now.
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
