package observable

import (
	"context"
	"fmt"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// An entry is one handler: its function, its account, and what its spans and
// metrics need, made once.
type entry struct {
	key   string
	from  string
	plain func() // one of these two is set
	fn    func(context.Context) error

	latency  Instrument
	onStart  []trace.SpanStartOption
	onAdd    [outcomes][]metric.AddOption
	onRecord [outcomes][]metric.RecordOption

	calls, errors, panics atomic.Uint64
	inFlight              atomic.Int64
	last                  atomic.Int64 // when the latest call began, since epoch, plus 1; 0: never
}

// An outcome is how a call ended.
type outcome int

const (
	returned outcome = iota
	failed
	panicked
	outcomes
)

func (o outcome) String() string { return [...]string{"ok", "error", "panic"}[o] }

func (e *entry) prepare(opts *Options) {
	attrs := append([]attribute.KeyValue{KeyAttribute.String(e.key)}, opts.Attributes...)
	e.onStart = []trace.SpanStartOption{trace.WithAttributes(attrs...)}
	for o := range outcomes {
		set := metric.WithAttributeSet(attribute.NewSet(
			append(attrs[:len(attrs):len(attrs)], attribute.String("observable.outcome", o.String()))...))
		e.onAdd[o] = []metric.AddOption{set}
		e.onRecord[o] = []metric.RecordOption{set}
	}
	if opts.Latency != nil {
		e.latency = opts.Latency(e.key)
	}
}

// Calls are timed by the monotonic clock alone: half the price of time.Now.
var epoch = time.Now()

func (e *entry) call(ctx context.Context, m *Map) (err error) {
	c := call{entry: e, ctx: ctx, begun: time.Since(epoch)}
	e.calls.Add(1)
	e.inFlight.Add(1)
	e.seen(c.begun)
	if m.tracer != nil {
		c.ctx, c.span = m.tracer.Start(ctx, e.key, e.onStart...)
	}
	defer func() {
		if !c.back {
			err = c.interrupted(recover())
		}
		c.finish(m, err)
	}()
	if e.plain != nil {
		e.plain()
	} else {
		err = e.fn(c.ctx)
	}
	c.back = true
	return err
}

// seen notes that a call began at t, unless a later one is noted already.
func (e *entry) seen(t time.Duration) {
	for {
		last := e.last.Load()
		if last > int64(t) || e.last.CompareAndSwap(last, int64(t)+1) {
			return
		}
	}
}

func (e *entry) stats() Stats {
	s := Stats{
		Key:      e.key,
		From:     e.from,
		Calls:    e.calls.Load(),
		Errors:   e.errors.Load(),
		Panics:   e.panics.Load(),
		InFlight: e.inFlight.Load(),
	}
	if last := e.last.Load(); last > 0 {
		s.LastCall = epoch.Add(time.Duration(last - 1))
	}
	return s
}

// A call is one run of a handler.
type call struct {
	entry   *entry
	ctx     context.Context
	span    trace.Span // nil: no spans
	begun   time.Duration
	back    bool // the handler returned by itself
	outcome outcome
}

// interrupted is the error of a handler that did not return. Without a value it
// ended its goroutine, which ends further once this call has been accounted for.
func (c *call) interrupted(value any) error {
	if value == nil {
		return fmt.Errorf("observable: handler %q called runtime.Goexit", c.entry.key)
	}
	c.outcome = panicked
	return &PanicError{Key: c.entry.key, Value: value, Stack: debug.Stack()}
}

// finish accounts for a call. Instruments are others' code: should one panic, the
// call and its span end all the same.
func (c *call) finish(m *Map, err error) {
	e := c.entry
	defer e.inFlight.Add(-1)
	if c.span != nil {
		defer c.span.End()
		if err != nil {
			defer c.describe(err)
		}
	}
	o := c.outcome
	switch {
	case o == panicked:
		e.panics.Add(1)
	case err != nil:
		o = failed
		e.errors.Add(1)
	}
	if e.latency != nil || m.metrics != nil {
		took := time.Since(epoch) - c.begun
		if m.metrics != nil {
			m.metrics.calls.Add(c.ctx, 1, e.onAdd[o]...)
			m.metrics.duration.Record(c.ctx, took.Seconds(), e.onRecord[o]...)
		}
		if e.latency != nil {
			e.latency.Record(took)
		}
	}
}

// describe puts err on the span. Its text is the handler's code, and may panic, as
// that of a nil pointer does: then its type has to do.
func (c *call) describe(err error) {
	defer func() {
		if recover() != nil {
			c.span.SetStatus(codes.Error, fmt.Sprintf("%T", err))
		}
	}()
	c.span.RecordError(err)
	c.span.SetStatus(codes.Error, err.Error())
}

// instruments are the metrics of a map.
type instruments struct {
	calls    metric.Int64Counter
	duration metric.Float64Histogram
}

func newInstruments(meter metric.Meter) (*instruments, error) {
	calls, err := meter.Int64Counter("observable.calls",
		metric.WithDescription("Calls of handlers that ended, by key and outcome."),
		metric.WithUnit("{call}"))
	if err != nil {
		return nil, err
	}
	// The API's default bounds are meant for milliseconds: in seconds nearly every
	// handler would be in the first bucket.
	duration, err := meter.Float64Histogram("observable.duration",
		metric.WithDescription("Duration of handlers, by key and outcome."),
		metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4,
			1e-3, 2e-3, 5e-3, .01, .02, .05, .1, .2, .5, 1, 2, 5, 10))
	if err != nil {
		return nil, err
	}
	return &instruments{calls, duration}, nil
}
