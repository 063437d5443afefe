package observable

import (
	"context"
	"fmt"
	"reflect"
)

// A Request is what HTTP and Serve need of one: *http.Request is a Request of
// itself. Asking for the shape keeps net/http out of programs that serve nothing.
type Request[R any] interface {
	Context() context.Context
	WithContext(ctx context.Context) R
}

// HTTP makes a function of a context out of an http.HandlerFunc, to be decorated or
// registered in a [Map]. The context has to be that of [Serve], or one derived
// from it: it holds the response writer and the request. The handler's request has
// the context that the function is run with, so that a span of a decorator or of
// the map is the parent of the handler's. A panic of the handler passes through.
//
// A run allocates nothing if its context is the very one of Serve; else it copies
// the request, as any middleware has to that changes the context.
func HTTP[H ~func(W, R), W any, R Request[R]](handler H) func(context.Context) error {
	if handler == nil {
		return nil
	}
	return func(ctx context.Context) error {
		e, ok := ctx.Value(exchangeKey[W, R]{}).(*exchange[W, R])
		if !ok {
			return fmt.Errorf("observable: the context holds no %v and %v: want one of Serve",
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

// Serve makes a handler of requests out of f, which runs an [HTTP] function: by
// itself, decorated, or through [Map.Call]. f is run with the context of the
// request; what it returns, unless nil, is handed to onError, which answers if
// nothing has been answered yet. A recovered http.ErrAbortHandler arrives there
// too: panic with it again to abort the response.
//
// A request costs one allocation, of 48 bytes for those of net/http.
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

// An exchange is a request being served, and the context of that. It is not
// reused: the handler may leave it to goroutines that outlive the request.
type exchange[W, R any] struct {
	context.Context
	w W
	r R
}

// An exchangeKey finds the exchange in a context.
type exchangeKey[W, R any] struct{}

func (e *exchange[W, R]) Value(key any) any {
	if key == (exchangeKey[W, R]{}) {
		return e
	}
	return e.Context.Value(key)
}

// A Job is a function with a method Run, which is all that the Job interface of
// robfig/cron asks for. To run a function of a context, see [Plain].
type Job func()

// Run calls the function.
func (j Job) Run() { j() }

// FromJob makes a function out of a job, such as those of robfig/cron: the way back
// from [Job]. A nil job makes a nil function.
func FromJob(job interface{ Run() }) func() {
	if job == nil {
		return nil
	}
	return job.Run
}
