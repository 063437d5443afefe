package observable

import (
	"context"
	"fmt"
)

// A Decorator wraps a function in another of the same type. It is called once, when the
// function is made, and not on each run. The function it returns may be run by many
// goroutines at once.
//
// No decorator of this package sets a timeout. A function cannot be interrupted from
// outside: a function that does not watch its context would run on after its caller was
// told that it had ended, and for a function that does, [context.WithTimeout] suffices.
type Decorator func(func(context.Context) error) func(context.Context) error

// Chain wraps f in decorators. The first is the outermost: Chain(f, a, b) returns
// a(b(f)), so a run enters a, b and f, and leaves them in the opposite order. A nil
// decorator changes nothing.
//
// If f is nil, Chain returns nil, as do all functions of this package that make a
// function out of another. [Map.Register] refuses a nil function and reports where it
// was registered.
func Chain[F ~func(context.Context) error](f F, decorators ...Decorator) F {
	run := (func(context.Context) error)(f)
	for i := len(decorators) - 1; i >= 0 && run != nil; i-- {
		if decorators[i] != nil {
			run = decorators[i](run)
		}
	}
	return F(run)
}

// WithContext returns a function that runs f under a context. If the context is already
// cancelled, f is not run and the error is the cause of the cancellation. f cannot be
// interrupted: if the context is cancelled while f runs, the error is a
// [*CancelledError], returned when f has ended. A panic of f passes through.
//
// A run allocates nothing unless it returns a CancelledError.
func WithContext[F ~func()](f F) func(context.Context) error {
	if f == nil {
		return nil
	}
	return func(ctx context.Context) error {
		if cause := context.Cause(ctx); cause != nil {
			return cause
		}
		f()
		if cause := context.Cause(ctx); cause != nil {
			return &CancelledError{Cause: cause}
		}
		return nil
	}
}

// Plain returns a function that takes no context: it runs f with ctx and calls onError
// with the error of f, if there is one. Plain returns nil if f or onError is nil, since
// without onError errors would be lost. A panic of f passes through.
//
// A run allocates nothing.
func Plain[F ~func(context.Context) error](ctx context.Context, f F, onError func(error)) func() {
	if f == nil || onError == nil {
		return nil
	}
	return func() {
		if err := f(ctx); err != nil {
			onError(err)
		}
	}
}

// WithRecovery returns a decorator that turns a panic into a [*PanicError] with this
// key. [runtime.Goexit] still ends the goroutine. A [Map] recovers and counts panics by
// itself, and counts one that this decorator has recovered as a panic too.
//
// A run allocates nothing unless it panics.
func WithRecovery(key string) Decorator {
	return func(f func(context.Context) error) func(context.Context) error {
		if f == nil {
			return nil
		}
		return func(ctx context.Context) error { return recovered(ctx, key, f) }
	}
}

// recovered runs f and returns its error, or a [*PanicError] if it panicked.
func recovered(ctx context.Context, key string, f func(context.Context) error) (err error) {
	returned := false
	defer func() {
		if !returned {
			err = interruption(key, recover())
		}
	}()
	err = f(ctx)
	returned = true
	return err
}

// CancelledError reports that the context of a function was cancelled while the
// function ran. The function was not interrupted: it has done its work.
type CancelledError struct{ Cause error }

func (e *CancelledError) Error() string {
	return fmt.Sprintf("observable: the context was cancelled while the function ran, which was not interrupted: %v",
		e.Cause)
}

// Unwrap returns the cause of the cancellation.
func (e *CancelledError) Unwrap() error { return e.Cause }
