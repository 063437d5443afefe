package observable

import (
	"context"
	"fmt"
	"log/slog"

	"go.opentelemetry.io/otel/trace"
)

// A Task is a goroutine that [Go] started. Its methods are safe for concurrent
// use.
type Task struct {
	done chan struct{}
	err  error // read once done is closed
}

// Done is closed when the goroutine's function and its span have ended.
func (t *Task) Done() <-chan struct{} { return t.done }

// Wait waits for Done and returns the error of the function, or the [*PanicError]
// that ended it, at every call the same. A task that nobody waits for runs all the
// same.
func (t *Task) Wait() error {
	<-t.done
	return t.err
}

// Go runs fn in a goroutine, in a span of its own. The span is started before Go
// returns, as a child of the one in ctx, and is current in the context that fn
// gets: there is no moment at which the trace could be cut, even if the parent ends
// first. A nil tracer makes no span.
//
// The context of fn is otherwise ctx: it ends with it. Work that has to outlive
// the request that asked for it is given [context.WithoutCancel] of its context,
// which keeps span and values.
//
// An error of fn is recorded on the span, and so is a panic, which does not end the
// process. Nobody needs to wait, so a panic is logged too, at once, to
// [slog.Default]. To have it as an error alone, see [WithRecovery]. Waiting for a
// nil fn is a [*NilFuncError].
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

// logPanic logs err if it is a panic. The logger of a service finds the span in
// ctx.
func logPanic(ctx context.Context, err error) {
	if p, ok := err.(*PanicError); ok {
		slog.Default().LogAttrs(ctx, slog.LevelError, "observable: a goroutine panicked",
			slog.String("name", p.Key), slog.String("panic", fmt.Sprint(p.Value)), slog.String("stack",
				string(p.Stack)))
	}
}
