package obsgin_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"runtime"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel/baggage"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable/obsgin"
)

type traceOption = trace.SpanStartOption

const (
	traceID     = "0af7651916cd43dd8448eb211c80319c"
	parentID    = "b7ad6b7169203331"
	traceparent = "00-" + traceID + "-" + parentID + "-01"
)

// The context of the caller comes in, and goes out with a client that a handler calls.
func TestTheTraceGoesThroughTheHandler(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		var seen http.Header
		next := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { seen = r.Header }))
		defer next.Close()
		engine := gin.New()
		engine.GET("/call", func(c *gin.Context) {
			ctx := c.Request.Context()
			if got := baggage.FromContext(ctx).Member("user").Value(); got != "ada" {
				t.Errorf("the baggage has the user %q", got)
			}
			request, err := http.NewRequestWithContext(ctx, "GET", next.URL, http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			w3c.Inject(ctx, propagation.HeaderCarrier(request.Header))
			answer, err := http.DefaultClient.Do(request)
			if err != nil {
				t.Fatal(err)
			}
			answer.Body.Close()
			_, child := opts.TracerProvider.Tracer("test").Start(ctx, "child")
			child.End()
		})
		instrument(t, engine, opts)
		get(engine, "GET", "/call", "traceparent", traceparent, "tracestate", "vendor=1", "baggage", "user=ada",
			"baggage", "tier=gold")
		spans := r.take()
		if len(spans) != 2 || spans[0].Name != "child" {
			t.Fatalf("%+v", spans)
		}
		child, request := spans[0], spans[1]
		if request.Trace != traceID || request.Parent != parentID || request.State != "vendor=1" {
			t.Errorf("%+v", request)
		}
		out := strings.Split(seen.Get("Traceparent"), "-")
		if len(out) != 4 || out[1] != traceID || out[2] != child.Parent || out[2] == parentID || out[3] != "01" ||
			seen.Get("Tracestate") != "vendor=1" ||
			!strings.Contains(seen.Get("Baggage"), "user=ada") || !strings.Contains(seen.Get("Baggage"), "tier=gold") {
			t.Errorf("the next service got %v, want the parent %s", seen, child.Parent)
		}
	})
}

// Gin's own Recovery stands before, after or not at all; a panic is counted and goes on.
func TestAPanicIsCountedWhereverItIsRecovered(t *testing.T) {
	boom, recovery := func(*gin.Context) { panic("boom") }, gin.RecoveryWithWriter(nil)
	const counted, span = "1 calls, 0 errors, 1 panics, 0 in flight",
		`Error observable: handler "GET /" panicked: boom`
	for _, row := range []struct {
		name     string
		register func(engine *gin.Engine, observe func())
		status   int
		passes   any
		want     string
		span     string // its status
	}{
		{"no recovery", func(e *gin.Engine, observe func()) { observe(); e.GET("/", boom) }, 0, "boom",
			counted, span},
		{"before", func(e *gin.Engine, observe func()) { e.Use(recovery); observe(); e.GET("/", boom) },
			500, nil, counted, span},
		{"after", func(e *gin.Engine, observe func()) { observe(); e.Use(recovery); e.GET("/", boom) },
			500, nil, counted, span},
		{"of the route", func(e *gin.Engine, observe func()) { e.GET("/", recovery, boom); observe() },
			500, nil, counted, span},
		{"of a middleware", func(e *gin.Engine, observe func()) {
			e.Use(recovery, boom)
			e.GET("/", answerPath)
			observe()
		}, 500, nil, counted, span},
		{"of a handler that is nil", func(e *gin.Engine, observe func()) {
			e.GET("/", recovery, nil, boom)
			observe()
		}, 500, nil, counted, span},
		{"aborted", func(e *gin.Engine, observe func()) {
			observe()
			e.GET("/", func(*gin.Context) { panic(http.ErrAbortHandler) })
		}, 0, http.ErrAbortHandler, "1 calls, 1 errors, 0 panics, 0 in flight", "Error net/http: abort Handler"},
		{"aborted and recovered", func(e *gin.Engine, observe func()) {
			e.Use(recovery)
			e.GET("/", func(*gin.Context) { panic(http.ErrAbortHandler) })
			observe()
		}, 200, nil, "1 calls, 1 errors, 0 panics, 0 in flight", "Error Error #01: net/http: abort Handler"},
	} {
		t.Run(row.name, func(t *testing.T) {
			everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
				engine := gin.New()
				var got func() string
				row.register(engine, func() {
					calls := instrument(t, engine, opts)
					got = func() string { return counts(t, calls, "GET /") }
				})
				answer, passes := get(engine, "GET", "/")
				if passes != row.passes || row.status != 0 && answer.Code != row.status {
					t.Errorf("the status is %d, and the panic %v", answer.Code, passes)
				}
				s := r.one(t)
				if got() != row.want || s.Status != row.span {
					t.Errorf("%s, status %q", got(), s.Status)
				}
				if panics := strings.Contains(row.want, "1 panics"); panics != strings.Contains(fmt.Sprint(s.Events),
					"exception[exception.message=boom exception.type=string]") {
					t.Errorf("events %v", s.Events)
				}
				known := strings.Contains(fmt.Sprint(s.Attributes), "http.response.status_code")
				if known != (row.status != 0) {
					t.Errorf("attributes %v", s.Attributes)
				}
			})
		})
	}
}

