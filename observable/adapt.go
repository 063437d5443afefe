package observable

import (
	"context"
	"fmt"
	"reflect"
)

// A Request has the methods of *http.Request that HTTP and Serve need. Because they take
// this interface, programs that serve nothing do not link net/http.
type Request[R any] interface {
	Context() context.Context
	WithContext(ctx context.Context) R
}

// HTTP makes a function of a context out of an http.HandlerFunc, so that it can be
// decorated or registered in a [Map]. The function must be run with the context that
// [Serve] passes, or one derived from it, since that context holds the response writer
// and the request. The handler gets a request with this context, so the span of a
// decorator or of the map is the parent of the handler's spans. A panic of the handler
// passes through.
//
// A run allocates nothing if its context is the one that Serve passed. Otherwise it
// copies the request, as any middleware that changes the context does.
func HTTP[H ~func(W, R), W any, R Request[R]](handler H) func(context.Context) error {
	if handler == nil {
		return nil
	}
	return func(ctx context.Context) error {
		e, ok := ctx.Value(exchangeKey[W, R]{}).(*exchange[W, R])
		if !ok {
			return fmt.Errorf(
				"observable: the context holds no %v and %v: run the function with the context that Serve passes",
				reflect.TypeFor[W](), reflect.TypeFor[R]())
		}
		r := e.r
		if ctx != context.Context(e) {
			r = r.WithContext(ctx)
		}
		handler(e.w, r)
		return nil
	}
}

// Serve makes a request handler out of f, which runs a function of [HTTP]: directly,
// decorated, or through [Map.Call]. Serve runs f with the context of the request. If f
// returns an error, Serve calls onError with it, which answers the request if it has not
// been answered yet. If a decorator or the map recovered http.ErrAbortHandler, onError
// gets it too; panic with it again to abort the response.
//
// A request costs one allocation, which is 48 bytes with the types of net/http.
func Serve[F ~func(context.Context) error, W any, R Request[R]](f F, onError func(W, R, error)) func(W, R) {
	if f == nil || onError == nil {
		return nil
	}
	return func(w W, r R) {
		if err := f(&exchange[W, R]{r.Context(), w, r}); err != nil {
			onError(w, r, err)
		}
	}
}

// An exchange is a request being served, and its context. It is not reused, since the
// handler may leave it to goroutines that outlive the request.
type exchange[W, R any] struct {
	context.Context
	w W
	r R
}

// An exchangeKey is the key of the exchange in a context.
type exchangeKey[W, R any] struct{}

func (e *exchange[W, R]) Value(key any) any {
	if key == (exchangeKey[W, R]{}) {
		return e
	}
	return e.Context.Value(key)
}

// A Job is a function with a method Run, so that it implements the Job interface of
// robfig/cron. To make a Job of a function that takes a context, use [Plain].
type Job func()

// Run calls the function.
func (j Job) Run() { j() }

// FromJob returns the Run method of a job, such as a job of robfig/cron. It is the inverse
// of [Job]. If job is nil, FromJob returns nil.
func FromJob(job interface{ Run() }) func() {
	if job == nil {
		return nil
	}
	return job.Run
}
