package obsgin_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/obsgin"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

func init() { gin.SetMode(gin.ReleaseMode) }

// w3c reads and writes traceparent, tracestate and baggage.
var w3c = propagation.NewCompositeTextMapPropagator(propagation.TraceContext{}, propagation.Baggage{})

// A recorder keeps what is the same of a span whoever made it.
type recorder struct {
	mu    sync.Mutex
	spans []spanText
}

var (
	_ sdktrace.SpanProcessor = (*recorder)(nil)
	_ pooled.NonRetaining    = (*recorder)(nil)
)

// A spanText is a span as texts.
type spanText struct {
	Name, Kind, Status, Trace, Parent, State string
	Attributes                               []string
	Events                                   []string
}

func (*recorder) OnStart(context.Context, sdktrace.ReadWriteSpan) {}
func (*recorder) ForceFlush(context.Context) error                { return nil }
func (*recorder) Shutdown(context.Context) error                  { return nil }
func (*recorder) NonRetaining()                                   {}

func (r *recorder) OnEnd(s sdktrace.ReadOnlySpan) {
	text := spanText{Name: s.Name(), Kind: s.SpanKind().String(), Attributes: attributeTexts(s.Attributes()),
		Status: strings.TrimSpace(fmt.Sprint(s.Status().Code, " ", s.Status().Description)),
		Trace:  s.SpanContext().TraceID().String(), Parent: s.Parent().SpanID().String(),
		State: s.SpanContext().TraceState().String()}
	for _, e := range s.Events() {
		text.Events = append(text.Events, fmt.Sprint(e.Name, attributeTexts(e.Attributes)))
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.spans = append(r.spans, text)
}

// take returns the spans so far, and forgets them.
func (r *recorder) take() []spanText {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.spans = nil }()
	return r.spans
}

// one returns the only span, and forgets it.
func (r *recorder) one(t *testing.T) spanText {
	t.Helper()
	spans := r.take()
	if len(spans) != 1 {
		t.Fatalf("%d spans, want one: %+v", len(spans), spans)
	}
	return spans[0]
}

// attributeTexts returns attributes as sorted texts, without the stacks of panics.
func attributeTexts(attributes []attribute.KeyValue) (texts []string) {
	for _, a := range attributes {
		if a.Key != "exception.stacktrace" {
			texts = append(texts, string(a.Key)+"="+a.Value.String())
		}
	}
	slices.Sort(texts)
	return texts
}

// providers are the ways of making spans that all tests of spans run with.
var providers = map[string]func(t *testing.T, r *recorder) trace.TracerProvider{
	"sdk": func(_ *testing.T, r *recorder) trace.TracerProvider {
		return sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r))
	},
	"pooled": func(t *testing.T, r *recorder) trace.TracerProvider {
		provider, err := pooled.New(pooled.Options{Processors: []sdktrace.SpanProcessor{r}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = provider.Shutdown(context.Background()) })
		return provider
	},
}

// everyProvider runs a test with each of providers.
func everyProvider(t *testing.T, test func(t *testing.T, r *recorder, opts obsgin.Options)) {
	for name, open := range providers {
		t.Run(name, func(t *testing.T) {
			r := &recorder{}
			test(t, r, obsgin.Options{TracerProvider: open(t, r), Propagator: w3c, Server: "shop"})
		})
	}
}

// instrument observes an engine.
func instrument(t testing.TB, engine *gin.Engine, opts obsgin.Options) *observable.Map {
	t.Helper()
	calls, err := obsgin.Instrument(engine, opts)
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

// get sends a request to a handler, and returns the answer. A panic is returned as a value.
func get(handler http.Handler, method, path string, header ...string) (answer *httptest.ResponseRecorder,
	panicked any) {
	answer = httptest.NewRecorder()
	request := httptest.NewRequest(method, path, http.NoBody)
	for i := 0; i+1 < len(header); i += 2 {
		request.Header.Add(header[i], header[i+1])
	}
	defer func() { panicked = recover() }()
	handler.ServeHTTP(answer, request)
	return answer, nil
}

// stats returns the counts of a key.
func stats(t *testing.T, calls *observable.Map, key string) observable.Stats {
	t.Helper()
	all := calls.Snapshot()
	i := slices.IndexFunc(all, func(s observable.Stats) bool { return s.Key == key })
	if i < 0 {
		t.Fatalf("no key %q among %q", key, calls.Keys())
	}
	return all[i]
}

// counts returns the counts of a key as a text.
func counts(t *testing.T, calls *observable.Map, key string) string {
	t.Helper()
	s := stats(t, calls, key)
	return fmt.Sprintf("%d calls, %d errors, %d panics, %d in flight", s.Calls, s.Errors, s.Panics, s.InFlight)
}
