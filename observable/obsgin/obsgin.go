// Package obsgin observes every route of a Gin engine: spans, metrics, and counts of calls, errors, panics and calls
// in flight, by the template of the route. One line does it, wherever it stands among those that register routes:
//
//	calls, err := obsgin.Instrument(engine, obsgin.Options{})
//
// Routes that were registered before it and after it are observed, those of groups that were made before it, and
// requests that match no route. The engine is served as before, by Run, by http.Server or in a test.
//
// # Spans
//
// Instrument takes any tracer provider: that of the SDK, or that of package pooled, which reuses spans. A request is
// a span of the kind server with the name, the attributes and the status that otelgin gives it. The name has the
// template, GET /api/:id, and never the path. The status is read when the handlers have returned. A status of 500 and
// above is an error, and so is every error that a handler added with c.Error. The context of c.Request has the span,
// so clients that are called with it pass the trace on.
//
// # Counts
//
// The result of Instrument is an [observable.Map] with a key for each route, which is the name of its span, and
// [Unmatched] for all requests that match none. Its Snapshot has the counts and a histogram of durations, and package
// metrics publishes them:
//
//	account, err := metrics.New(calls, metrics.Options{Namespace: "shop"})
//
// A request that panicked counts as a panic, even if gin.Recovery made a response of it. Otherwise a status of 500 and
// above, an error of c.Error, and http.ErrAbortHandler count as an error.
//
// # Panics
//
// A panic is recorded and then goes on with its value and its stack, so gin.Recovery works wherever it stands.
//
// # How it is done, and limits
//
// Engine.Use reaches only routes that are registered later, and Gin has no other way in: the handlers of a route are
// in fields that are not exported. Wrapping the engine in an http.Handler instead would not know the route when the
// span starts, which samplers need, nor the errors of handlers. So Instrument writes to these fields: before the
// first request it puts a handler in front of the handlers of each route, and one that notes panics around each of
// them. It checks the names and the types of the fields first. If a version of Gin has others, Instrument returns an
// error and changes nothing; [Middleware] needs none of these fields.
//
//   - Routes that a group from before Instrument gets after the first request are not observed. Gin itself allows no
//     routes while it serves.
//   - Redirects to a path with or without a slash at its end match no route, and Gin calls no handler for them.
//   - A route has room for 62 handlers in Gin, and for 60 beside those of Instrument. A route with more is left out,
//     and the error handler of package otel is told so.
//   - If a request matches no route, a panic that a middleware recovers counts as the error that the status says.
//   - A request that Engine.HandleContext sends to another route is one request, of the route that it matched first.
//
// # Cost
//
// Without spans a request costs two clock reads, a few atomic operations and a copy of the http.Request. With pooled
// spans it makes less than half of the allocations of otelgin with the SDK. BenchmarkRequest measures both beside a
// route that nothing observes.
package obsgin

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable"
)

const scope = "github.com/loadgen-go/loadgen/observable/obsgin"

// Unmatched is the key of the requests that match no route.
const Unmatched = "unmatched"

// Options are the settings of [Instrument] and [Middleware]. The zero value uses what package otel has.
//
// Functions are called by many goroutines at once.
type Options struct {
	// TracerProvider makes a span for each request; nil is otel.GetTracerProvider().
	TracerProvider trace.TracerProvider
	// MeterProvider makes the histograms http.server.request.duration, http.server.request.body.size and
	// http.server.response.body.size; nil is otel.GetMeterProvider().
	MeterProvider metric.MeterProvider
	// Propagator reads the context of the caller from the headers; nil is otel.GetTextMapPropagator() at the time of
	// the call, which reads nothing unless the program sets it.
	Propagator propagation.TextMapPropagator
	// Server is the name of the server, HOST or HOST:PORT, for the attribute server.address. If it is "", spans have
	// the header Host instead, and metrics have no server.address, because clients can choose that header.
	Server string

	// Bounds are the bounds of the histogram of durations that the counts hold, such as those of loadgen buckets; nil
	// is the histogram that observable.Options describes. The histograms of the meter provider have bounds of their
	// own.
	Bounds []time.Duration

	// Filter reports whether a request is observed; nil observes all. It is called when the route is known.
	Filter func(*gin.Context) bool
	// SpanName returns the name of the span of a request. If it is nil, or returns "", the name is the method and the
	// template of the route.
	SpanName func(*gin.Context) string
	// SpanOptions are added to each span, such as trace.WithAttributes.
	SpanOptions []trace.SpanStartOption
	// MetricAttributes returns further attributes of the metrics of a request, when its handlers have returned.
	MetricAttributes func(*gin.Context) []attribute.KeyValue
}

// Instrument observes all routes of an engine. Call it before the engine serves, and once. It returns the counts of
// all routes.
func Instrument(engine *gin.Engine, opts Options) (*observable.Map, error) {
	if engine == nil {
		return nil, errors.New("obsgin: the engine is nil: want one of gin.New or gin.Default")
	}
	if slices.ContainsFunc(engine.Handlers, isOurs) {
		return nil, errors.New("obsgin: the engine is observed already: want one call of Instrument or Middleware")
	}
	inside, err := open(engine)
	if err != nil {
		return nil, err
	}
	o, err := newObserver(opts)
	if err != nil {
		return nil, err
	}
	// The handlers of the engine are those of routes and groups that are made later, and of requests without a route.
	engine.Handlers = slices.Insert(slices.Clone(engine.Handlers), 0, o.observe)
	engine.Use()
	o.engine = engine
	inside.beforeServing(func() { o.enter(inside) })
	o.know(engine.Routes())
	return o.calls, nil
}

// Middleware returns a middleware that observes requests as [Instrument] does, but only those of the routes that are
// registered after it, and only what comes after it: what a middleware before it does is in no span, and a panic that
// gin.Recovery recovers after it is an error rather than a panic. It also returns the counts.
func Middleware(opts Options) (gin.HandlerFunc, *observable.Map, error) {
	o, err := newObserver(opts)
	if err != nil {
		return nil, nil, err
	}
	return o.observe, o.calls, nil
}

// An observer observes requests.
type observer struct {
	Options
	engine  *gin.Engine // nil: unknown
	proxied []string    // canonical names of the headers in which the engine finds the address of a client
	tracer  trace.Tracer
	server  address // of Options.Server
	metrics *instruments
	calls   *observable.Map
	routes  table[routeKey, *route]
}

// newObserver returns an observer, or what is wrong with the options.
func newObserver(opts Options) (*observer, error) {
	o := &observer{Options: opts, server: newAddress(opts.Server)}
	if opts.Server != "" && o.server.host == "" {
		return nil, fmt.Errorf("obsgin: Options.Server is %q: want HOST or HOST:PORT", opts.Server)
	}
	if slices.Contains(opts.SpanOptions, nil) {
		return nil, errors.New("obsgin: Options.SpanOptions has a nil: want options such as trace.WithAttributes")
	}
	if o.TracerProvider == nil {
		o.TracerProvider = otel.GetTracerProvider()
	}
	if o.MeterProvider == nil {
		o.MeterProvider = otel.GetMeterProvider()
	}
	o.tracer = o.TracerProvider.Tracer(scope)
	var err error
	if o.metrics, err = newInstruments(o.MeterProvider.Meter(scope)); err != nil {
		return nil, fmt.Errorf("obsgin: %w", err)
	}
	o.calls, err = observable.New(observable.Options{Panics: observable.RepeatPanics, Histogram: true,
		Bounds: opts.Bounds})
	if err != nil {
		return nil, fmt.Errorf("obsgin: %w", err)
	}
	return o, nil
}