// The log of gin.Recovery, and the map, show where the panic was.
func TestAPanicKeepsItsStack(t *testing.T) {
	var log strings.Builder
	engine := gin.New()
	engine.Use(gin.RecoveryWithWriter(&log))
	engine.GET("/", func(*gin.Context) { panicHere() })
	calls := instrument(t, engine, obsgin.Options{})
	get(engine, "GET", "/")
	for name, text := range map[string]string{"log": log.String(),
		"map": string(stats(t, calls, "GET /").LastPanic.Stack)} {
		if !strings.Contains(text, "panicHere") {
			t.Errorf("%s: %s", name, text)
		}
	}
	if _, passes := get(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() {
			stack := make([]byte, 1<<16)
			if stack = stack[:runtime.Stack(stack, false)]; !strings.Contains(string(stack), "panicHere") {
				t.Errorf("a server would log %s", stack)
			}
		}()
		bare := gin.New()
		bare.GET("/", func(*gin.Context) { panicHere() })
		instrument(t, bare, obsgin.Options{})
		bare.ServeHTTP(w, r)
	}), "GET", "/"); passes != "here" {
		t.Errorf("the panic is %v", passes)
	}
}

//go:noinline
func panicHere() { panic("here") }

func TestHandlersThatAbort(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		engine.Use(func(c *gin.Context) {
			if c.Query("token") == "" {
				c.AbortWithStatusJSON(http.StatusUnauthorized, gin.H{"error": "who?"})
			}
		})
		engine.GET("/secret", func(c *gin.Context) {
			_ = c.AbortWithError(http.StatusBadGateway, errors.New("no database"))
		})
		calls := instrument(t, engine, opts)
		get(engine, "GET", "/secret")
		if s := r.one(t); s.Status != "Unset" || !strings.Contains(fmt.Sprint(s.Attributes), "status_code=401") {
			t.Errorf("%+v", s)
		}
		get(engine, "GET", "/secret?token=1")
		if s := r.one(t); s.Status != "Error Error #01: no database" || len(s.Events) != 1 {
			t.Errorf("%+v", s)
		}
		if got := counts(t, calls, "GET /secret"); got != "2 calls, 1 errors, 0 panics, 0 in flight" {
			t.Error(got)
		}
	})
}

func TestARequestIsInFlightUntilItsHandlersReturn(t *testing.T) {
	engine := gin.New()
	var during string
	var look func() string
	engine.GET("/", func(c *gin.Context) { during = look() })
	calls := instrument(t, engine, obsgin.Options{})
	look = func() string { return counts(t, calls, "GET /") }
	get(engine, "GET", "/")
	if want := "1 calls, 0 errors, 0 panics, 1 in flight"; during != want {
		t.Errorf("%s, want %s", during, want)
	}
}

