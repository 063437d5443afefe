package obsgin_test

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
	"go.opentelemetry.io/otel"

	"github.com/loadgen-go/loadgen/observable/obsgin"
)

// answerPath answers with the template of the route.
func answerPath(c *gin.Context) { c.String(http.StatusOK, c.FullPath()) }

func TestEveryRouteIsObservedWheneverItWasRegistered(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		engine.HandleMethodNotAllowed = true
		engine.GET("/before/:id", answerPath)
		engine.GET(`/colon\:before`, answerPath)
		engine.StaticFS("/files", http.Dir(t.TempDir()))
		early := engine.Group("/early", func(c *gin.Context) { c.Header("Group", "early") })
		early.GET("/one", answerPath)
		calls := instrument(t, engine, opts)
		early.GET("/two/*rest", answerPath)
		early.Group("/nested").GET("/three", answerPath)
		engine.Any("/after/:id", answerPath)
		engine.Group("/late").GET("/four", answerPath)
		engine.GET("/", answerPath)
		engine.GET(`/colon\:after`, answerPath)
		for _, row := range []struct{ method, path, name, key string }{
			{"GET", "/before/1", "GET /before/:id", ""},
			{"GET", "/before/2", "GET /before/:id", ""},
			{"GET", "/colon:before", "GET /colon:before", ""},
			{"GET", "/colon:after", "GET /colon:after", ""},
			{"GET", "/files/none", "GET /files/*filepath", ""},
			{"HEAD", "/files/none", "HEAD /files/*filepath", ""},
			{"GET", "/early/one", "GET /early/one", ""},
			{"GET", "/early/two/x/y", "GET /early/two/*rest", ""},
			{"GET", "/early/nested/three", "GET /early/nested/three", ""},
			{"OPTIONS", "/after/1", "OPTIONS /after/:id", ""},
			{"HEAD", "/after/1", "HEAD /after/:id", ""},
			{"GET", "/late/four", "GET /late/four", ""},
			{"GET", "/", "GET /", ""},
			{"GET", "/nothing/1", "GET", obsgin.Unmatched},
			{"POST", "/early/one", "POST", obsgin.Unmatched}, // 405
			{"BREW", "/nothing/2", "HTTP", obsgin.Unmatched},
		} {
			key := row.name
			if row.key != "" {
				key = row.key
			}
			before := 0
			if slices.Contains(calls.Keys(), key) {
				before = int(stats(t, calls, key).Calls)
			}
			if _, panicked := get(engine, row.method, row.path); panicked != nil {
				t.Fatal(panicked)
			}
			if s := r.one(t); s.Name != row.name || s.Kind != "server" {
				t.Errorf("%s %s has the span %q of kind %s, want %q", row.method, row.path, s.Name, s.Kind, row.name)
			}
			if n := int(stats(t, calls, key).Calls); n != before+1 {
				t.Errorf("%s %s made %d calls of %d", row.method, row.path, n, before)
			}
		}
	})
}

// A route that was never called has a row too, and no client can add rows.
func TestKeysAreThoseOfTheRoutes(t *testing.T) {
	engine := gin.New()
	engine.GET("/before", answerPath)
	calls := instrument(t, engine, obsgin.Options{})
	if diff := cmp.Diff([]string{"GET /before"}, calls.Keys()); diff != "" {
		t.Error(diff)
	}
	engine.Handle("BREW", "/pot", answerPath)
	engine.Handle("COOL", "/pot", answerPath)
	for i := range 20 {
		get(engine, fmt.Sprintf("M%d", i), fmt.Sprintf("/none/%d", i))
	}
	get(engine, "BREW", "/pot")
	get(engine, "COOL", "/pot")
	if diff := cmp.Diff([]string{"GET /before", "HTTP /pot", obsgin.Unmatched}, calls.Keys()); diff != "" {
		t.Error(diff)
	}
	for key, want := range map[string]uint64{"GET /before": 0, "HTTP /pot": 2, obsgin.Unmatched: 20} {
		if s := stats(t, calls, key); s.Calls != want || s.Duration.Count() != want {
			t.Errorf("%s: %d calls, %d durations, want %d", key, s.Calls, s.Duration.Count(), want)
		}
	}
}

func TestRequestsOfANewEngineMayComeTogether(t *testing.T) {
	engine := gin.New()
	group := engine.Group("/g")
	calls := instrument(t, engine, obsgin.Options{})
	group.GET("/:id", answerPath)
	var wait sync.WaitGroup
	for i := range 20 {
		wait.Go(func() {
			for range 5 {
				if answer, _ := get(engine, "GET", fmt.Sprintf("/g/%d", i)); answer.Body.String() != "/g/:id" {
					t.Errorf("the answer is %q", answer.Body)
				}
			}
		})
	}
	wait.Wait()
	if got := counts(t, calls, "GET /g/:id"); got != "100 calls, 0 errors, 0 panics, 0 in flight" {
		t.Error(got)
	}
}

