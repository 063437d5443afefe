// Package pooled is an OpenTelemetry [trace.TracerProvider] that reuses spans.
//
// Everything heavy about a span (names, times, attributes, events, links) lives
// in a record that comes from a [sync.Pool] and goes back to it inside End, once
// it has been encoded as OTLP bytes. What a caller holds is a small handle that
// is never reused: it is at once the span and the context that Start returns.
// So a span costs one allocation of 64 bytes, where the SDK's costs three of
// 944 bytes before it is exported.
//
// Reuse is safe because of one word in the record, its generation and a lock. An
// operation on a handle must first lock the generation that it was made for;
// End moves the record on to the next one. A handle kept too long, ended twice
// or used by another goroutine while the span ends finds a generation that is
// not its own and does nothing, as the API asks of an ended span. Its
// SpanContext stays valid for ever, so children of an ended span work.
//
// The provider can take the place of the SDK's, for spans that go out as OTLP:
// the bytes are those of the official exporter. It has the SDK's limits, samplers,
// id generators and span processors. It has no tasks of runtime/trace, and none of
// the SDK's experimental metrics about itself.
//
// # Differences
//
// A handle is a [sdktrace.ReadOnlySpan] only if there are processors: without them
// nobody may ask, and it would not fit into 64 bytes. Processors are set by Options
// alone: those that came later would have to be told of spans that they did not see start.
//
// # Processors
//
// A processor may keep what it is given, so a span that one has seen is not reused,
// unless every processor declares to be [NonRetaining]. For exporters that take the
// SDK's spans there is [Batch], the SDK's batch processor: if its exporter declares
// the same, records go back to the pool after an export. A span costs 2 allocations
// of 128 bytes with processors that keep nothing, and its record too with others.
//
// # Cost
//
// Two attributes set at Start, encoded and handed to an exporter: 192 bytes in 2
// allocations, against 1.9 kB in 16 for the SDK with its batch processor and
// exporter. In a whole service expect single-digit percents, since spans are a
// small part of what it does.
//
// Everything is safe for concurrent use.
package pooled

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/bits"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/embedded"
	"go.opentelemetry.io/otel/trace/noop"
)

// An Exporter takes ended spans, encoded.
type Exporter interface {
	// Export takes an encoded ExportTraceServiceRequest of OTLP that holds n
	// spans, of at most 1 MiB together unless it is only one. It is called by one
	// goroutine at a time, and must not keep request.
	// If it fails, the spans are counted as failed and are not tried again. So
	// they are if it ends its goroutine. A panic is not recovered, as in the SDK.
	//
	// The context ends after Options.Timeout, and when Shutdown gives up. Given it,
	// or one derived from it, ForceFlush and Shutdown of the same provider fail at
	// once: they would wait for the export that calls them.
	//
	// An exporter may have three more methods, of which the provider calls those that
	// it finds. ForceFlush(context.Context) error is for one that keeps spans after
	// Export has returned: they are counted as handed over, not as exported, and the
	// provider's ForceFlush waits for it. Shutdown(context.Context) error is called
	// once, by the provider's Shutdown, after the last Export unless its context
	// ended first. Both get at most Options.Timeout if their context has no deadline.
	// Watch() func() error is called before the first of them: the function that it
	// returns is asked at the end why spans were lost since.
	Export(ctx context.Context, request []byte, n int) error
}

// An ExporterFunc is a function that is an [Exporter].
type ExporterFunc func(ctx context.Context, request []byte, n int) error

var _ Exporter = ExporterFunc(nil)

// Export calls f.
func (f ExporterFunc) Export(ctx context.Context, request []byte, n int) error {
	return f(ctx, request, n)
}

