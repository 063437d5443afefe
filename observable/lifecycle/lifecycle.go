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

// Options are the settings that the environment does not contain. The zero value makes spans with
// the SDK, makes no metrics, and does not change the globals of package otel.
type Options struct {
	// Service is the attribute service.name. As the specification requires, Service and
	// Attributes win over OTEL_SERVICE_NAME and OTEL_RESOURCE_ATTRIBUTES. If it is "", the
	// environment decides.
	Service string
	// Attributes are further attributes of the resource.
	Attributes []attribute.KeyValue
	// Pooled makes spans with package pooled. They can be exported with "otlp" over
	// http/protobuf, or with "none". OTEL_BSP_SCHEDULE_DELAY applies to them.
	// OTEL_BSP_MAX_QUEUE_SIZE does not; use BufferBytes and QueueBytes instead.
	Pooled bool
	// BufferBytes bounds the size of the pooled spans of one tracer that wait to be queued.
	// QueueBytes bounds the size of all spans that wait while the endpoint is down. 0 is the
	// default in pooled.Options and in otlphttp.Options. Either may be the larger one: while
	// the endpoint accepts spans, spans in a buffer wait for room in the queue.
	BufferBytes, QueueBytes int
	// Metrics makes a meter provider, too.
	Metrics bool
	// Global sets the providers and the propagator of package otel. Shutdown restores the
	// previous ones, unless others have been set meanwhile. Setups that overlap may be shut
	// down in any order. Tracers and meters that a program got from package otel before the
	// first such Setup keep using that one, because the API delegates only once.
	Global bool
	// Timeout bounds each ForceFlush and Shutdown whose context has no deadline; 0 is 10 s.
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
			errs = append(errs, fmt.Errorf("lifecycle: %s is %d without Pooled: set Pooled, or instead "+
				"OTEL_BSP_MAX_QUEUE_SIZE", f.name, f.value))
		}
	}
	if o.Timeout < 0 {
		errs = append(errs, fmt.Errorf("lifecycle: Timeout is %v: want a positive duration, or 0 for 10 s", o.Timeout))
	}
	return errors.Join(errs...)
}

// Counts counts the sampled spans that are to be exported.
// Ended = Exported + Failed + Dropped + Waiting.
//
// With OTEL_TRACES_EXPORTER=none no spans are exported, and all counts are 0.
type Counts struct {
	Started  uint64
	Ended    uint64
	Exported uint64 // exported without an error
	Failed   uint64 // failed because the exporter returned an error, or the endpoint refused them
	Dropped  uint64 // dropped before they reached the exporter, or by the exporter
	// Waiting counts the spans that are not exported yet. The SDK does not report which spans
	// it drops: until Shutdown they are counted here.
	Waiting uint64
}

// A Lifecycle is a running OpenTelemetry setup. It is safe for concurrent use.
type Lifecycle struct {
	TracerProvider trace.TracerProvider
	MeterProvider  metric.MeterProvider // does nothing without Options.Metrics
	Propagator     propagation.TextMapPropagator

	timeout time.Duration
	spans   pipeline
	metrics flusher
	restore func() // restores the globals

	once sync.Once
	err  error // result of Shutdown
}

// A flusher is a provider of the SDK, or something similar that exports.
type flusher interface {
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

// A pipeline makes spans and exports them.
type pipeline interface {
	flusher
	Counts() Counts
	// advice returns what would have kept spans from being dropped.
	advice() string
}

// environment guards the environment variables while they are read, and while they are changed for
// the exporters.
var environment sync.Mutex

// Setup starts OpenTelemetry. The error lists everything that is wrong with the options and the
// environment, with names, values and the accepted values. If Setup fails, nothing runs and the
// globals are unchanged. ctx is used to make the exporters.
//
// While it makes the exporters, Setup changes variables such as OTEL_EXPORTER_OTLP_COMPRESSION=GZIP
// to lower case: the specification ignores case, but the SDK does not. It also sets endpoints that are not
// set to the defaults of the specification, which are not those of the SDK.
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
	ours := &shared{l.Propagator} // is comparable, unlike a composite propagator
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

// Counts returns the counts so far.
func (l *Lifecycle) Counts() Counts {
	if l.spans == nil {
		return Counts{}
	}
	return l.spans.Counts()
}

// ForceFlush exports all spans that have ended, and the metrics. It gives up when ctx ends, or after
// Options.Timeout if ctx has no deadline.
func (l *Lifecycle) ForceFlush(ctx context.Context) error {
	ctx, cancel := l.bounded(ctx)
	defer cancel()
	return l.each(func(f flusher) error { return f.ForceFlush(ctx) })
}

// bounded adds a deadline to ctx if it has none.
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

// Shutdown exports the spans and metrics that wait, and ends everything. It gives up when ctx ends, or
// after Options.Timeout if ctx has no deadline. If spans were lost since Setup, the error reports how
// many, why, and what to do about it; Counts returns the numbers. A second call waits for the first
// and returns the same error.
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

// lost returns an error if spans of p were dropped or failed. late reports whether Shutdown ran out of
// time.
func lost(p pipeline, late bool) error {
	c := p.Counts()
	if c.Dropped+c.Failed+c.Waiting == 0 {
		return nil
	}
	err := fmt.Errorf("lifecycle: %d of %d spans were lost", c.Dropped+c.Failed+c.Waiting, c.Ended)
	if n := c.Dropped + c.Waiting; n > 0 {
		err = fmt.Errorf("%w; %d were dropped: %s", err, n, p.advice())
		if late {
			err = fmt.Errorf("%w, or give Shutdown more time, since it ran out of time", err)
		}
	}
	if c.Failed > 0 {
		err = fmt.Errorf("%w; %d failed to export: see the errors that the handler of package otel got", err, c.Failed)
	}
	return err
}
