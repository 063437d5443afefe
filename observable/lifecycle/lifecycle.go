package lifecycle

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	metricnoop "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	tracenoop "go.opentelemetry.io/otel/trace/noop"
)

// Options are what the environment does not say. The zero value makes spans with
// the SDK, no metrics, and leaves the globals alone.
type Options struct {
	// Service is service.name. It and Attributes win over OTEL_SERVICE_NAME and
	// OTEL_RESOURCE_ATTRIBUTES, as the specification has it; "" leaves them.
	Service string
	// Attributes describe the service further.
	Attributes []attribute.KeyValue
	// Pooled reuses spans. They can go to "otlp" over http/protobuf, or to "none".
	// OTEL_BSP_SCHEDULE_DELAY holds for them; instead of OTEL_BSP_MAX_QUEUE_SIZE
	// there are BufferBytes and QueueBytes.
	Pooled bool
	// BufferBytes bounds the pooled spans of one tracer that wait to be queued, and
	// QueueBytes those of all while the endpoint is away; 0 is the default of
	// pooled.Options and of otlphttp.Options. Either may be larger: while the endpoint
	// takes spans, what is in a buffer waits for room in the queue.
	BufferBytes, QueueBytes int
	// Metrics makes a meter provider as well.
	Metrics bool
	// Global sets the providers and the propagator of package otel until Shutdown,
	// which puts back those before unless others have been set since. Setups that
	// overlap may be shut down in any order. What a
	// program took from package otel before the first such Setup stays with that
	// one: the API delegates only once.
	Global bool
	// Timeout bounds a ForceFlush and a Shutdown whose context has no deadline; 0 is 10 s.
	Timeout time.Duration
}

func (o *Options) check() error {
	var errs []error
	for i, kv := range o.Attributes {
		if !kv.Valid() {
			errs = append(errs, fmt.Errorf("lifecycle: Attributes[%d] has key %q and a value of type %v: want both "+
				"set", i, kv.Key, kv.Value.Type()))
		}
	}
	for _, f := range []struct {
		name  string
		value int
	}{{"BufferBytes", o.BufferBytes}, {"QueueBytes", o.QueueBytes}} {
		switch {
		case f.value < 0:
			errs = append(errs, fmt.Errorf("lifecycle: %s is %d: want a positive number, or 0 for the default",
				f.name, f.value))
		case f.value > 0 && !o.Pooled:
			errs = append(errs, fmt.Errorf("lifecycle: %s is %d without Pooled: want Pooled, or "+
				"OTEL_BSP_MAX_QUEUE_SIZE", f.name, f.value))
		}
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("lifecycle: Timeout is %v: want a positive duration, or 0 for 10 s", o.Timeout))
	}
	return errors.Join(errs...)
}

// Counts are the sampled spans that were to be exported.
// Ended = Exported + Failed + Dropped + Waiting.
//
// With OTEL_TRACES_EXPORTER=none there are none, and all is 0.
type Counts struct {
	Started  uint64
	Ended    uint64
	Exported uint64 // taken by the exporter without an error
	Failed   uint64 // the exporter returned an error, or the endpoint refused them
	Dropped  uint64 // never reached the exporter, or were given up by it
	// Waiting were not exported yet. The SDK does not tell what it drops: until
	// Shutdown that is in here.
	Waiting uint64
}

// A Lifecycle is OpenTelemetry at work. It is safe for concurrent use.
type Lifecycle struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider // does nothing, without Options.Metrics
	Propagator     propagation.TextMapPropagator

	timeout time.Duration
	spans   pipeline
	metrics flusher
	restore func() // the globals

	once sync.Once
	err  error // of Shutdown
}