// A request that is sent on is one request, under the route that the client asked for.
func TestHandleContextIsOneRequest(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		engine.GET("/old/:id", func(c *gin.Context) {
			c.Request.URL.Path = "/new/" + c.Param("id")
			engine.HandleContext(c)
		})
		engine.GET("/new/:id", func(c *gin.Context) { c.String(http.StatusTeapot, c.Param("id")) })
		calls := instrument(t, engine, opts)
		answer, _ := get(engine, "GET", "/old/7")
		s := r.one(t)
		if answer.Body.String() != "7" || s.Name != "GET /old/:id" ||
			!strings.Contains(fmt.Sprint(s.Attributes), "status_code=418") {
			t.Errorf("%q %+v", answer.Body, s)
		}
		if s := stats(t, calls, "GET /new/:id"); s.Calls != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// An engine below another one observes its own routes.
func TestAnEngineMayServeRequestsOfAnother(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		outer, inner := gin.New(), gin.New()
		inner.GET("/api/:id", func(c *gin.Context) { panic("boom") })
		outer.Any("/*rest", gin.RecoveryWithWriter(nil), gin.WrapH(inner))
		above, below := instrument(t, outer, opts), instrument(t, inner, opts)
		get(outer, "GET", "/api/1")
		spans := r.take()
		if len(spans) != 2 || spans[0].Name != "GET /api/:id" || spans[1].Name != "GET /*rest" ||
			spans[0].Trace != spans[1].Trace {
			t.Errorf("%+v", spans)
		}
		for name, got := range map[string]string{"outer": counts(t, above, "GET /*rest"),
			"inner": counts(t, below, "GET /api/:id")} {
			if got != "1 calls, 0 errors, 1 panics, 0 in flight" {
				t.Errorf("%s: %s", name, got)
			}
		}
	})
}

// A copy of the context outlives the request, and its goroutine starts children of the span.
func TestACopyInAGoroutineHasTheSpan(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		ended, done := make(chan struct{}), make(chan struct{})
		engine.GET("/", func(c *gin.Context) {
			later := c.Copy()
			go func() {
				defer close(done)
				<-ended
				_, span := opts.TracerProvider.Tracer("test").Start(later.Request.Context(), "later")
				span.End()
			}()
		})
		instrument(t, engine, opts)
		get(engine, "GET", "/", "traceparent", traceparent)
		close(ended)
		<-done
		spans := r.take()
		if len(spans) != 2 || spans[1].Name != "later" || spans[1].Trace != traceID || spans[1].Parent == parentID {
			t.Errorf("%+v", spans)
		}
	})
}

// What a handler has left to a goroutine may send requests to the engine itself, when Gin has taken its own context
// back and uses it for these.
func TestARequestWithTheContextOfAnEndedOneIsObserved(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		left := context.Background()
		engine.GET("/", func(c *gin.Context) { left = c.Request.Context() })
		calls := instrument(t, engine, opts)
		const n = 20 // under the race detector, Gin's pool forgets some of its contexts
		for range n {
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(left, "GET", "/", http.NoBody))
		}
		spans := r.take()
		if len(spans) != n || spans[n-1].Trace != spans[0].Trace {
			t.Errorf("%d spans, want %d of one trace: %+v", len(spans), n, spans)
		}
		if got := counts(t, calls, "GET /"); got != fmt.Sprint(n, " calls, 0 errors, 0 panics, 0 in flight") {
			t.Error(got)
		}
	})
}

