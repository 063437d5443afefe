package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/observable"
)

var background = context.Background()

func newMap(t testing.TB, opts observable.Options) *observable.Map {
	t.Helper()
	m, err := observable.New(opts)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func TestACallOfAMissingKeyIsAnError(t *testing.T) {
	m := newMap(t, observable.Options{})
	var unknown *observable.UnknownKeyError
	if err := m.Call(background, "missing"); !errors.As(err, &unknown) || unknown.Key != "missing" {
		t.Errorf("Call = %v", err)
	}
}

func TestTheZeroMapIsEmpty(t *testing.T) {
	var m observable.Map
	if err := m.Call(background, "a"); err == nil {
		t.Error("calling an empty map is no error")
	}
	must(t, m.Register("a", func() {}))
	must(t, m.Call(background, "a"))
	if len(m.Snapshot()) != 1 {
		t.Errorf("stats are %v", m.Snapshot())
	}
}

func TestRegistrationRefusesNilAndTakenKeysAndSaysWhere(t *testing.T) {
	m := newMap(t, observable.Options{})
	var isNil *observable.NilFuncError
	if err := m.Register("a", nil); !errors.As(err, &isNil) || !strings.Contains(err.Error(), "map_test.go:") {
		t.Errorf("a nil func: %v", err)
	}
	if err := m.RegisterContext("a", nil); !errors.As(err, &isNil) {
		t.Errorf("a nil func of a context: %v", err)
	}
	must(t, m.Register("a", func() {}))
	_, _, line, _ := runtime.Caller(0)
	err := m.Register("a", func() { t.Error("the second handler was called") })
	var taken *observable.DuplicateKeyError
	if !errors.As(err, &taken) || !strings.HasSuffix(taken.First, fmt.Sprintf("map_test.go:%d", line-1)) ||
		!strings.HasSuffix(taken.From, fmt.Sprintf("map_test.go:%d", line+1)) {
		t.Errorf("a taken key: %v", err)
	}
	must(t, m.Call(background, "a"))
	if keys := m.Keys(); len(keys) != 1 || keys[0] != "a" {
		t.Errorf("keys are %v", keys)
	}
}

func TestAPanicIsReturnedAndCountedNeverSwallowed(t *testing.T) {
	m := newMap(t, observable.Options{})
	must(t, m.Register("value", func() { panic("boom") }))
	must(t, m.Register("error", func() { panic(fmt.Errorf("wrapped: %w", io.EOF)) }))
	must(t, m.Register("index", func() { _ = []int{}[len(m.Keys())] }))
	for key, want := range map[string]string{"value": "boom", "error": "wrapped: EOF", "index": "index out of range"} {
		t.Run(key, func(t *testing.T) {
			err := m.Call(background, key)
			var p *observable.PanicError
			if !errors.As(err, &p) || !strings.Contains(err.Error(), want) ||
				!strings.Contains(string(p.Stack), "map_test.go") {
				t.Errorf("the error is %v", err)
			}
		})
	}
	if err := m.Call(background, "error"); !errors.Is(err, io.EOF) {
		t.Errorf("the error in the panic is hidden: %v", err)
	}
	for _, s := range m.Snapshot() {
		if s.Panics != s.Calls || s.Errors != 0 || s.InFlight != 0 {
			t.Errorf("%+v", s)
		}
	}
}

func TestAHandlerThatEndsItsGoroutineIsAccountedFor(t *testing.T) {
	m := newMap(t, observable.Options{})
	must(t, m.Register("exit", runtime.Goexit))
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := m.Call(background, "exit")
		t.Errorf("Call returned %v", err)
	}()
	<-done
	if s := m.Snapshot()[0]; s.Calls != 1 || s.Errors != 1 || s.InFlight != 0 {
		t.Errorf("%+v", s)
	}
}

func TestTheAccountIsExactUnderConcurrency(t *testing.T) {
	const goroutines, each = 8, 1000
	m := newMap(t, observable.Options{})
	entered, leave := make(chan struct{}), make(chan struct{})
	must(t, m.Register("blocks", func() { entered <- struct{}{}; <-leave }))
	must(t, m.RegisterContext("fails", func(context.Context) error { return io.EOF }))
	must(t, m.Register("never", func() {}))
	before := time.Now()
	var wg sync.WaitGroup
	for i := range goroutines {
		wg.Go(func() {
			for range each {
				if err := m.Call(background, "fails"); err != io.EOF {
					t.Errorf("Call = %v", err)
				}
			}
			// Register while other goroutines call.
			must(t, m.Register(fmt.Sprint("late ", i), func() {}))
			must(t, m.Call(background, "blocks"))
		})
		<-entered
	}
	byKey := map[string]observable.Stats{}
	for _, s := range m.Snapshot() {
		byKey[s.Key] = s
	}
	if s := byKey["blocks"]; s.InFlight != goroutines || s.Calls != goroutines {
		t.Errorf("while all block: %+v", s)
	}
	close(leave)
	wg.Wait()
	for _, s := range m.Snapshot() {
		byKey[s.Key] = s
	}
	if s := byKey["blocks"]; s.InFlight != 0 || s.Errors != 0 {
		t.Errorf("after: %+v", s)
	}
	if s := byKey["fails"]; s.Calls != goroutines*each || s.Errors != goroutines*each || s.LastCall.Before(before) ||
		s.LastCall.After(time.Now()) {
		t.Errorf("%+v", s)
	}
	if s := byKey["never"]; s.Calls != 0 || !s.LastCall.IsZero() {
		t.Errorf("%+v", s)
	}
	if len(byKey) != 3+goroutines {
		t.Errorf("%d handlers", len(byKey))
	}
}