// A flusher is a part that exports: a provider of the SDK.
type flusher interface {
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

// A pipeline takes spans to their end.
type pipeline interface {
	flusher
	Counts() Counts
	// advice says what would have kept spans from being dropped.
	advice() string
}

// environment is held while the environment is read, and changed for the exporters.
var environment sync.Mutex

// Setup starts OpenTelemetry. The error tells everything that is wrong with the
// options and the environment: name, value and what was wanted. If it fails,
// nothing runs and the globals are as before. ctx is that of making the exporters.
//
// While they are made, variables such as OTEL_EXPORTER_OTLP_COMPRESSION=GZIP are in
// lower case: the SDK knows no other, though the specification does.
func Setup(ctx context.Context, opts Options) (*Lifecycle, error) {
	environment.Lock()
	defer environment.Unlock()
	env, err := readEnviron(&opts)
	err = errors.Join(opts.check(), err)
	l := &Lifecycle{
		TracerProvider: tracenoop.NewTracerProvider(),
		MeterProvider:  metricnoop.NewMeterProvider(),
		Propagator:     env.propagator,
		timeout:        cmp.Or(opts.Timeout, 10*time.Second),
		restore:        func() {},
	}
	if err != nil || !env.disabled {
		p, err := open(ctx, &opts, env, err)
		if err != nil {
			return nil, err
		}
		l.wire(p)
	}
	if opts.Global {
		l.setGlobals(opts.Metrics)
	}
	return l, nil
}

func (l *Lifecycle) setGlobals(meters bool) {
	ours := &shared{l.Propagator} // can be compared, as a composite cannot
	putBack := []func(){tracers.put(l.TracerProvider), propagators.put(ours)}
	if meters {
		putBack = append(putBack, metering.put(l.MeterProvider))
	}
	l.restore = func() {
		for _, f := range putBack {
			f()
		}
	}
}

type shared struct{ propagation.TextMapPropagator }

// Counts tells what became of the spans so far.
func (l *Lifecycle) Counts() Counts {
	if l.spans == nil {
		return Counts{}
	}
	return l.spans.Counts()
}

// ForceFlush exports all spans that have ended, and the metrics, at the latest until ctx
// or Options.Timeout ends.
func (l *Lifecycle) ForceFlush(ctx context.Context) error {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	return l.each(func(f flusher) error { return f.ForceFlush(ctx) })
}

// bounded gives ctx a deadline, unless it has one.
func (l *Lifecycle) bounded(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, l.timeout)
}

func (l *Lifecycle) each(do func(flusher) error) error {
	var errs []error
	if l.spans != nil {
		errs = append(errs, do(l.spans))
	}
	if l.metrics != nil {
		errs = append(errs, do(l.metrics))
	}
	return errors.Join(errs...)
}

// Shutdown exports what waits, at the latest until ctx ends, and ends everything.
// If spans were lost since Setup, the error says how many, why, and what to do
// about it; Counts has the numbers. A second call waits for the first, and returns
// the same.
func (l *Lifecycle) Shutdown(ctx context.Context) error {
	l.once.Do(func() {
		ctx, cancel := l.bounded(ctx)
		defer cancel()
		l.restore()
		l.err = l.each(func(f flusher) error { return f.Shutdown(ctx) })
		if l.spans != nil {
			l.err = errors.Join(l.err, lost(l.spans, ctx.Err() != nil))
		}
	})
	return l.err
}

// lost returns an error if spans were dropped or failed.
func lost(p pipeline, late bool) error {
	c := p.Counts()
	if c.Dropped+c.Failed+c.Waiting == 0 {
		return nil
	}
	err := fmt.Errorf("lifecycle: %d of %d spans were lost", c.Dropped+c.Failed+c.Waiting, c.Ended)
	if n := c.Dropped + c.Waiting; n > 0 {
		err = fmt.Errorf("%w; %d were dropped: %s", err, n, p.advice())
		if late {
			err = fmt.Errorf("%w, or give Shutdown more time: it ran out", err)
		}
	}
	if c.Failed > 0 {
		err = fmt.Errorf("%w; %d failed to export: see what the handler of package otel was told of the endpoint",
			err, c.Failed)
	}
	return err
}