func TestTheOrderOfHandlersIsKept(t *testing.T) {
	var order []string
	step := func(name string) gin.HandlerFunc {
		return func(c *gin.Context) {
			order = append(order, name+" in")
			c.Next()
			order = append(order, name+" out")
		}
	}
	engine := gin.New()
	engine.Use(step("first"))
	engine.GET("/before", step("own"), func(c *gin.Context) { order = append(order, c.HandlerName()) })
	instrument(t, engine, obsgin.Options{})
	engine.Use(step("second"))
	engine.GET("/after", func(*gin.Context) { order = append(order, "handler") })
	engine.NoRoute(func(*gin.Context) { order = append(order, "no route") })
	for _, row := range []struct {
		path string
		want string
	}{
		{"/before", "first in, own in, github.com/loadgen-go/loadgen/observable/obsgin_test." +
			"TestTheOrderOfHandlersIsKept.func2, own out, first out"},
		{"/after", "first in, second in, handler, second out, first out"},
		{"/none", "first in, second in, no route, second out, first out"},
	} {
		order = nil
		get(engine, "GET", row.path)
		if got := strings.Join(order, ", "); got != row.want {
			t.Errorf("%s: %s\nwant %s", row.path, got, row.want)
		}
	}
}

func TestARouteWithTooManyHandlersIsServedAndReported(t *testing.T) {
	many := slices.Repeat([]gin.HandlerFunc{func(*gin.Context) {}}, 59)
	engine := gin.New()
	engine.GET("/most", append(slices.Clone(many), answerPath)...)
	engine.GET("/many", append(slices.Clone(many), many[0], answerPath)...)
	calls := instrument(t, engine, obsgin.Options{})
	var reported []string
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) { reported = append(reported, err.Error()) }))
	for _, path := range []string{"/most", "/many"} {
		if answer, _ := get(engine, "GET", path); answer.Body.String() != path {
			t.Errorf("%s: the answer is %q", path, answer.Body)
		}
	}
	want := []string{"obsgin: the route /many has 61 handlers: want at most 60, or it is not observed"}
	if diff := cmp.Diff(want, reported); diff != "" {
		t.Error(diff)
	}
	if got := stats(t, calls, "GET /most").Calls; got != 1 {
		t.Errorf("%d calls of /most", got)
	}
}

func TestWrongUsesAreErrors(t *testing.T) {
	instrumented, used := gin.New(), gin.New()
	instrument(t, instrumented, obsgin.Options{})
	middleware, _, err := obsgin.Middleware(obsgin.Options{})
	if err != nil {
		t.Fatal(err)
	}
	used.Use(middleware)
	for _, row := range []struct {
		name   string
		engine *gin.Engine
		opts   obsgin.Options
		want   string
	}{
		{"no engine", nil, obsgin.Options{}, "obsgin: the engine is nil: want one of gin.New or gin.Default"},
		{"twice", instrumented, obsgin.Options{}, "observed already: want one call of Instrument or Middleware"},
		{"both", used, obsgin.Options{}, "observed already"},
		{"a server", gin.New(), obsgin.Options{Server: "a:b:c"}, `Options.Server is "a:b:c": want HOST or HOST:PORT`},
		{"an option", gin.New(), obsgin.Options{SpanOptions: make([]traceOption, 1)}, "SpanOptions has a nil"},
	} {
		t.Run(row.name, func(t *testing.T) {
			_, err := obsgin.Instrument(row.engine, row.opts)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("%v, want %s", err, row.want)
			}
		})
	}
}

// Middleware is for versions of Gin that Instrument does not know.
func TestMiddlewareObservesRoutesThatComeAfterIt(t *testing.T) {
	everyProvider(t, func(t *testing.T, r *recorder, opts obsgin.Options) {
		engine := gin.New()
		engine.GET("/before", answerPath)
		middleware, calls, err := obsgin.Middleware(opts)
		if err != nil {
			t.Fatal(err)
		}
		engine.Use(middleware)
		engine.GET("/after/:id", middleware, answerPath) // twice is once
		for _, path := range []string{"/before", "/after/1", "/none"} {
			get(engine, "GET", path)
		}
		var names []string
		for _, s := range r.take() {
			names = append(names, s.Name)
		}
		if diff := cmp.Diff([]string{"GET /after/:id", "GET"}, names); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]string{"GET /after/:id", obsgin.Unmatched}, calls.Keys()); diff != "" {
			t.Error(diff)
		}
	})
}
