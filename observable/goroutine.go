package observable

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// A Task is a goroutine started by [Go]. Its methods are safe for concurrent use.
type Task struct {
	done chan struct{}
	err  error // valid when done is closed
}

// Done returns a channel that is closed when the function and its span have ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Wait waits until the function has ended, and returns its error, or a [*PanicError] if
// it panicked. Every call returns the same error. A task need not be waited for.
func (t *Task) Wait() error {
	<-t.done
	return t.err
}

// Go runs fn in a goroutine, in a span of its own. The span is started before Go
// returns, as a child of the span in ctx, and is current in the context passed to fn, so
// the trace is never cut, even if the parent ends first. If tracer is nil, no span is
// made.
//
// The context passed to fn is otherwise ctx: it is cancelled when ctx is. For work that
// outlives its request, pass [context.WithoutCancel] of the context of the request,
// which keeps the span and the values.
//
// An error of fn is recorded in the span. So is a panic of fn, which does not end the
// process. Because Wait need not be called, a panic is also logged at once, to
// [slog.Default]; to get it only as an error, use [WithRecovery]. If fn is nil, Wait
// returns a [*NilFuncError].
func Go(ctx context.Context, tracer trace.Tracer, name string, fn func(context.Context) error) *Task {
	t := &Task{done: make(chan struct{})}
	if fn == nil {
		t.err = &NilFuncError{Key: name, From: caller(2)}
		close(t.done)
		return t
	}
	span := trace.Span(nil)
	if tracer != nil {
		ctx, span = tracer.Start(ctx, name)
	}
	go t.run(ctx, span, name, fn)
	return t
}

func (t *Task) run(ctx context.Context, span trace.Span, name string, fn func(context.Context) error) {
	defer close(t.done)
	if span != nil {
		defer span.End()
	}
	returned := false
	defer func() {
		if !returned {
			t.err = interruption(name, recover())
			logPanic(ctx, t.err)
		}
		if t.err != nil && span != nil {
			describe(span, t.err)
		}
	}()
	t.err = fn(ctx)
	returned = true
}

// logPanic logs err if it is a panic. It passes ctx, so that the logger can add the
// span to the record.
func logPanic(ctx context.Context, err error) {
	if p, ok := err.(*PanicError); ok {
		slog.Default().LogAttrs(ctx, slog.LevelError, "observable: a goroutine panicked",
			slog.String("name", p.Key), slog.String("panic", fmt.Sprint(p.Value)), slog.String("stack",
				string(p.Stack)))
	}
}