// The writer that handlers get is Gin's own, so all that it can do works over a connection.
func TestWritersKeepTheirAbilities(t *testing.T) {
	engine := gin.New()
	engine.GET("/stream", func(c *gin.Context) {
		for i := range 3 {
			fmt.Fprintln(c.Writer, i)
			c.Writer.Flush()
		}
	})
	engine.GET("/hijack", func(c *gin.Context) {
		conn, _, err := c.Writer.Hijack()
		if err != nil {
			t.Error(err)
			return
		}
		defer conn.Close()
		fmt.Fprint(conn, "HTTP/1.1 299 Mine\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
	})
	engine.POST("/form", func(c *gin.Context) { c.String(http.StatusOK, c.PostForm("name")) })
	engine.GET("/controller", func(c *gin.Context) {
		if err := http.NewResponseController(c.Writer).Flush(); err != nil {
			t.Error(err)
		}
	})
	calls := instrument(t, engine, obsgin.Options{})
	server := httptest.NewServer(engine)
	defer server.Close()
	for _, row := range []struct {
		name   string
		send   func() (*http.Response, error)
		status int
		body   string
	}{
		{"GET /stream", func() (*http.Response, error) { return http.Get(server.URL + "/stream") }, 200, "0\n1\n2\n"},
		{"GET /hijack", func() (*http.Response, error) { return http.Get(server.URL + "/hijack") }, 299, ""},
		{"GET /controller", func() (*http.Response, error) { return http.Get(server.URL + "/controller") }, 200, ""},
		{"POST /form", func() (*http.Response, error) {
			return http.PostForm(server.URL+"/form", url.Values{"name": {"ada"}})
		}, 200, "ada"},
	} {
		answer, err := row.send()
		if err != nil {
			t.Fatal(err)
		}
		body, err := io.ReadAll(bufio.NewReader(answer.Body))
		answer.Body.Close()
		if err != nil || answer.StatusCode != row.status || string(body) != row.body {
			t.Errorf("%s: %d %q %v", row.name, answer.StatusCode, body, err)
		}
	}
	server.Close() // waits for handlers
	for _, key := range calls.Keys() {
		if got := counts(t, calls, key); got != "1 calls, 0 errors, 0 panics, 0 in flight" {
			t.Errorf("%s: %s", key, got)
		}
	}
}

// Who serves the engine gets its request back, with the forms that handlers have parsed: the server removes their
// files.
func TestTheServersRequestIsGivenBack(t *testing.T) {
	engine := gin.New()
	var inside *http.Request
	engine.POST("/", func(c *gin.Context) {
		inside = c.Request
		_ = c.PostForm("name")
	})
	instrument(t, engine, obsgin.Options{})
	request := httptest.NewRequest("POST", "/", strings.NewReader("name=ada"))
	request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	engine.ServeHTTP(httptest.NewRecorder(), request)
	if inside == request || request.PostForm.Get("name") != "ada" {
		t.Errorf("the form is %v", request.PostForm)
	}
}

// A program that changes the map does not change what is served.
func TestAChangedMapServesOn(t *testing.T) {
	engine := gin.New()
	engine.GET("/removed", answerPath)
	engine.GET("/replaced", answerPath)
	calls := instrument(t, engine, obsgin.Options{})
	for _, err := range []error{calls.Remove("GET /removed"), calls.Replace("GET /replaced", func() {})} {
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, path := range []string{"/removed", "/replaced"} {
		if answer, _ := get(engine, "GET", path); answer.Body.String() != path {
			t.Errorf("%s: %q", path, answer.Body)
		}
	}
	engine.GET("/own", answerPath)
	if got, _ := get(engine, "GET", "/own"); got.Body.String() != "/own" {
		t.Errorf("%q", got.Body)
	}
	if err := calls.Call(context.Background(), "GET /own"); err == nil ||
		!strings.Contains(err.Error(), "only a request to the engine calls a route") {
		t.Error(err)
	}
}

func TestAFilteredRequestIsServedAndNotObserved(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		opts.Filter = func(c *gin.Context) bool { return c.FullPath() != "/healthz" }
		engine := gin.New()
		engine.GET("/healthz", answerPath)
		engine.GET("/user/:id", answerPath)
		calls := instrument(t, engine, opts)
		for _, path := range []string{"/healthz", "/user/1"} {
			if answer, _ := get(engine, "GET", path); answer.Code != http.StatusOK || answer.Body.Len() == 0 {
				t.Errorf("%s: %d %q", path, answer.Code, answer.Body)
			}
		}
		if s := r.one(t); s.Name != "GET /user/:id" {
			t.Errorf("%+v", s)
		}
		if diff := cmp.Diff(uint64(0), stats(t, calls, "GET /healthz").Calls); diff != "" {
			t.Error(diff)
		}
	})
}
