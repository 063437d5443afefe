package obsgin_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"html/template"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/contrib/instrumentation/github.com/gin-gonic/gin/otelgin"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/propagation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/obsgin"
)

// register adds the routes of the comparison with otelgin.
func register(engine *gin.Engine) {
	engine.HandleMethodNotAllowed = true
	engine.SetHTMLTemplate(template.Must(template.New("hello").Parse("hello {{.}}")))
	engine.GET("/user/:id", func(c *gin.Context) { c.String(http.StatusOK, c.Param("id")) })
	engine.POST("/user/:id", func(c *gin.Context) { c.Status(http.StatusCreated) })
	engine.HEAD("/user/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	engine.OPTIONS("/user/:id", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	engine.GET("/status/:code", func(c *gin.Context) {
		var code int
		_, _ = fmt.Sscan(c.Param("code"), &code)
		c.Status(code)
	})
	engine.GET("/errors", func(c *gin.Context) {
		_ = c.Error(errors.New("oh no one"))
		_ = c.AbortWithError(http.StatusInternalServerError, errors.New("oh no two"))
	})
	engine.GET("/fine", func(c *gin.Context) {
		_ = c.Error(errors.New("something went wrong"))
		c.JSON(http.StatusOK, nil)
	})
	engine.Handle("BREW", "/pot", func(c *gin.Context) { c.Status(http.StatusTeapot) })
}

// comparison has requests to both, and what is meant to differ.
var comparison = []struct {
	name   string
	change func(r *http.Request)
	method string
	path   string
	differ []string // attributes of otelgin - and obsgin +
}{
	{name: "a parameter", method: "GET", path: "/user/123?q=1"},
	{name: "a body", method: "POST", path: "/user/1"},
	{name: "HEAD", method: "HEAD", path: "/user/1"},
	{name: "OPTIONS", method: "OPTIONS", path: "/user/1"},
	{name: "400", method: "GET", path: "/status/400"},
	{name: "404 of a handler", method: "GET", path: "/status/404"},
	{name: "500", method: "GET", path: "/status/500"},
	{name: "503", method: "GET", path: "/status/503"},
	{name: "no status of HTTP", method: "GET", path: "/status/700"},
	{name: "errors", method: "GET", path: "/errors"},
	{name: "an error and 200", method: "GET", path: "/fine"},
	// An attribute that is not known is left out.
	{name: "no route", method: "GET", path: "/none/1", differ: []string{"-http.route="}},
	{name: "no method", method: "PATCH", path: "/user/1", differ: []string{"-http.route="}},
	// The conventions have _OTHER for methods that are no standard.
	{name: "a method that is no standard", method: "BREW", path: "/pot",
		differ: []string{"-http.request.method=GET", "+http.request.method=_OTHER"}},
	{name: "HTTP/2", method: "GET", path: "/user/1", change: func(r *http.Request) { r.Proto = "HTTP/2.0" }},
	{name: "QUIC", method: "GET", path: "/user/1", change: func(r *http.Request) { r.Proto = "QUIC/3" }},
	{name: "TLS", method: "GET", path: "/user/1", change: func(r *http.Request) { r.TLS = &tls.ConnectionState{} }},
	{name: "a port", method: "GET", path: "/user/1", change: func(r *http.Request) { r.Host = "example.com:8080" }},
	{name: "the usual port", method: "GET", path: "/user/1", change: func(r *http.Request) { r.Host = "[::1]:80" }},
	{name: "no host", method: "GET", path: "/user/1", change: func(r *http.Request) { r.Host = "::1:x" }},
	{name: "a proxy", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.Header.Set("X-Forwarded-For", "203.0.113.9, 10.0.0.1")
	}},
	{name: "another proxy", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.Header.Set("X-Real-IP", "203.0.113.9")
	}},
	{name: "a peer of IPv6", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.RemoteAddr = "[2001:db8::1]:4000"
	}},
	{name: "a peer with a zone", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.RemoteAddr = "[fe80::1%eth0]:4000"
		r.Header.Set("X-Forwarded-For", "somebody, 10.0.0.1")
	}},
	{name: "a peer of Unix", method: "GET", path: "/user/1", change: func(r *http.Request) { r.RemoteAddr = "@" }},
	{name: "no peer", method: "GET", path: "/user/1", change: func(r *http.Request) { r.RemoteAddr = "" }},
	{name: "an agent", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.Header.Set("User-Agent", "curl/8")
	}},
	{name: "a trace", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.Header.Set("Traceparent", traceparent)
		r.Header.Set("Tracestate", "vendor=1")
	}},
	{name: "a trace that was not sampled", method: "GET", path: "/user/1", change: func(r *http.Request) {
		r.Header.Set("Traceparent", "00-"+traceID+"-"+parentID+"-00")
	}},
}

