package pooled

import (
	"context"
	"sync/atomic"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// A Batch is the SDK's BatchSpanProcessor for a [Provider]. It is for exporters that take
// spans of the SDK instead of OTLP bytes. Unlike the SDK's processor, it counts the spans
// that it drops.
//
// If the exporter is [NonRetaining], it borrows the records of its spans: they are reused
// when ExportSpans has returned. The Batch must then be the only processor of its provider
// that is not NonRetaining itself. Otherwise, and by default, the exporter may keep the
// spans for ever and no record is reused, which is safe with any exporter. To lend records
// to an exporter that copies everything it needs, as the exporters for OTLP, stdout and
// Zipkin do, declare it:
//
//	type copies struct{ sdktrace.SpanExporter }
//
//	func (copies) NonRetaining() {}
//
// If the queue is full or the Batch is shut down, the record of a span is left to the
// garbage collector, and the pool makes a new one.
//
// It is safe for concurrent use.
type Batch struct {
	processor       sdktrace.SpanProcessor
	lends           bool
	given, returned atomic.Uint64
}

var _ sdktrace.SpanProcessor = (*Batch)(nil)

// NewBatch starts a Batch that exports to e. Shutdown ends it; the Shutdown of its Provider
// calls that. If e is nil, the Batch does nothing, like the SDK's processor.
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

// BatchCounts counts the sampled spans of a [Batch].
type BatchCounts struct {
	Given    uint64 // spans passed to the queue of the Batch
	Returned uint64 // spans for which ExportSpans has returned, with or without an error
}

// Lost returns how many spans have not returned: spans that wait and spans that were
// dropped. After Shutdown, all of them were dropped.
func (c BatchCounts) Lost() uint64 { return c.Given - c.Returned }

// Counts returns the counts so far.
func (b *Batch) Counts() BatchCounts {
	c := BatchCounts{Returned: b.returned.Load()} // read first, so that Returned never exceeds Given
	c.Given = b.given.Load()
	return c
}

// OnStart implements [sdktrace.SpanProcessor].
func (b *Batch) OnStart(ctx context.Context, s sdktrace.ReadWriteSpan) { b.processor.OnStart(ctx, s) }

// OnEnd implements [sdktrace.SpanProcessor]. It does not block, unless the Batch was made
// with the option WithBlocking.
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

// A recycler is the exporter of the SDK's processor. It gives the borrowed records back
// after the wrapped exporter has returned. If that panics, the records are lost.
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
