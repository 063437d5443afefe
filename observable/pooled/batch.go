package pooled

import (
	"context"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A Batch is the SDK's BatchSpanProcessor for a [Provider], for exporters that take
// spans of the SDK and not OTLP bytes. It counts what the SDK's drops silently.
//
// An exporter that is [NonRetaining] is lent the records of its spans: they are
// reused once ExportSpans has returned. It must be the only processor of its
// provider that is not NonRetaining itself. Otherwise, and by default, the spans
// are the exporter's for ever and none is reused, which is safe with any exporter.
// To lend to one that copies all it needs, as those of OTLP, stdout and Zipkin do,
// declare it:
//
//	type copies struct{ sdktrace.SpanExporter }
//
//	func (copies) NonRetaining() {}
//
// A span that finds the queue full, or the Batch shut down, never comes back: the
// garbage collector has its record, and the pool makes another.
//
// It is safe for concurrent use.
type Batch struct {
	processor       sdktrace.SpanProcessor
	lends           bool
	given, returned atomic.Uint64
}

var _ sdktrace.SpanProcessor = (*Batch)(nil)

// NewBatch starts a Batch that exports to e. Shutdown ends it, which its Provider's
// Shutdown calls. With a nil exporter it does nothing, as the SDK's.
func NewBatch(e sdktrace.SpanExporter, opts ...sdktrace.BatchSpanProcessorOption) *Batch {
	b := new(Batch)
	if e == nil {
		b.processor = sdktrace.NewBatchSpanProcessor(nil, opts...)
		return b
	}
	_, b.lends = e.(NonRetaining)
	b.processor = sdktrace.NewBatchSpanProcessor(&recycler{e, b}, opts...)
	return b
}

// BatchCounts are the sampled spans of a [Batch].
type BatchCounts struct {
	Given    uint64 // to its queue
	Returned uint64 // from the exporter, whether it failed or not
}

// Lost is how many sampled spans were given and have not come back: those that
// wait, and those that were dropped. After Shutdown, all were dropped.
func (c BatchCounts) Lost() uint64 { return c.Given - c.Returned }

// Counts tells what became of the sampled spans so far.
func (b *Batch) Counts() BatchCounts {
	c := BatchCounts{Returned: b.returned.Load()} // first, lest it be ahead
	c.Given = b.given.Load()
	return c
}

// OnStart implements [sdktrace.SpanProcessor].
func (b *Batch) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) { b.processor.OnStart(ctx, s) }

// OnEnd implements [sdktrace.SpanProcessor]. It does not block, unless the SDK's was
// told to with WithBlocking.
func (b *Batch) OnEnd(s sdktrace.ReadOnlySpan) {
	if s.SpanContext().IsSampled() {
		b.given.Add(1)
		b.processor.OnEnd(s)
	}
}

// ForceFlush implements [sdktrace.SpanProcessor].
func (b *Batch) ForceFlush(ctx context.Context) error { return b.processor.ForceFlush(ctx) }

// Shutdown implements [sdktrace.SpanProcessor].
func (b *Batch) Shutdown(ctx context.Context) error { return b.processor.Shutdown(ctx) }

// A recycler is the exporter that the SDK's processor has: it gives back what was
// lent, when the exporter within is done. Should that panic, nothing comes back.
type recycler struct {
	sdktrace.SpanExporter
	batch *Batch
}

func (r *recycler) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	err := r.SpanExporter.ExportSpans(ctx, spans)
	for _, s := range spans {
		if l, ok := s.(*lent); ok {
			l.recycle()
		}
	}
	r.batch.returned.Add(uint64(len(spans)))
	return err
}
