package observable

import (
	"context"
	"fmt"
)

// A Decorator wraps a function in another of the same shape. It is called when a
// function is made, not when one is run: what it makes is run, perhaps by many
// goroutines at once.
//
// No decorator of this package sets a timeout. A function cannot be interrupted
// from outside, so one that does not watch its context would run on after its
// caller was told that it had ended; one that does needs no more than
// [context.WithTimeout].
type Decorator func(func(context.Context) error) func(context.Context) error

// Chain wraps f in decorators. The first is the outermost: Chain(f, a, b) is
// a(b(f)), so a run enters a, b and f, and leaves them in the opposite order. A
// nil decorator changes nothing.
//
// A nil function stays nil, here and in all that makes a function out of another
// in this package: [Map.Register] refuses it, and says where.
func Chain[F ~func(context.Context) error](f F, decorators ...Decorator) F {
	run := (func(context.Context) error)(f)
	for i := len(decorators) - 1; i >= 0 && run != nil; i-- {
		if decorators[i] != nil {
			run = decorators[i](run)
		}
	}
	return F(run)
}

// WithContext makes f a function of a context. If the context is cancelled
// already, f is not run and the error is the cause of the cancellation. f cannot
// be interrupted: a cancellation that came while it ran is a [*CancelledError]
// when it has ended. A panic of f passes through.
//
// A run allocates nothing unless it has such a cancellation to report.
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

// Plain makes f a function without context: it runs f with ctx, and hands onError
// what f returns unless that is nil. It is nil if f is, or onError: errors would
// vanish. A panic of f passes through.
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

// WithRecovery turns a panic into a [*PanicError] with this key. A function that
// calls [runtime.Goexit] ends its goroutine all the same. A [Map] recovers by
// itself, and counts panics: what is decorated here returns an error to it.
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

// recovered runs f to its end, whichever it is.
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

// CancelledError is a cancellation that came while a function ran. The function
// was not interrupted: its work is done, though perhaps for nobody.
type CancelledError struct{ Cause error }

func (e *CancelledError) Error() string {
	return fmt.Sprintf("observable: cancelled while the function ran to its end: %v", e.Cause)
}

// Unwrap returns the cause of the cancellation.
func (e *CancelledError) Unwrap() error { return e.Cause }
