package obsgin_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/obsgin"
	"github.com/loadgen-go/loadgen/observable/spans"
)

// A nowhere is a response that goes nowhere, and allocates nothing.
type nowhere struct{ header http.Header }

func (n *nowhere) Header() http.Header       { return n.header }
func (*nowhere) Write(p []byte) (int, error) { return len(p), nil }
func (*nowhere) WriteHeader(int)             {}

// An arm is an engine with one route, observed in one way, with spans of a pipeline of package spans.
type arm struct {
	name, pipeline string
	observe        func(t testing.TB, engine *gin.Engine, provider trace.TracerProvider)
}

// arms are what is compared. The first is a bare route, the second the one that the others are compared with.
var arms = []arm{
	{"bare", "none", func(testing.TB, *gin.Engine, trace.TracerProvider) {}},
	{"otelgin", "sdk", func(_ testing.TB, engine *gin.Engine, provider trace.TracerProvider) {
		engine.Use(otelgin.Middleware("shop", otelgin.WithTracerProvider(provider), otelgin.WithPropagators(w3c)))
	}},
	{"obsgin-sdk", "sdk", observeShop},
	{"obsgin-pooled", "pooled", observeShop},
	{"sdk-alone", "sdk", startSpans},
}

// startSpans starts and ends the span that a request has, from attributes that are made once, and does nothing else.
// With spans of the SDK no instrumentation can cost less.
func startSpans(_ testing.TB, engine *gin.Engine, provider trace.TracerProvider) {
	tracer := provider.Tracer("github.com/loadgen-go/loadgen/observable/obsgin")
	first := []attribute.KeyValue{
		semconv.ServerAddress("shop"), semconv.URLScheme("http"), semconv.HTTPRequestMethodGet,
		semconv.NetworkPeerAddress("192.0.2.1"), semconv.NetworkPeerPort(1234), semconv.ClientAddress("192.0.2.1"),
		semconv.UserAgentOriginal("loadgen"), semconv.URLPath("/user/123"), semconv.NetworkProtocolName("http"),
		semconv.NetworkProtocolVersion("1.1"), semconv.HTTPRoute("/user/:id"),
	}
	start := []trace.SpanStartOption{trace.WithSpanKind(trace.SpanKindServer), trace.WithAttributes(first...)}
	last := semconv.HTTPResponseStatusCode(http.StatusNoContent)
	engine.Use(func(c *gin.Context) {
		_, span := tracer.Start(context.Background(), "GET /user/:id", start...)
		c.Next()
		span.SetAttributes(last)
		span.End()
	})
}

func observeShop(t testing.TB, engine *gin.Engine, provider trace.TracerProvider) {
	instrument(t, engine, obsgin.Options{TracerProvider: provider, Propagator: w3c, Server: "shop"})
}

// open returns a function that serves one request of an arm, and one that exports its spans.
func (a arm) open(t testing.TB, processors string) (serve func(), flush func()) {
	t.Helper()
	pipeline, err := spans.Options{Arm: a.pipeline, Processors: processors}.Open()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := pipeline.Close(context.Background()); err != nil {
			t.Error(err)
		}
	})
	engine := gin.New()
	a.observe(t, engine, pipeline.Provider)
	engine.GET("/user/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	request := httptest.NewRequest("GET", "/user/123", http.NoBody)
	request.Header.Set("Traceparent", traceparent)
	request.Header.Set("User-Agent", "loadgen")
	w := &nowhere{header: http.Header{}}
	flush = func() {
		if err := pipeline.Flush(context.Background()); err != nil {
			t.Error(err)
		}
	}
	return func() { engine.ServeHTTP(w, request) }, flush
}

// The bar: at most half of the allocations of otelgin with the SDK. Spans are ended and not exported here, since an
// export allocates in the background.
func TestARequestAllocatesHalfOfWhatOtelginDoes(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector makes pools drop what they are given")
	}
	allocs := map[string]float64{}
	for _, a := range arms {
		serve, _ := a.open(t, "none")
		serve()
		allocs[a.name] = testing.AllocsPerRun(200, serve)
	}
	page, err := os.ReadFile("README.md")
	if err != nil {
		t.Fatal(err)
	}
	for name, row := range map[string]string{"otelgin": "otelgin, spans of the SDK",
		"obsgin-sdk": "obsgin, spans of the SDK", "obsgin-pooled": "obsgin, pooled spans"} {
		if want := fmt.Sprintf("\n| %s | %v |\n", row, allocs[name]); !strings.Contains(string(page), want) {
			t.Errorf("the README has no line%s", want)
		}
	}
	if allocs["bare"] != 0 {
		t.Errorf("a bare route makes %v allocations", allocs["bare"])
	}
	for _, name := range []string{"obsgin-sdk", "obsgin-pooled"} {
		if most := allocs["otelgin"] / 2; allocs[name] > most {
			t.Errorf("%s makes %v allocations, want at most %v", name, allocs[name], most)
		}
	}
}

// BenchmarkRequest measures a request in each way. Spans are encoded and not sent.
func BenchmarkRequest(b *testing.B) {
	for _, a := range arms {
		b.Run(a.name, func(b *testing.B) {
			serve, flush := a.open(b, "batch")
			b.ReportAllocs()
			for b.Loop() {
				serve()
			}
			flush()
		})
	}
}

// BenchmarkAboveABareRoute compares the CPU time that a request costs above a bare route, with the export of its span.
// Each iteration is a round that visits the arms in random order. It reports the medians of the rounds, and for each
// arm the ratio to otelgin with the SDK.
func BenchmarkAboveABareRoute(b *testing.B) {
	const requests = 4000
	serve, flush := make([]func(), len(arms)), make([]func(), len(arms))
	for i, a := range arms {
		serve[i], flush[i] = a.open(b, "batch")
	}
	random := rand.New(rand.NewPCG(1, 2))
	took := make([][]float64, len(arms)) // by arm and round, in nanoseconds of CPU time a request
	for b.Loop() {
		for _, i := range random.Perm(len(arms)) {
			before := cpuTime(b)
			for n := range requests {
				if serve[i](); n%500 == 499 { // so that the queue of the SDK drops nothing
					flush[i]()
				}
			}
			took[i] = append(took[i], float64(cpuTime(b)-before)/requests)
		}
	}
	above := make([][]float64, len(arms))
	for i := range arms {
		for round := range took[i] {
			above[i] = append(above[i], took[i][round]-took[0][round])
		}
	}
	b.ReportMetric(0, "ns/op") // of a whole round says nothing
	for i, a := range arms[1:] {
		b.ReportMetric(median(above[i+1]), a.name+"-cpu-ns")
		if i > 0 {
			var ratios []float64
			for round := range above[i+1] {
				ratios = append(ratios, above[i+1][round]/above[1][round])
			}
			b.ReportMetric(median(ratios), a.name+"/otelgin")
		}
	}
}

// median returns the median of values, of which there is at least one.
func median(values []float64) float64 {
	values = slices.Sorted(slices.Values(values)) // the caller's stay in the order of rounds
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}