// Options set up a [Provider]. The zero value samples as the SDK does by default
// and exports nothing.
type Options struct {
	// Exporter takes the spans. Without one, spans are reused at End and go
	// nowhere, and are not counted.
	Exporter Exporter
	// Sampler decides which spans record. Nil follows the parent, and samples
	// spans that have none, without the cost of asking a Sampler.
	Sampler sdktrace.Sampler
	// Processors see every span that records, sampled or not, when it starts and
	// when it has ended, in this order; a [Batch] that lends comes last. What they
	// are given they may keep for ever, which takes its record from the pool: a
	// span then costs about what the SDK's does. If all of them are [NonRetaining],
	// records are reused.
	Processors []sdktrace.SpanProcessor
	// Limits bound what one span holds, as sdktrace.WithRawSpanLimits does: a
	// negative one is none. Nil is sdktrace.NewSpanLimits(), which takes limits
	// from the OTEL_SPAN_*, OTEL_EVENT_* and OTEL_LINK_* environment variables.
	Limits *sdktrace.SpanLimits
	// IDGenerator makes the ids of spans. Nil makes random ones, without the cost
	// of asking it.
	IDGenerator sdktrace.IDGenerator
	// Resource is what produces the spans; nil is resource.Default().
	Resource *resource.Resource
	// Interval is the longest time between two exports; 0 is 5 s. What waits is
	// exported at once when it takes half of BufferBytes.
	Interval time.Duration
	// Timeout is the longest that one Export may take, as its context tells it; 0
	// is 30 s.
	Timeout time.Duration
	// BufferBytes bounds the encoded spans of one tracer that wait for export; 0
	// is 512 KiB. Spans that do not fit are dropped, and counted; one that is larger
	// than BufferBytes is taken as long as any room is left. Processors take room in
	// advance, so that up to an eighth may stay empty. What is being exported comes on
	// top, up to as much again.
	BufferBytes int
	// WithoutPanicRecording makes End leave panics alone, as the SDK's option of that
	// name: a span that ends in one has no event for it.
	WithoutPanicRecording bool
	// NoReuse allocates a record for every span instead of taking one from the
	// pool: the control that shows what reuse alone is worth.
	NoReuse bool
}

func (o *Options) check() error {
	var errs []error
	if f, ok := o.Exporter.(ExporterFunc); ok && f == nil {
		errs = append(errs, errors.New("pooled: Exporter is a nil ExporterFunc: want a function, or no Exporter"))
	}
	for i, sp := range o.Processors {
		if sp == nil {
			errs = append(errs, fmt.Errorf("pooled: Processors[%d] is nil: want a processor", i))
		}
	}
	if o.Interval < 0 {
		errs = append(errs, fmt.Errorf("pooled: Interval is %v: want a positive duration, or 0 for 5 s", o.Interval))
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("pooled: Timeout is %v: want a positive duration, or 0 for 30 s", o.Timeout))
	}
	if o.BufferBytes < 0 {
		errs = append(errs, fmt.Errorf("pooled: BufferBytes is %d: want a positive number, or 0 for 512 KiB",
			o.BufferBytes))
	}
	return errors.Join(errs...)
}

// Counts are the spans that a [Provider] with an exporter was given to export.
// Ended = Exported + HandedOver + Failed + Dropped + those that wait in buffers.
type Counts struct {
	Ended      uint64 // sampled spans that were ended
	Exported   uint64 // by the exporter
	HandedOver uint64 // to an exporter that keeps them, and knows what became of them
	Failed     uint64 // refused by the exporter
	Dropped    uint64 // found a full buffer, or a provider that was shut down
	Stale      uint64 // operations on spans that had ended, which did nothing
}

// A Provider is a [trace.TracerProvider] of reused spans. [New] starts one,
// Shutdown ends it.
type Provider struct {
	embedded.TracerProvider
	opts Options

	limits    sdktrace.SpanLimits // the greatest number is no limit
	normalise bool                // values, when they are set
	lender    *Batch              // the processor that gets the records, if one may
	kept      bool                // a processor keeps what it is given
	over      atomic.Bool         // the processors have been shut down

	pool   sync.Pool
	plain  *anchor // of spans without trace state
	clock  atomic.Pointer[reading]
	shards int           // of each tracer, a power of two
	stale  atomic.Uint64 // operations that did nothing

	mu      sync.Mutex
	tracers map[instrumentation.Scope]*Tracer
	waiters []*waiter
	closed  bool

	ctx      context.Context // of every Export
	cancel   context.CancelFunc
	wake     chan struct{}
	stop     chan struct{}
	done     chan struct{} // closed when the export loop has ended
	released chan struct{} // closed when the exporter has been shut down
	exported atomic.Uint64
	failed   atomic.Uint64
}

var _ trace.TracerProvider = (*Provider)(nil)

// New starts a Provider. The error tells everything that is wrong with opts.
func New(opts Options) (*Provider, error) {
	if err := opts.check(); err != nil {
		return nil, err
	}
	if opts.Interval == 0 {
		opts.Interval = 5 * time.Second
	}
	if opts.Timeout == 0 {
		opts.Timeout = 30 * time.Second
	}
	if opts.BufferBytes == 0 {
		opts.BufferBytes = 512 << 10
	}
	if opts.Resource == nil {
		opts.Resource = resource.Default()
	}
	opts.Processors = slices.Clone(opts.Processors)
	p := &Provider{
		opts:    opts,
		limits:  effective(opts.Limits),
		shards:  1 << bits.Len(uint(runtime.GOMAXPROCS(0)-1)),
		tracers: map[instrumentation.Scope]*Tracer{},
		wake:    make(chan struct{}, 1),
		stop:    make(chan struct{}),
		done:    make(chan struct{}),

		released: make(chan struct{}),
	}
	p.ctx, p.cancel = context.WithCancel(context.WithValue(context.Background(), exporting{p}, true))
	p.plain = &anchor{provider: p}
	p.normalise = len(opts.Processors) > 0 || p.limits.AttributeValueLengthLimit < math.MaxInt
	p.employ()
	p.pool.New = func() any { return newRecord(p) }
	p.clock.Store(newReading(time.Now()))
	if opts.Exporter != nil {
		go p.export()
	} else {
		close(p.done)
	}
	return p, nil
}

