package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"os/exec"
	"runtime"
	"slices"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable"
)

// cronJob is the Job of robfig/cron.
type cronJob interface{ Run() }

var _ cronJob = observable.Job(nil)

// A counter is a job that counts its runs.
type counter struct{ runs int }

func (c *counter) Run() { c.runs++ }

func TestAJobIsAFunctionAndAFunctionIsAJob(t *testing.T) {
	var c counter
	var job cronJob = observable.Job(observable.FromJob(&c))
	job.Run()
	if c.runs != 1 {
		t.Errorf("%d runs", c.runs)
	}
	allocations(t, "a job", 0, job.Run)
}

// A query is a request of a protocol other than HTTP.
type query struct{ ctx context.Context }

func (q *query) Context() context.Context                          { return q.ctx }
func (q *query) WithContext(ctx context.Context) *query            { return &query{ctx} }
func unexpected(_ http.ResponseWriter, _ *http.Request, err error) { panic(err) }

// respond returns the response of serve to a request with ctx.
func respond(ctx context.Context, serve http.HandlerFunc) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	serve(w, httptest.NewRequest("GET", "/greet?name=gopher", nil).WithContext(ctx))
	return w
}

func greet(w http.ResponseWriter, r *http.Request) {
	fmt.Fprintf(w, "hello, %s", r.FormValue("name"))
}

func TestAnHTTPHandlerIsServedThroughItsDecorators(t *testing.T) {
	var log []string
	f := observable.Chain(observable.HTTP(http.HandlerFunc(greet)), tracing(&log, "a"))
	w := respond(t.Context(), observable.Serve(f, unexpected))
	if got := w.Body.String(); got != "hello, gopher" {
		t.Errorf("answered %q", got)
	}
	if want := []string{"enter a", "leave a"}; !slices.Equal(log, want) {
		t.Errorf("ran %q, want %q", log, want)
	}
}

func TestTheHandlerGetsTheWriterAndTheRequestThemselves(t *testing.T) {
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	called := false
	observable.Serve(observable.HTTP(func(gotW http.ResponseWriter, gotR *http.Request) {
		called = gotW == http.ResponseWriter(w) && gotR == r
	}), unexpected)(w, r)
	if !called {
		t.Error("the handler got another writer or request")
	}
}

func TestTheHandlersRequestHasTheContextOfTheRun(t *testing.T) {
	type key struct{}
	var value any
	var span trace.SpanContext
	m, err := observable.New(observable.Options{TracerProvider: sdktrace.NewTracerProvider()})
	if err != nil {
		t.Fatal(err)
	}
	if err := m.RegisterContext("greet", observable.HTTP(func(_ http.ResponseWriter, r *http.Request) {
		value = r.Context().Value(key{})
		span = trace.SpanContextFromContext(r.Context())
	})); err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(context.WithValue(t.Context(), key{}, "outer"))
	respond(ctx, observable.Serve(func(ctx context.Context) error {
		err := m.Call(ctx, "greet")
		cancel(io.EOF)
		if context.Cause(ctx) != io.EOF {
			t.Error("the cancellation of the request did not reach the function")
		}
		return err
	}, unexpected))
	if value != "outer" {
		t.Errorf("the value is %v", value)
	}
	if !span.IsValid() {
		t.Error("the span of the call is not in the context of the request")
	}
}

func TestAnErrorOfTheRunIsAnswered(t *testing.T) {
	onError := func(w http.ResponseWriter, r *http.Request, err error) {
		http.Error(w, fmt.Sprintf("%s: %v", r.URL.Path, err), http.StatusInternalServerError)
	}
	f := observable.HTTP(func(http.ResponseWriter, *http.Request) { panic("boom") })
	w := respond(t.Context(), observable.Serve(observable.WithRecovery("greet")(f), onError))
	if got := w.Body.String(); w.Code != 500 || !strings.Contains(got, `/greet: `) || !strings.Contains(got, "boom") {
		t.Errorf("answered %d %q", w.Code, got)
	}
	w = respond(t.Context(), observable.Serve(observable.HTTP(greet), onError))
	if w.Code != 200 {
		t.Errorf("without an error, the answer has the status %d, want 200", w.Code)
	}
}

