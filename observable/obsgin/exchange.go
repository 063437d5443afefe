package obsgin

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"runtime/debug"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable"
)

// A routeKey is a route of an engine. All requests that match none have the zero key.
type routeKey struct{ method, path string }

// A route is what the requests of a route share.
type route struct {
	path  string // the template, or "" for all requests that match none
	name  string // of spans, or "" if that depends on the request
	key   string // in the map
	calls *observable.Handle
	sets  table[setKey, *set] // of the attributes of metrics
}

// routeOf returns a route.
func (o *observer) routeOf(method, path string) *route {
	if path == "" {
		method = ""
	}
	return o.routes.get(routeKey{method, path}, func() *route { return o.newRoute(method, path) })
}

// newRoute makes a route, with a key in the map.
func (o *observer) newRoute(method, path string) *route {
	r := &route{path: path, key: Unmatched}
	if path != "" {
		r.name = nameOf(method) + " " + path
		r.key = r.name
	}
	// Routes of methods that are no standard share a name, and so a key.
	err := o.calls.RegisterContext(r.key, serve)
	if err != nil && !errors.As(err, new(*observable.DuplicateKeyError)) {
		panic(err) // serve is not nil
	}
	// Who removes the key meanwhile wants no counts.
	r.calls, _ = o.calls.Handle(r.key)
	return r
}

// spanName returns the name of the span of a request.
func (o *observer) spanName(c *gin.Context, r *route) string {
	if o.SpanName != nil {
		if name := o.SpanName(c); name != "" {
			return name
		}
	}
	if r.name != "" {
		return r.name
	}
	return nameOf(c.Request.Method)
}

// An exchange is a request being observed, and its context. It is not reused, since a handler may leave it to
// goroutines that outlive the request.
type exchange struct {
	context.Context // of the request, and from begin on with the span
	observer        *observer
	route           *route
	gin             *gin.Context
	span            trace.Span // nil: the exchange has not begun
	metered         bool
	begun           time.Time // if metered
	aborted         bool      // with http.ErrAbortHandler
	panicked        atomic.Pointer[observable.PanicError]
	ended           atomic.Bool           // Gin may use its context for another request now
	last            [2]attribute.KeyValue // attributes that are known at the end
}

// exchangeKey is the key of the exchange in its context.
type exchangeKey struct{}

// Value returns the exchange, or a value of its context.
func (e *exchange) Value(key any) any {
	if key == (exchangeKey{}) {
		return e
	}
	return e.Context.Value(key)
}

// exchangeOf returns the exchange in a context, or nil.
func exchangeOf(ctx context.Context) *exchange {
	if e, ok := ctx.(*exchange); ok {
		return e
	}
	e, _ := ctx.Value(exchangeKey{}).(*exchange)
	return e
}

// observe is the handler in front of all others.
func (o *observer) observe(c *gin.Context) {
	request := c.Request
	// The context of Gin is of another exchange if an engine serves requests of another one.
	now := exchangeOf(request.Context())
	if now != nil && now.gin == c && !now.ended.Load() || o.Filter != nil && !o.Filter(c) {
		return // Gin calls the next handler
	}
	e := &exchange{Context: request.Context(), observer: o, route: o.routeOf(request.Method, c.FullPath()), gin: c}
	var err error
	if e.route.calls != nil {
		err = e.route.calls.Call(e)
	}
	if e.span == nil { // the key was removed from the map, or replaced
		err = serve(e)
	}
	e.giveBack(request)
	if e.aborted {
		panic(err)
	}
}

// giveBack leaves the context of Gin with the request that it had, and what handlers have parsed of it: the server
// removes the files of a form.
func (e *exchange) giveBack(request *http.Request) {
	now := e.gin.Request
	request.Form, request.PostForm, request.MultipartForm = now.Form, now.PostForm, now.MultipartForm
	e.gin.Request = request
}

// serve is the function of all keys in the map: it serves the exchange that its context is.
func serve(ctx context.Context) (err error) {
	e, ok := ctx.(*exchange)
	if !ok {
		return errors.New("obsgin: only a request to the engine calls a route: want no call of the map")
	}
	e.begin()
	back := false
	defer func() {
		if !back {
			if value := recover(); value == http.ErrAbortHandler {
				// It has no stack worth keeping, and is no panic to count: observe repeats it.
				e.aborted, err = true, http.ErrAbortHandler
			} else if value != nil {
				e.note(value)
				defer panic(value)
			}
		}
		e.end(back, err)
	}()
	e.gin.Next()
	back = true
	return e.failure()
}

