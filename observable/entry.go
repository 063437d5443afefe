package observable

import (
	"context"
	"fmt"
	"reflect"
	"runtime/debug"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"
)

// An entry is one key of a map: its handler, which may be replaced, its account,
// and what its spans and metrics need, made once.
type entry struct {
	fn      atomic.Pointer[handler] // nil: removed
	bare    bool                    // calls need nothing but the handler
	timed   bool                    // calls need to know how long they took
	m       *Map
	key     string
	unknown *UnknownKeyError // of a call after the entry was removed

	latency  Instrument
	onStart  []trace.SpanStartOption
	onAdd    [outcomes][]metric.AddOption
	onRecord [outcomes][]metric.RecordOption

	account account
}

// A handler is what a key stands for. It is never changed.
type handler struct {
	from string
	// One of these two is set.
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

// newEntry may run the caller's code: that of Latency.
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
	if opts.Latency != nil {
		e.latency = opts.Latency(key)
	}
	if opts.Histogram {
		e.account.durations = new(durations)
	}
	e.timed = opts.Histogram || opts.OnCall != nil || m.metrics != nil || e.latency != nil
	e.bare = opts.Uncounted && !e.timed && m.tracer == nil
	return e
}

// Calls are timed by the monotonic clock alone: half the price of time.Now.
var epoch = time.Now()

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

// guard runs h and does nothing but recover its panic.
func (e *entry) guard(ctx context.Context, h *handler) (err error) {
	back := false
	defer func() {
		if !back {
			_, err = e.interrupted(recover())
		}
	}()
	err = h.run(ctx)
	back = true
	return err
}

// interrupted is how a call ended whose handler did not return, given what was
// recovered. Without a value the handler ended its goroutine, which ends further
// once the call has been accounted for.
func (e *entry) interrupted(value any) (outcome, error) {
	if value == nil {
		return failed, fmt.Errorf("observable: handler %q called runtime.Goexit", e.key)
	}
	return panicked, &PanicError{Key: e.key, Value: value, Stack: debug.Stack(), When: time.Now()}
}

func (e *entry) observe(ctx context.Context, h *handler) (err error) {
	c := call{entry: e, ctx: ctx}
	c.begin()
	back := false
	defer func() {
		switch {
		case !back:
			value := recover()
			c.outcome, err = e.interrupted(value)
			if c.outcome == panicked && e.m.opts.Panics == RepeatPanics {
				defer panic(value)
			}
		case err != nil:
			c.outcome = failed
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
	span    trace.Span    // nil: no spans
	begun   time.Duration // since epoch
	outcome outcome
}

// begin makes the span first: should the provider panic, no call has begun.
func (c *call) begin() {
	e := c.entry
	if t := e.m.tracer; t != nil {
		c.ctx, c.span = t.Start(c.ctx, e.key, e.onStart...)
	}
	counted := !e.m.opts.Uncounted
	if counted || e.timed {
		c.begun = time.Since(epoch)
	}
	if counted {
		e.account.begin(c.begun)
	}
}

// finish accounts for a call, and then lets others know: they may panic.
func (c *call) finish(err error) {
	e := c.entry
	var took time.Duration
	if e.timed {
		took = time.Since(epoch) - c.begun
	}
	if !e.m.opts.Uncounted {
		e.account.end(c.outcome, took, err)
	}
	if e.timed || c.span != nil {
		c.tell(took, err)
	}
}

// tell reports a call that ended. Should one of those told panic, the next are told
// all the same.
func (c *call) tell(took time.Duration, err error) {
	e, m := c.entry, c.entry.m
	if m.opts.OnCall != nil {
		defer m.opts.OnCall(e.key, took, err)
	}
	if c.span != nil {
		defer c.span.End()
		if err != nil {
			defer c.describe(err)
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

// describe puts err on the span, a panic as the SDK does. The text of an error is
// the handler's code, and may panic, as that of a nil pointer does: then its type
// has to do.
func (c *call) describe(err error) {
	defer func() {
		if recover() != nil {
			c.span.SetStatus(codes.Error, fmt.Sprintf("%T", err))
		}
	}()
	if c.outcome == panicked {
		p := err.(*PanicError)
		c.span.AddEvent("exception", trace.WithAttributes(
			attribute.String("exception.type", typeName(p.Value)),
			attribute.String("exception.message", fmt.Sprint(p.Value)),
			attribute.String("exception.stacktrace", string(p.Stack))))
	} else {
		c.span.RecordError(err)
	}
	c.span.SetStatus(codes.Error, err.Error())
}

// typeName is the exception.type of the semantic conventions, spelt as the SDK
// spells it: path and name, which leaves a dot before those that are built in.
func typeName(v any) string {
	t := reflect.TypeOf(v)
	if t.Name() == "" {
		return t.String()
	}
	return t.PkgPath() + "." + t.Name()
}