func TestAPanicOfAHandlerPasses(t *testing.T) {
	defer func() {
		if recover() != http.ErrAbortHandler {
			t.Error("the panic did not pass through")
		}
	}()
	respond(t.Context(), observable.Serve(observable.HTTP(func(http.ResponseWriter, *http.Request) {
		panic(http.ErrAbortHandler)
	}), unexpected))
}

func TestARecoveredAbortArrivesAtOnError(t *testing.T) {
	var got error
	respond(t.Context(), observable.Serve(observable.WithRecovery("a")(observable.HTTP(func(http.ResponseWriter,
		*http.Request) {
		panic(http.ErrAbortHandler)
	})), func(_ http.ResponseWriter, _ *http.Request, err error) { got = err }))
	if !errors.Is(got, http.ErrAbortHandler) {
		t.Errorf("the error is %v", got)
	}
}

func TestAHandlerOutsideServeIsAnErrorThatNamesWhatIsMissing(t *testing.T) {
	f := observable.HTTP(greet)
	err := f(t.Context())
	if err == nil || !strings.Contains(err.Error(), "http.ResponseWriter") ||
		!strings.Contains(err.Error(), "*http.Request") {
		t.Errorf("the error is %v", err)
	}
	// HTTP does not accept an exchange of other types.
	observable.Serve(f, func(_ int, _ *query, got error) { err = got })(1, &query{t.Context()})
	if err == nil || !strings.Contains(err.Error(), "http.ResponseWriter") {
		t.Errorf("the error is %v", err)
	}
}

func TestServingAllocatesOneExchange(t *testing.T) {
	serve := observable.Serve(observable.Chain(observable.HTTP(func(http.ResponseWriter, *http.Request) {}),
		observable.WithRecovery("a")), unexpected)
	w, r := httptest.NewRecorder(), httptest.NewRequest("GET", "/", nil)
	allocations(t, "a request", 1, func() { serve(w, r) })
	// Take the minimum of a few rounds, since the runtime sometimes allocates, too.
	const requests = 1000
	bytes := uint64(math.MaxUint64)
	for range 5 {
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		for range requests {
			serve(w, r)
		}
		runtime.ReadMemStats(&after)
		bytes = min(bytes, (after.TotalAlloc-before.TotalAlloc)/requests)
	}
	if bytes != 48 {
		t.Errorf("%d B a request, want 48", bytes)
	}
}

// A program that serves nothing and schedules nothing does not link net/http or cron.
func TestThePackageNeedsNeitherHTTPNorCron(t *testing.T) {
	out, err := exec.Command("go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatal(err)
	}
	for dep := range strings.FieldsSeq(string(out)) {
		if strings.HasPrefix(dep, "net/http") || strings.Contains(dep, "cron") {
			t.Errorf("the package depends on %s", dep)
		}
	}
}

func ExampleServe() {
	greet := func(w http.ResponseWriter, r *http.Request) {
		if r.FormValue("name") == "" {
			panic("nobody to greet")
		}
		fmt.Fprint(w, "hello, ", r.FormValue("name"))
	}
	handle := observable.Serve(
		observable.Chain(observable.HTTP(greet), observable.WithRecovery("greet")),
		func(w http.ResponseWriter, _ *http.Request, err error) {
			http.Error(w, err.Error(), http.StatusInternalServerError)
		})

	mux := http.NewServeMux()
	mux.HandleFunc("GET /greet", handle)
	for _, url := range []string{"/greet?name=gopher", "/greet"} {
		w := httptest.NewRecorder()
		mux.ServeHTTP(w, httptest.NewRequest("GET", url, nil))
		fmt.Println(w.Code, strings.TrimSpace(w.Body.String()))
	}
	// Output:
	// 200 hello, gopher
	// 500 observable: handler "greet" panicked: nobody to greet
}

func ExampleJob() {
	clean := func(ctx context.Context) error { return errors.New("nothing to clean") }
	report := func(err error) { fmt.Println("clean:", err) }

	// cron.New().AddJob("@hourly", job)
	job := observable.Job(observable.Plain(context.Background(), clean, report))
	job.Run()

	// FromJob makes a function that a map can hold out of any job.
	var m observable.Map
	if err := m.Register("clean", observable.FromJob(job)); err != nil {
		fmt.Println(err)
	}
	fmt.Println(m.Call(context.Background(), "clean"))
	// Output:
	// clean: nothing to clean
	// clean: nothing to clean
	// <nil>
}
