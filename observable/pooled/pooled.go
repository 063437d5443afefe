// Package pooled is an OpenTelemetry [trace.TracerProvider] that reuses spans.
//
// The heavy part of a span (names, times, attributes, events, links) is a record that comes
// from a [sync.Pool] and goes back to the pool inside End, once it has been encoded as OTLP
// bytes. The caller holds a small handle that is never reused. The handle is both the span
// and the context that Start returns, so a span costs one allocation of 64 bytes. A span of
// the SDK costs three allocations of 944 bytes before it is exported.
//
// Reuse is safe because of one word in the record, which holds its generation and a lock. An
// operation on a handle must first lock the generation that the handle was made for, and End
// moves the record on to the next generation. A handle that is kept too long, ended twice, or
// used by another goroutine while the span ends, finds another generation and does nothing,
// as the API requires for ended spans. The SpanContext of a handle stays valid for ever, so
// an ended span can still have children.
//
// The provider can replace the SDK's provider for spans that are exported as OTLP: the bytes
// are the same as the official exporter's. It supports the SDK's limits, samplers, id
// generators and span processors. It does not make tasks of runtime/trace, and has none of
// the SDK's experimental metrics about itself.
//
// # Differences
//
// A handle implements [sdktrace.ReadOnlySpan] only if there are processors. Without them
// nothing needs that interface, and the handle would not fit into 64 bytes. Processors are
// set in Options only, because a processor that is added later would see the end of spans
// without their start.
//
// # Processors
//
// A processor may keep the spans it gets, so a span that a processor has seen is not reused
// unless every processor is [NonRetaining]. For exporters that take spans of the SDK there is
// [Batch], the SDK's batch processor: if its exporter is NonRetaining, records go back to the
// pool after each export. A span costs 2 allocations of 128 bytes if no processor keeps it,
// and a record in addition if one does.
//
// # Cost
//
// A span with two attributes that are set at Start, encoded and exported, costs 192 bytes in
// 2 allocations. The SDK with its batch processor and exporter takes 1.9 kB in 16. In a whole
// service expect a gain of less than ten percent, since spans are a small part of its work.
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

// An Exporter exports encoded spans.
type Exporter interface {
	// Export exports request, an encoded ExportTraceServiceRequest of OTLP with n spans. The
	// spans have at most 1 MiB, unless there is only one. Export is called by one goroutine
	// at a time, and must not keep request.
	//
	// If Export fails or calls runtime.Goexit, the spans are counted as failed and not
	// retried. A panic is not recovered, as in the SDK.
	//
	// ctx is cancelled after Options.Timeout, and when Shutdown gives up. ForceFlush and
	// Shutdown of the same provider fail at once if they get ctx or a context derived from
	// it, because they would wait for the Export that calls them.
	//
	// An exporter may have three more methods, which the provider calls if they exist:
	//
	// ForceFlush(context.Context) error is for exporters that keep spans after Export has
	// returned. Such spans are counted as handed over instead of exported, and ForceFlush of
	// the provider calls it.
	//
	// Shutdown(context.Context) error is called once, by Shutdown of the provider, after the
	// last Export, or earlier if the context of the provider's Shutdown ends first.
	//
	// Both get at most Options.Timeout if their context has no deadline.
	//
	// Watch() func() error is called before them. The function that it returns is called
	// afterwards, and returns why spans were lost since Watch, or nil.
	Export(ctx context.Context, request []byte, n int) error
}

// An ExporterFunc is an [Exporter] that calls a function.
type ExporterFunc func(ctx context.Context, request []byte, n int) error

var _ Exporter = ExporterFunc(nil)

// Export calls f.
func (f ExporterFunc) Export(ctx context.Context, request []byte, n int) error {
	return f(ctx, request, n)
}

