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

// netHTTP is the front of the shop itself.
var netHTTP = Front{Name: "shop", Ways: []string{none, "sdk", pooled}, Handler: newMux}

// The ways of making spans that all fronts understand alike.
const (
	none   = "none"
	pooled = "pooled"
)

// scope is the name of the tracer of requests.
const scope = "github.com/loadgen-go/loadgen/scenarios/services/shop"

// startTelemetry starts OpenTelemetry in one of the ways of a front, or returns nil if there are no spans. All ways
// have the same settings, which the environment has: only what makes and exports the spans differs.
func (f *Front) startTelemetry(ctx context.Context, way string, l *log.Logger) (*lifecycle.Lifecycle, error) {
	if way == none {
		return nil, nil
	}
	otel.SetErrorHandler(&firstFailure{log: l})
	return lifecycle.Setup(ctx, lifecycle.Options{Service: serviceName(f.Name), Pooled: way == pooled})
}

// serviceName returns the attribute service.name, or "" if the environment sets it.
func serviceName(name string) string {
	attributes := os.Getenv("OTEL_RESOURCE_ATTRIBUTES")
	if os.Getenv("OTEL_SERVICE_NAME") != "" || strings.Contains(attributes, "service.name=") {
		return ""
	}
	return name
}

// newMux serves routes with net/http, with a span for each request if telemetry is not nil.
func newMux(_ string, telemetry *lifecycle.Lifecycle, routes []Route) (http.Handler, error) {
	mux := http.NewServeMux()
	for _, r := range routes {
		serve := func(w http.ResponseWriter, req *http.Request) { r.Serve(w, req) }
		if r.Traced && telemetry != nil {
			serve = traced(telemetry, r)
		}
		mux.HandleFunc(r.Method+" "+r.Path, serve)
	}
	return mux, nil
}

// traced returns the handler of a route that makes a span for each request, which is a child of the span in the
// request's headers.
func traced(telemetry *lifecycle.Lifecycle, route Route) http.HandlerFunc {
	tracer, name := telemetry.TracerProvider.Tracer(scope), route.Method+" "+route.Path
	ofAll := trace.WithAttributes(semconv.HTTPRoute(route.Path), semconv.URLScheme("http"))
	kind := trace.WithSpanKind(trace.SpanKindServer)
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := telemetry.Propagator.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
		ctx, span := tracer.Start(ctx, name, kind, ofAll, trace.WithAttributes(
			semconv.HTTPRequestMethodKey.String(r.Method),
			semconv.URLPath(r.URL.Path),
			semconv.NetworkProtocolVersion(fmt.Sprintf("%d.%d", r.ProtoMajor, r.ProtoMinor)),
			semconv.UserAgentOriginal(r.UserAgent()),
		))
		defer span.End()
		status := route.Serve(w, r.WithContext(ctx))
		span.SetAttributes(semconv.HTTPResponseStatusCode(status))
		if status >= http.StatusInternalServerError {
			span.SetStatus(codes.Error, "")
		}
	}
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