func TestEveryCallHasASpanThatItsHandlerSees(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	m := newMap(t, observable.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		Attributes:     []attribute.KeyValue{attribute.String("tenant", "acme")},
	})
	var seen trace.SpanContext
	must(t, m.RegisterContext("works", func(ctx context.Context) error {
		seen = trace.SpanContextFromContext(ctx)
		return nil
	}))
	must(t, m.RegisterContext("fails", func(context.Context) error { return io.EOF }))
	must(t, m.Register("panics", func() { panic("boom") }))
	for _, key := range m.Keys() {
		if err := m.Call(background, key); (err == nil) != (key == "works") {
			t.Errorf("%s: %v", key, err)
		}
	}
	ended := map[string]sdktrace.ReadOnlySpan{}
	for _, s := range spans.Ended() {
		ended[s.Name()] = s
		set := attribute.NewSet(s.Attributes()...)
		if v, _ := set.Value(observable.KeyAttribute); v.AsString() != s.Name() {
			t.Errorf("%s: attributes %v", s.Name(), s.Attributes())
		}
		if v, _ := set.Value("tenant"); v.AsString() != "acme" {
			t.Errorf("%s: attributes %v", s.Name(), s.Attributes())
		}
	}
	if len(ended) != 3 || !ended["works"].SpanContext().Equal(seen) || ended["works"].Status().Code != codes.Unset {
		t.Errorf("spans %v, the handler saw %v", ended, seen)
	}
	for _, key := range []string{"fails", "panics"} {
		if s := ended[key]; s.Status().Code != codes.Error || len(s.Events()) != 1 {
			t.Errorf("%s: status %v, events %v", key, s.Status(), s.Events())
		}
	}
}

// touchy is an error whose Error method panics on a nil pointer.
type touchy struct{ text string }

func (e *touchy) Error() string { return e.text }

func TestAnErrorThatPanicsIsReturnedAndItsSpanEnds(t *testing.T) {
	spans := tracetest.NewSpanRecorder()
	m := newMap(t, observable.Options{TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))})
	must(t, m.RegisterContext("a", func(context.Context) error { return (*touchy)(nil) }))
	if _, ok := m.Call(background, "a").(*touchy); !ok {
		t.Error("the error is not the one of the handler")
	}
	if s := m.Snapshot()[0]; s.Errors != 1 || s.InFlight != 0 {
		t.Errorf("stats are %+v", s)
	}
	ended := spans.Ended()
	if len(ended) != 1 || ended[0].Status().Code != codes.Error ||
		!strings.Contains(ended[0].Status().Description, "touchy") {
		t.Errorf("spans %v", ended)
	}
}

func TestMetricsCountEveryOutcome(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	m := newMap(t, observable.Options{MeterProvider: sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))})
	must(t, m.Register("a", func() {}))
	must(t, m.RegisterContext("b", func(context.Context) error { return io.EOF }))
	must(t, m.Register("c", func() { panic("boom") }))
	for range 3 {
		for _, key := range m.Keys() {
			if err := m.Call(background, key); (err == nil) != (key == "a") {
				t.Errorf("%s: %v", key, err)
			}
		}
	}
	var rm metricdata.ResourceMetrics
	must(t, reader.Collect(background, &rm))
	got := map[string]uint64{}
	for _, metric := range rm.ScopeMetrics[0].Metrics {
		switch d := metric.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range d.DataPoints {
				got[metric.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = uint64(p.Value)
			}
		case metricdata.Histogram[float64]:
			for _, p := range d.DataPoints {
				got[metric.Name+" "+p.Attributes.Encoded(attribute.DefaultEncoder())] = p.Count
			}
		}
	}
	for key, outcome := range map[string]string{"a": "ok", "b": "error", "c": "panic"} {
		for _, name := range []string{"observable.calls", "observable.duration"} {
			id := fmt.Sprintf("%s observable.key=%s,observable.outcome=%s", name, key, outcome)
			if got[id] != 3 {
				t.Errorf("%s is %d, want 3 (all: %v)", id, got[id], got)
			}
		}
	}
}

type recorder struct {
	mu        sync.Mutex
	durations []time.Duration
}

func (r *recorder) Record(d time.Duration) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.durations = append(r.durations, d)
}

func TestTheLatencyInstrumentOfAKeyTakesEveryCall(t *testing.T) {
	got := map[string]*recorder{}
	m := newMap(t, observable.Options{Latency: func(key string) observable.Instrument {
		got[key] = &recorder{}
		return got[key]
	}})
	must(t, m.Register("a", func() {}))
	must(t, m.Register("b", func() { panic("boom") }))
	for range 5 {
		must(t, m.Call(background, "a"))
		if m.Call(background, "b") == nil {
			t.Error("no error")
		}
	}
	for key, r := range got {
		if len(r.durations) != 5 {
			t.Errorf("%s: the instrument got %v, want 5 durations", key, r.durations)
		}
	}
	if len(got) != 2 {
		t.Errorf("instruments of %d keys, want 2", len(got))
	}
}

func ExampleMap() {
	m, err := observable.New(observable.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	if err := m.Register("greet", func() { fmt.Println("hello") }); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(m.Call(context.Background(), "greet"))
	fmt.Println(m.Call(context.Background(), "great"))
	fmt.Println(m.Snapshot()[0].Calls)
	// Output:
	// hello
	// <nil>
	// observable: no handler is registered for "great"
	// 1
}