// Whoever changes from otelgin finds the same spans and metrics.
func TestSpansAndMetricsAreThoseOfOtelgin(t *testing.T) {
	for _, server := range []string{"shop", "shop:8443", ""} {
		everyProvider(t, func(t *testing.T, ours *recorder, opts obsgin.Options) {
			theirs := &recorder{}
			theirReader, ourReader := sdkmetric.NewManualReader(), sdkmetric.NewManualReader()
			them, us := gin.New(), gin.New()
			them.Use(otelgin.Middleware(server, otelgin.WithPropagators(w3c),
				otelgin.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(theirReader))),
				otelgin.WithTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(theirs)))))
			register(them)
			register(us)
			opts.Server = server
			opts.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(ourReader))
			instrument(t, us, opts)
			for _, row := range comparison {
				t.Run(row.name, func(t *testing.T) {
					for _, engine := range []*gin.Engine{them, us} {
						request := httptest.NewRequest(row.method, row.path, strings.NewReader("body"))
						if row.change != nil {
							row.change(request)
						}
						engine.ServeHTTP(httptest.NewRecorder(), request)
					}
					compareSpans(t, theirs.take(), ours.take(), row.differ)
				})
			}
			if server == "shop:8443" { // else otelgin has attributes that clients choose
				compareMetrics(t, collected(t, theirReader), collected(t, ourReader))
			}
		})
	}
}

// compareSpans compares the spans of one request. differ are the attributes that may differ.
func compareSpans(t *testing.T, theirs, ours []spanText, differ []string) {
	t.Helper()
	for _, list := range [][]spanText{theirs, ours} {
		for i := range list {
			if list[i].Parent != parentID {
				list[i].Trace = "" // a new one
			}
			list[i].Attributes = slices.DeleteFunc(list[i].Attributes, func(a string) bool {
				return slices.Contains(differ, "-"+a) || slices.Contains(differ, "+"+a)
			})
		}
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("otelgin - obsgin +\n%s", diff)
	}
}

// collected returns the metrics of a reader by name: help, unit, and counts by attributes.
func collected(t *testing.T, reader sdkmetric.Reader) map[string]map[string]string {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &data); err != nil {
		t.Fatal(err)
	}
	found := map[string]map[string]string{}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			rows := map[string]string{"help": m.Description, "unit": m.Unit}
			switch h := m.Data.(type) {
			case metricdata.Histogram[int64]:
				for _, p := range h.DataPoints {
					rows[p.Attributes.Encoded(attribute.DefaultEncoder())] = fmt.Sprint(p.Count, p.Sum, p.Bounds)
				}
			case metricdata.Histogram[float64]:
				for _, p := range h.DataPoints {
					rows[p.Attributes.Encoded(attribute.DefaultEncoder())] = fmt.Sprint(p.Count, p.Bounds)
				}
			}
			found[m.Name] = rows
		}
	}
	return found
}

// compareMetrics compares metrics. The response that has no body has a size of 0 rather than -1.
func compareMetrics(t *testing.T, theirs, ours map[string]map[string]string) {
	t.Helper()
	const sizes = "http.server.response.body.size"
	for _, list := range []map[string]map[string]string{theirs, ours} {
		for attributes, row := range list[sizes] {
			list[sizes][attributes], _, _ = strings.Cut(row, " ")
		}
	}
	if len(ours) != 3 {
		t.Errorf("%d metrics, want 3", len(ours))
	}
	if diff := cmp.Diff(theirs, ours); diff != "" {
		t.Errorf("otelgin - obsgin +\n%s", diff)
	}
}

func TestNamesOfSpans(t *testing.T) {
	path := func(c *gin.Context) string { return c.Request.URL.Path }
	for _, row := range []struct {
		method, route, path string
		name                func(*gin.Context) string
		want                string
	}{
		{"GET", "/user/:id", "/user/1", nil, "GET /user/:id"},
		{"POST", "/user/:id", "/user/1", nil, "POST /user/:id"},
		{"PUT", "/user/:id", "/user/1", nil, "PUT /user/:id"},
		{"PATCH", "/user/:id", "/user/1", nil, "PATCH /user/:id"},
		{"DELETE", "/user/:id", "/user/1", nil, "DELETE /user/:id"},
		{"CONNECT", "/user/:id", "/user/1", nil, "CONNECT /user/:id"},
		{"OPTIONS", "/user/:id", "/user/1", nil, "OPTIONS /user/:id"},
		{"TRACE", "/user/:id", "/user/1", nil, "TRACE /user/:id"},
		{"GET", "/", "/user/1", nil, "GET"},
		{"INVALID", "/user/:id", "/user/1", nil, "HTTP /user/:id"},
		{"GET", "/user/:id", "/user/1", path, "/user/1"},
		{"GET", "/user/:id", "/user/1", func(*gin.Context) string { return "" }, "GET /user/:id"},
	} {
		t.Run(fmt.Sprint(row.method, row.route, row.name != nil), func(t *testing.T) {
			everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
				opts.SpanName = row.name
				engine := gin.New()
				engine.Handle(row.method, row.route, answerPath)
				instrument(t, engine, opts)
				get(engine, row.method, row.path)
				s := r.one(t)
				if s.Name != row.want || row.route != "/" && !slices.Contains(s.Attributes, "http.route="+row.route) {
					t.Errorf("%+v, want %q", s, row.want)
				}
			})
		})
	}
}