// Options are the settings of a [Provider]. The zero value samples like the SDK by default,
// and exports nothing.
type Options struct {
	// Exporter exports the spans. If it is nil, spans are reused at End, and neither
	// exported nor counted.
	Exporter Exporter
	// Sampler decides which spans record. If it is nil, a span is sampled if its parent is
	// or if it has no parent, without the cost of calling a Sampler.
	Sampler sdktrace.Sampler
	// Processors are called, in this order, when a span starts and when it has ended, if it
	// records, sampled or not. A [Batch] that lends records is called last. A processor may
	// keep the spans it gets for ever, which takes their records from the pool; a span then
	// costs about as much as a span of the SDK. If all processors are [NonRetaining],
	// records are reused.
	Processors []sdktrace.SpanProcessor
	// Limits bound the contents of a span, as sdktrace.WithRawSpanLimits does: a negative
	// limit is unlimited. Nil is sdktrace.NewSpanLimits(), which reads the environment
	// variables OTEL_SPAN_*, OTEL_EVENT_* and OTEL_LINK_*.
	Limits *sdktrace.SpanLimits
	// IDGenerator makes the ids of spans. If it is nil, ids are random, without the cost of
	// calling an IDGenerator.
	IDGenerator sdktrace.IDGenerator
	// Resource describes the producer of the spans; nil is resource.Default().
	Resource *resource.Resource
	// Interval is the longest time between two exports; 0 is 5 s. Spans are exported
	// earlier when half of BufferBytes is in use.
	Interval time.Duration
	// Timeout is the deadline of the context of each Export; 0 is 30 s.
	Timeout time.Duration
	// BufferBytes bounds the size of the encoded spans of one tracer that wait for export; 0
	// is 512 KiB. Spans that do not fit are dropped and counted. A span that is larger than
	// BufferBytes is accepted if any room is left. Processors reserve room in advance, so up
	// to an eighth may stay empty. The spans that are being exported need up to the same
	// amount of memory again.
	BufferBytes int
	// WithoutPanicRecording makes End ignore panics, like the SDK option of that name. By
	// default, a span that a panic ends gets an event for the panic.
	WithoutPanicRecording bool
	// NoReuse allocates a record for every span instead of taking one from the pool. It is
	// the control that shows how much reuse alone saves.
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

// Counts counts the spans that a [Provider] with an exporter was to export.
// Ended = Exported + HandedOver + Failed + Dropped + the spans that wait in buffers.
type Counts struct {
	Ended      uint64 // sampled spans that were ended
	Exported   uint64 // spans exported by the exporter
	HandedOver uint64 // spans passed to an exporter that keeps them, and does its own counting
	Failed     uint64 // spans for which Export failed
	Dropped    uint64 // spans that ended when the buffer was full or the provider shut down
	Stale      uint64 // operations that did nothing because their span had ended
}

// A Provider is a [trace.TracerProvider] that reuses spans. [New] starts it, and Shutdown
// ends it.
type Provider struct {
	embedded.TracerProvider
	opts Options

	limits    sdktrace.SpanLimits // math.MaxInt is unlimited
	normalise bool                // normalise attribute values when they are set
	lender    *Batch              // the processor that borrows records, if there is one
	kept      bool                // a processor may keep the spans it gets
	over      atomic.Bool         // the processors have been shut down

	pool   sync.Pool
	plain  *anchor // anchor of spans without trace state
	clock  atomic.Pointer[reading]
	shards int           // number of shards of each tracer, a power of two
	stale  atomic.Uint64 // see Counts.Stale

	mu      sync.Mutex
	tracers map[instrumentation.Scope]*Tracer
	waiters []*waiter
	closed  bool

	ctx      context.Context // parent context of every Export
	cancel   context.CancelFunc
	wake     chan struct{}
	stop     chan struct{}
	done     chan struct{} // closed when the export loop has ended
	released chan struct{} // closed when the exporter has been shut down
	exported atomic.Uint64
	failed   atomic.Uint64
}

var _ trace.TracerProvider = (*Provider)(nil)

// New starts a Provider. The error lists everything that is wrong with opts.
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
	p.clock.Store(readClocks())
	if opts.Exporter != nil {
		go p.export()
	} else {
		close(p.done)
	}
	return p, nil
}

// Tracer implements [trace.TracerProvider]. It returns the same tracer for the same scope. An
// empty name is replaced by the SDK's default name. After Shutdown, it returns a tracer that
// does nothing, as the SDK does; tracers made earlier still work, but their spans are dropped.
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

// allTracers returns the tracers made so far.
func (p *Provider) allTracers() []*Tracer {
	p.mu.Lock()
	defer p.mu.Unlock()
	tracers := make([]*Tracer, 0, len(p.tracers))
	for _, t := range p.tracers {
		tracers = append(tracers, t)
	}
	return tracers
}

// Counts returns the counts so far.
func (p *Provider) Counts() Counts {
	c := Counts{Exported: p.exported.Load(), Failed: p.failed.Load(), Stale: p.stale.Load()}
	if _, keeps := p.opts.Exporter.(flusher); keeps {
		c.Exported, c.HandedOver = 0, c.Exported
	}
	for _, t := range p.allTracers() {
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

// ForceFlush exports every span that ended before the call, and flushes the processors and
// the exporter. It returns the joined errors of ctx, if it ended first, of the processors, and
// of the exports that failed meanwhile. If no call of ForceFlush or Shutdown waits, the error
// of an export is passed to [otel.Handle].
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

// Shutdown exports the spans that wait, shuts down the processors and the exporter, once, and
// ends the provider. Spans that end later are dropped and counted, and processors are not
// called for them. If ctx ends first, Shutdown gives up and cancels the contexts of the
// running export and of the remaining ones. It returns the same errors as ForceFlush. It may
// be called more than once; for a provider that has ended it returns nil.
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

// get returns a record that is not in use.
func (p *Provider) get() *record {
	if p.opts.NoReuse {
		return newRecord(p)
	}
	return p.pool.Get().(*record)
}

// put returns the record of a span that has ended and been encoded to the pool.
func (p *Provider) put(r *record) {
	if p.opts.NoReuse {
		return
	}
	r.reset()
	p.pool.Put(r)
}
