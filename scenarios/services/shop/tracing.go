package shop

import (
	"context"
	"fmt"
	"log"
	"net/http"
	"os"
	"strings"
	"sync"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/lifecycle"
)

// ways are the values of SPANS, the default first.
var ways = []string{"none", "sdk", "pooled"}

// scope is the name of the tracer of requests.
const scope = "github.com/loadgen-go/loadgen/scenarios/services/shop"

// A tracing makes the spans of requests. Nil makes none.
type tracing struct {
	lifecycle *lifecycle.Lifecycle
	tracer    trace.Tracer
}

// newTracing starts OpenTelemetry in one of ways. Both ways that make spans have the same settings, which the
// environment has: only what makes and exports the spans differs.
func newTracing(ctx context.Context, way string, l *log.Logger) (*tracing, error) {
	if way == "none" {
		return nil, nil
	}
	otel.SetErrorHandler(&firstFailure{log: l})
	running, err := lifecycle.Setup(ctx, lifecycle.Options{Service: serviceName(), Pooled: way == "pooled"})
	if err != nil {
		return nil, err
	}
	return &tracing{running, running.TracerProvider.Tracer(scope)}, nil
}

// serviceName returns the attribute service.name, or "" if the environment sets it.
func serviceName() string {
	attributes := os.Getenv("OTEL_RESOURCE_ATTRIBUTES")
	if os.Getenv("OTEL_SERVICE_NAME") != "" || strings.Contains(attributes, "service.name=") {
		return ""
	}
	return "shop"
}

// provider returns what makes spans, or nil.
func (t *tracing) provider() trace.TracerProvider {
	if t == nil {
		return nil
	}
	return t.lifecycle.TracerProvider
}

// close exports the spans that are left. Its error says how many were lost.
func (t *tracing) close(ctx context.Context) error {
	if t == nil {
		return nil
	}
	return t.lifecycle.Shutdown(ctx)
}

// traced returns a handler that makes a span for each request, which is a child of the span in the request's headers.
// serve returns the status of its answer.
func (t *tracing) traced(pattern string, serve func(http.ResponseWriter, *http.Request) int) http.Handler {
	if t == nil {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { serve(w, r) })
	}
	_, path, _ := strings.Cut(pattern, " ")
	ofAll := trace.WithAttributes(semconv.HTTPRoute(path), semconv.URLScheme("http"))
	kind := trace.WithSpanKind(trace.SpanKindServer)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := t.lifecycle.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := t.tracer.Start(ctx, pattern, kind, ofAll, trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(r.Method),
			semconv.URLPath(r.URL.Path),
			semconv.NetworkProtocolVersion(fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)),
			semconv.UserAgentOriginal(r.UserAgent()),
		))
		defer span.End()
		status := serve(w, r.WithContext(ctx))
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	})
}

// A firstFailure logs the first error that OpenTelemetry reports, and no other: a collector that is down would fill
// the log. Spans that are lost are counted, and reported at the end.
type firstFailure struct {
	once sync.Once
	log  *log.Logger
}

var _ otel.ErrorHandler = (*firstFailure)(nil)

// Handle logs err if it is the first error.
func (f *firstFailure) Handle(err error) {
	f.once.Do(func() {
		f.log.Printf("OpenTelemetry: %v (further errors are not logged; OTEL_EXPORTER_OTLP_ENDPOINT says where "+
			"spans go)", err)
	})
}