// A sampler sees the route, as with otelgin: many leave out requests for the health of a service.
func TestASamplerSeesTheRoute(t *testing.T) {
	r := &recorder{}
	engine := gin.New()
	engine.GET("/healthz", answerPath)
	engine.GET("/user/:id", answerPath)
	instrument(t, engine, obsgin.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r),
		sdktrace.WithSampler(routeSampler{}))})
	get(engine, "GET", "/healthz")
	get(engine, "GET", "/user/1")
	if s := r.one(t); s.Name != "GET /user/:id" {
		t.Errorf("%+v", s)
	}
}

// A routeSampler drops spans of the route /healthz.
type routeSampler struct{}

func (routeSampler) Description() string { return "routes" }

func (routeSampler) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if slices.Contains(p.Attributes, attribute.String("http.route", "/healthz")) || p.Name == "GET /healthz" {
		return sdktrace.NeverSample().ShouldSample(p)
	}
	return sdktrace.AlwaysSample().ShouldSample(p)
}

func TestOptionsAddToSpansAndMetrics(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		reader := sdkmetric.NewManualReader()
		opts.MeterProvider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		opts.SpanOptions = []trace.SpanStartOption{trace.WithAttributes(attribute.String("custom.key", "custom"))}
		shared := append(make([]attribute.KeyValue, 0, 20), attribute.String("tenant", "a"))
		opts.MetricAttributes = func(*gin.Context) []attribute.KeyValue { return shared }
		engine := gin.New()
		engine.GET("/test", answerPath)
		instrument(t, engine, opts)
		get(engine, "GET", "/test")
		if s := r.one(t); !slices.Contains(s.Attributes, "custom.key=custom") || s.Kind != "server" {
			t.Errorf("%+v", s)
		}
		const want = "http.request.method=GET,http.response.status_code=200,http.route=/test," +
			"network.protocol.name=http,network.protocol.version=1.1,server.address=shop,tenant=a,url.scheme=http"
		for name, rows := range collected(t, reader) {
			if rows[want] == "" {
				t.Errorf("%s: %v", name, rows)
			}
		}
		if shared[:2][1].Valid() {
			t.Error("the slice of the option was written to")
		}
	})
}

func TestGlobalsOfOpenTelemetryAreTheDefault(t *testing.T) {
	r := &recorder{}
	reader := sdkmetric.NewManualReader()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(r)))
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	engine := gin.New()
	engine.GET("/user/:id", answerPath)
	instrument(t, engine, obsgin.Options{})
	otel.SetTextMapPropagator(propagation.TraceContext{}) // later, as in programs that start OpenTelemetry late
	t.Cleanup(func() { otel.SetTextMapPropagator(propagation.NewCompositeTextMapPropagator()) })
	get(engine, "GET", "/user/1", "traceparent", traceparent)
	if s := r.one(t); s.Trace != traceID || s.Parent != parentID ||
		!slices.Contains(s.Attributes, "server.address=example.com") {
		t.Errorf("%+v", s)
	}
	for name, rows := range collected(t, reader) {
		if len(rows) != 3 || strings.Contains(fmt.Sprint(rows), "example.com") {
			t.Errorf("%s: %v, want no host that a client chose", name, rows)
		}
	}
}

func TestHTMLIsRenderedInASpan(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		register(engine)
		engine.GET("/hello", func(c *gin.Context) { obsgin.HTML(c, http.StatusOK, "hello", "world") })
		instrument(t, engine, opts)
		answer, _ := get(engine, "GET", "/hello", "traceparent", traceparent)
		spans := r.take()
		if answer.Body.String() != "hello world" || len(spans) != 2 || spans[0].Name != "gin.renderer.html" ||
			spans[0].Trace != traceID || !slices.Contains(spans[0].Attributes, "go.template=hello") {
			t.Errorf("%q %+v", answer.Body, spans)
		}
	})
	engine := gin.New()
	register(engine)
	engine.GET("/hello", func(c *gin.Context) { obsgin.HTML(c, http.StatusOK, "hello", "nobody") })
	if answer, _ := get(engine, "GET", "/hello"); answer.Body.String() != "hello nobody" {
		t.Errorf("an engine that is not observed: %q", answer.Body)
	}
}