// Tracer implements [trace.TracerProvider]. One scope has one tracer. An empty
// name is replaced by the SDK's. After Shutdown, tracers do nothing, as the SDK's; those
// that were taken before go on, and their spans are dropped.
func (p *Provider) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	c := trace.NewTracerConfig(opts...)
	if name == "" {
		name = "go.opentelemetry.io/otel/sdk/tracer"
	}
	scope := instrumentation.Scope{
		Name:       name,
		Version:    c.InstrumentationVersion(),
		SchemaURL:  c.SchemaURL(),
		Attributes: p.normalSet(c.InstrumentationAttributes()),
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return noop.NewTracerProvider().Tracer(name, opts...)
	}
	t, ok := p.tracers[scope]
	if !ok {
		t = newTracer(p, scope)
		p.tracers[scope] = t
	}
	return t
}

// all returns the tracers made so far.
func (p *Provider) all() []*Tracer {
	p.mu.Lock()
	defer p.mu.Unlock()
	ts := make([]*Tracer, 0, len(p.tracers))
	for _, t := range p.tracers {
		ts = append(ts, t)
	}
	return ts
}

// Counts tells what became of the spans so far.
func (p *Provider) Counts() Counts {
	c := Counts{Exported: p.exported.Load(), Failed: p.failed.Load(), Stale: p.stale.Load()}
	if _, keeps := p.opts.Exporter.(flusher); keeps {
		c.Exported, c.HandedOver = 0, c.Exported
	}
	for _, t := range p.all() {
		for i := range t.shards {
			s := &t.shards[i]
			s.mu.Lock()
			c.Ended += s.ended
			c.Dropped += s.dropped
			s.mu.Unlock()
		}
	}
	return c
}

// ForceFlush exports every span that ended before the call, and flushes the
// processors and the exporter. The error is that of ctx, if it ended first, and those of the
// processors and of the exports that failed meanwhile, joined. Errors of exports
// that nobody waits for go to [otel.Handle].
func (p *Provider) ForceFlush(ctx context.Context) error {
	if err := p.refuse(ctx, "ForceFlush"); err != nil {
		return err
	}
	lost := p.watch()
	w := &waiter{flushed: make(chan struct{}, 1)}
	p.mu.Lock()
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()
	p.kick()
	var errs []error
	if !p.over.Load() {
		for _, sp := range p.opts.Processors {
			errs = append(errs, sp.ForceFlush(ctx))
		}
	}
	errs = append(errs, p.wait(ctx, w), p.flushExporter(ctx))
	return withLoss(errors.Join(errs...), lost)
}

// Shutdown exports what waits, shuts the processors and the exporter down, once, and ends the
// provider. Spans that end later are dropped, and counted; processors are not
// told of them. If ctx ends first, Shutdown gives up and cancels the
// context of the export that runs, and of those that remain. Errors are those of
// ForceFlush. It may be called more than once; a provider that has ended returns
// nil.
func (p *Provider) Shutdown(ctx context.Context) error {
	if err := p.refuse(ctx, "Shutdown"); err != nil {
		return err
	}
	lost := p.watch()
	w := &waiter{}
	p.mu.Lock()
	first := !p.closed
	if first {
		p.closed = true
		for _, t := range p.tracers {
			t.close()
		}
		close(p.stop)
	}
	p.waiters = append(p.waiters, w)
	p.mu.Unlock()
	var errs []error
	if p.over.CompareAndSwap(false, true) {
		for _, sp := range p.opts.Processors {
			errs = append(errs, sp.Shutdown(ctx))
		}
	}
	errs = append(errs, p.wait(ctx, w))
	if ctx.Err() != nil {
		p.cancel()
	}
	errs = append(errs, p.release(ctx, first))
	return withLoss(errors.Join(errs...), lost)
}

// get returns a record that nobody else has.
func (p *Provider) get() *record {
	if p.opts.NoReuse {
		return newRecord(p)
	}
	return p.pool.Get().(*record)
}

// put gives a record back once its span has ended and been encoded.
func (p *Provider) put(r *record) {
	if p.opts.NoReuse {
		return
	}
	r.reset()
	p.pool.Put(r)
}