// watch returns a handler that runs h and notes a panic of it, before a middleware recovers it.
func watch(h gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		e := exchangeOf(c.Request.Context())
		if e == nil || e.ended.Load() {
			h(c)
			return
		}
		back := false
		defer func() {
			if back {
				return
			}
			if value := recover(); value != nil {
				if value != http.ErrAbortHandler {
					e.note(value)
				}
				panic(value) // runs on the stack of the first one, so that a trace has both
			}
		}()
		h(c)
		back = true
	}
}

// watchNext watches the handlers that follow. It stands in front of the last one of a route, which keeps its name.
var watchNext = watch((*gin.Context).Next)

// note keeps the first panic of an exchange.
func (e *exchange) note(value any) {
	if e.panicked.Load() == nil {
		e.panicked.CompareAndSwap(nil, &observable.PanicError{Key: e.route.key, Value: value, Stack: debug.Stack(),
			When: time.Now()})
	}
}

// errServer is the error of a request with a status of 500 and above, and no error that says more.
var errServer = errors.New("obsgin: the status was 500 or above")

// failure returns the error of an exchange whose handlers have returned, or nil.
func (e *exchange) failure() error {
	if p := e.panicked.Load(); p != nil {
		return p
	}
	if last := e.gin.Errors.Last(); last != nil {
		return last
	}
	if e.gin.Writer.Status() >= http.StatusInternalServerError {
		return errServer
	}
	return nil
}

// asServer says that a span is of a server.
var asServer = trace.WithSpanKind(trace.SpanKindServer)

// begin starts the span, and puts the exchange into the request.
func (e *exchange) begin() {
	o, c := e.observer, e.gin
	if e.metered = o.metrics.enabled(e); e.metered {
		e.begun = time.Now()
	}
	opts := make([]trace.SpanStartOption, 2, 2+len(o.SpanOptions))
	opts[0], opts[1] = asServer, trace.WithAttributes(o.attributes(c, e.route)...)
	opts = append(opts, o.SpanOptions...)
	ctx := o.propagator().Extract(e.Context, carrier{propagation.HeaderCarrier(c.Request.Header)})
	e.Context, e.span = o.tracer.Start(ctx, o.spanName(c, e.route), opts...)
	c.Request = c.Request.WithContext(e)
}

// end ends the span and records the metrics. Unless the handlers have returned, err is http.ErrAbortHandler or nil.
func (e *exchange) end(returned bool, err error) {
	e.ended.Store(true)
	w := e.gin.Writer
	status := w.Status()
	if !returned && !w.Written() {
		status = 0 // nobody has answered yet
	}
	defer e.span.End()
	if e.span.IsRecording() {
		e.describe(status, w.Size())
		if e.aborted {
			e.span.RecordError(err)
			e.span.SetStatus(codes.Error, err.Error())
		}
	}
	if e.metered {
		e.observer.metrics.record(e, status, w.Size())
	}
}

// describe sets what is known of a span when the handlers have ended. A status of 0 is unknown.
func (e *exchange) describe(status, size int) {
	last := e.last[:0]
	if status > 0 {
		last = append(last, semconv.HTTPResponseStatusCode(status))
	}
	if size > 0 {
		last = append(last, semconv.HTTPResponseBodySize(size))
	}
	e.span.SetAttributes(last...)
	switch {
	case status != 0 && (status < 100 || status > 599):
		e.span.SetStatus(codes.Error, fmt.Sprintf("Invalid HTTP status code %d", status))
	case status >= http.StatusInternalServerError:
		e.span.SetStatus(codes.Error, "")
	}
	if failed := e.gin.Errors; len(failed) > 0 {
		e.span.SetStatus(codes.Error, failed.String())
		for _, f := range failed {
			e.span.RecordError(f.Err)
		}
	}
	if p := e.panicked.Load(); p != nil {
		e.span.AddEvent("exception", trace.WithAttributes(
			semconv.ExceptionType(fmt.Sprintf("%T", p.Value)),
			semconv.ExceptionMessage(fmt.Sprint(p.Value)),
			semconv.ExceptionStacktrace(string(p.Stack))))
		e.span.SetStatus(codes.Error, p.Error())
	}
}
