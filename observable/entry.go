package observable

import (
	"context"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/internal/clock"
	"github.com/loadgen-go/loadgen/observable/internal/values"
)

// An entry is one key of a map. It holds the handler, which may be replaced, the
// statistics, and the options for spans and metrics, which are made once.
type entry struct {
	fn      atomic.Pointer[handler] // nil: removed
	bare    bool                    // calls need nothing but the handler
	timed   bool                    // calls measure their duration
	m       *Map
	key     string
	unknown *UnknownKeyError // the error of calls after the entry was removed

	values   values.Spans // nil: the provider makes no value spans, or Options.SpanHandles is set
	latency  Instrument
	onStart  []trace.SpanStartOption
	onAdd    [outcomes][]metric.AddOption
	onRecord [outcomes][]metric.RecordOption

	account account
}

// A handler is the function of a key. It is never changed.
type handler struct {
	from string
	// Exactly one of these is set.
	plain       func()
	withContext func(context.Context) error
}

func (h *handler) isNil() bool { return h.plain == nil && h.withContext == nil }

func (h *handler) run(ctx context.Context) error {
	if h.plain != nil {
		h.plain()
		return nil
	}
	return h.withContext(ctx)
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

// outcomeOf returns the outcome of a handler that returned err. If that is a [*PanicError], something below the
// handler panicked and was recovered, as by WithRecovery or by another map.
func outcomeOf(err error) outcome {
	if p, ok := err.(*PanicError); ok && p != nil {
		return panicked
	}
	return failed
}

// newEntry returns an entry of m. It calls Options.Latency.
func newEntry(m *Map, key string, h *handler) *entry {
	opts := &m.opts
	e := &entry{m: m, key: key, unknown: &UnknownKeyError{Key: key}}
	e.fn.Store(h)
	attrs := append([]attribute.KeyValue{KeyAttribute.String(key)}, opts.Attributes...)
	e.onStart = []trace.SpanStartOption{trace.WithAttributes(attrs...)}
	for o := range outcomes {
		set := metric.WithAttributeSet(attribute.NewSet(
			append(attrs[:len(attrs):len(attrs)], attribute.String("observable.outcome", o.String()))...))
		e.onAdd[o] = []metric.AddOption{set}
		e.onRecord[o] = []metric.RecordOption{set}
	}
	if t, ok := m.tracer.(values.Tracer); ok && !opts.SpanHandles {
		e.values = t.Values(key, attrs...)
	}
	if opts.Latency != nil {
		e.latency = opts.Latency(key)
	}
	if opts.Histogram {
		e.account.durations = &durations{layout: m.layout}
	}
	e.timed = opts.Histogram || opts.OnCall != nil || m.metrics != nil || e.latency != nil
	e.bare = opts.Uncounted && !e.timed && m.tracer == nil
	return e
}

func (e *entry) call(ctx context.Context) error {
	h := e.fn.Load()
	switch {
	case h == nil:
		return e.unknown
	case !e.bare:
		return e.observe(ctx, h)
	case e.m.opts.Panics == RepeatPanics:
		return h.run(ctx)
	}
	return e.guard(ctx, h)
}

// guard runs h and turns a panic into an error. It does nothing else.
func (e *entry) guard(ctx context.Context, h *handler) (err error) {
	back := false
	defer func() {
		if !back {
			err = interruption(e.key, recover())
		}
	}()
	err = h.run(ctx)
	back = true
	return err
}

func (e *entry) observe(ctx context.Context, h *handler) (err error) {
	c := call{entry: e, ctx: ctx}
	c.begin(h)
	back := false
	defer func() {
		switch {
		case !back:
			value := recover()
			err = interruption(e.key, value)
			if c.outcome = failed; value == nil {
				break
			}
			if c.outcome = panicked; e.m.opts.Panics == RepeatPanics {
				defer panic(value)
			}
		case err != nil:
			c.outcome = outcomeOf(err)
		}
		c.finish(err)
	}()
	err = h.run(c.ctx)
	back = true
	return err
}

// A call is one run of a handler.
type call struct {
	entry   *entry
	ctx     context.Context
	begun   time.Duration // time on the clock of package clock
	outcome outcome

	span trace.Span // nil: there is no span, or it is a value
	// A span of entry.values; value is nil if there is none.
	value      any
	generation uint64
}

// begin starts the span first, so that no call has begun if the provider panics. A value
// span and its call share one clock read.
func (c *call) begin(h *handler) {
	e := c.entry
	counted := !e.m.opts.Uncounted
	if e.values != nil && h.plain != nil {
		c.begun = clock.Now()
		c.value, c.generation = e.values.Begin(c.ctx, c.begun)
	} else {
		if t := e.m.tracer; t != nil {
			c.ctx, c.span = t.Start(c.ctx, e.key, e.onStart...)
		}
		if counted || e.timed {
			c.begun = clock.Now()
		}
	}
	if counted {
		e.account.begin(c.begun)
	}
}

// finish counts the call first, and then reports it to code that may panic.
func (c *call) finish(err error) {
	e, ended := c.entry, c.begun
	if e.timed || c.value != nil {
		ended = clock.Now()
	}
	if !e.m.opts.Uncounted {
		e.account.end(c.outcome, ended-c.begun, err)
	}
	if e.timed || c.span != nil || c.value != nil {
		c.report(ended, err)
	}
}

// report passes a call that ended to the hook, the span, the instrument and the metrics.
// It defers each, so that a panic of one does not skip the others.
func (c *call) report(ended time.Duration, err error) {
	e, m, took := c.entry, c.entry.m, ended-c.begun
	if m.opts.OnCall != nil {
		defer m.opts.OnCall(e.key, took, err)
	}
	switch {
	case c.value != nil:
		defer e.values.Finish(c.value, c.generation, ended)
		if err != nil {
			defer describe(e.values.Of(c.value, c.generation), err)
		}
	case c.span != nil:
		defer c.span.End()
		if err != nil {
			defer describe(c.span, err)
		}
	}
	if e.latency != nil {
		defer e.latency.Record(took)
	}
	if m.metrics != nil {
		m.metrics.calls.Add(c.ctx, 1, e.onAdd[c.outcome]...)
		m.metrics.duration.Record(c.ctx, took.Seconds(), e.onRecord[c.outcome]...)
	}
}
