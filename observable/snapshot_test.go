package observable_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/loadgen-go/loadgen/observable"
)

func TestTheAccountSaysWhenHowLongAndHowManyAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := newMap(t, observable.Options{Histogram: true})
		must(t, m.Register("a", func() { time.Sleep(time.Second) }))
		start := time.Now()
		time.Sleep(time.Minute)
		for range 3 {
			go func() { must(t, m.Call(background, "a")) }()
		}
		synctest.Wait()
		if s := m.Snapshot()[0]; s.InFlight != 3 || s.MostInFlight != 3 || s.Duration.Counts != nil {
			t.Errorf("while they run: %+v", s)
		}
		time.Sleep(time.Minute)
		must(t, m.Call(background, "a"))
		s := m.Snapshot()[0]
		if s.Calls != 4 || s.InFlight != 0 || s.MostInFlight != 3 || s.LastPanic != nil ||
			!s.FirstCall.Equal(start.Add(time.Minute)) || !s.LastCall.Equal(start.Add(2*time.Minute)) {
			t.Errorf("after: %+v", s)
		}
		last := len(s.Duration.Counts) - 1
		if s.Duration.Count() != 4 || s.Duration.Sum != 4*time.Second || s.Duration.Counts[last] != 4 ||
			observable.BucketEnd(last) <= time.Second || observable.BucketEnd(last-1) > time.Second {
			t.Errorf("durations of 1 s are %+v", s.Duration)
		}
	})
}

func TestTheLastPanicIsKeptWithItsStack(t *testing.T) {
	m := newMap(t, observable.Options{})
	n := 0
	must(t, m.Register("a", func() { n++; panic(n) }))
	before := time.Now()
	for range 2 {
		if m.Call(background, "a") == nil {
			t.Error("no error")
		}
	}
	p := m.Snapshot()[0].LastPanic
	if p == nil || p.Value != 2 || !strings.Contains(string(p.Stack), "snapshot_test.go") ||
		p.When.Before(before) || p.When.After(time.Now()) {
		t.Errorf("the last panic is %v", p)
	}
}

// A panic counts as one wherever it was recovered.
func TestAPanicThatWasRecoveredBelowIsAPanic(t *testing.T) {
	var none *observable.PanicError
	recovers := observable.WithRecovery("a")
	below := &observable.PanicError{Key: "below", Value: "boom", Stack: []byte("below.go")}
	for _, row := range []struct {
		name           string
		fn             func(context.Context) error
		errors, panics uint64
	}{
		{"a decorator recovered it", recovers(func(context.Context) error { panic("boom") }), 0, 1},
		{"it is returned", func(context.Context) error { return below }, 0, 1},
		{"it is wrapped", func(context.Context) error { return fmt.Errorf("saving: %w", below) }, 1, 0},
		{"it is nil", func(context.Context) error { return none }, 1, 0},
	} {
		t.Run(row.name, func(t *testing.T) {
			m := newMap(t, observable.Options{})
			must(t, m.RegisterContext("a", row.fn))
			if m.Call(background, "a") == nil {
				t.Error("no error")
			}
			s := m.Snapshot()[0]
			if s.Errors != row.errors || s.Panics != row.panics || (s.LastPanic != nil) != (row.panics == 1) {
				t.Errorf("%+v, want %d errors and %d panics", s, row.errors, row.panics)
			}
		})
	}
}

func TestAnUncountedMapCountsNothingAndRecoversAllTheSame(t *testing.T) {
	var calls int
	for name, opts := range map[string]observable.Options{
		"without hooks": {Uncounted: true},
		"with OnCall":   {Uncounted: true, OnCall: func(string, time.Duration, error) { calls++ }},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMap(t, opts)
			must(t, m.Register("a", func() { panic(io.EOF) }))
			var p *observable.PanicError
			if err := m.Call(background, "a"); !errors.As(err, &p) || !errors.Is(err, io.EOF) {
				t.Errorf("Call = %v", err)
			}
			s := m.Snapshot()[0]
			if s.Key != "a" || s.From == "" || s.Calls != 0 || s.Panics != 0 || s.LastPanic != nil ||
				!s.FirstCall.IsZero() {
				t.Errorf("%+v", s)
			}
		})
	}
	if calls != 1 {
		t.Errorf("OnCall was called %d times, want once", calls)
	}
}

func TestAHandlerMayEndItsGoroutineUnderAnyOptions(t *testing.T) {
	for name, opts := range everyKind {
		t.Run(name, func(t *testing.T) {
			m := newMap(t, opts)
			must(t, m.Register("exit", runtime.Goexit))
			done := make(chan struct{})
			go func() {
				defer close(done)
				t.Errorf("Call returned %v", m.Call(background, "exit"))
			}()
			<-done
		})
	}
}

func TestACallWithoutProvidersAllocatesNothing(t *testing.T) {
	kinds := map[string]observable.Options{
		"histogram": {Histogram: true},
		"repeated":  {Panics: observable.RepeatPanics},
		"OnCall":    {OnCall: func(string, time.Duration, error) {}},
	}
	for name, opts := range everyKind {
		kinds[name] = opts
	}
	for name, opts := range kinds {
		t.Run(name, func(t *testing.T) {
			m := newMap(t, opts)
			must(t, m.Register("a", func() {}))
			must(t, m.RegisterContext("b", func(context.Context) error { return io.EOF }))
			for _, key := range m.Keys() {
				h, err := m.Handle(key)
				must(t, err)
				if n := testing.AllocsPerRun(100, func() {
					_ = m.Call(background, key)
					_ = h.Call(background)
				}); n != 0 {
					t.Errorf("%s: %v allocations", key, n)
				}
			}
		})
	}
}

// The SDK records a panic if it passes through a deferred End of a span.
func TestAPanicIsOnTheSpanAsTheSDKRecordsIt(t *testing.T) {
	for kind, value := range map[string]any{
		"string":           "boom",
		"error":            io.EOF,
		"predeclared type": 3,
		"pointer":          &touchy{"x"},
		"unnamed type":     []int{1},
	} {
		for name, policy := range everyPolicy {
			t.Run(kind+", "+name, func(t *testing.T) {
				spans := tracetest.NewSpanRecorder()
				provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
				thrown(func() {
					_, span := provider.Tracer("").Start(background, "a")
					defer span.End()
					panic(value)
				})
				m := newMap(t, observable.Options{TracerProvider: provider, Panics: policy})
				must(t, m.Register("a", func() { panic(value) }))
				thrown(func() { _ = m.Call(background, "a") })
				want, got := spans.Ended()[0].Events(), spans.Ended()[1].Events()
				if len(want) != 1 || len(got) != 1 || got[0].Name != want[0].Name {
					t.Fatalf("events are %v, want %v", got, want)
				}
				w, g := attribute.NewSet(want[0].Attributes...), attribute.NewSet(got[0].Attributes...)
				for _, key := range []attribute.Key{"exception.type", "exception.message"} {
					wv, _ := w.Value(key)
					if gv, _ := g.Value(key); gv.AsString() != wv.AsString() {
						t.Errorf("%s is %q, want %q", key, gv.AsString(), wv.AsString())
					}
				}
				stack, _ := g.Value("exception.stacktrace")
				if !strings.Contains(stack.AsString(), "snapshot_test.go") || w.Len() > 3 {
					t.Errorf("the stack is %q; the SDK has %v", stack.AsString(), w.ToSlice())
				}
				if spans.Ended()[1].Status().Code != codes.Error {
					t.Errorf("the status is %v", spans.Ended()[1].Status())
				}
			})
		}
	}
}

func ExampleMap_Snapshot() {
	m, err := observable.New(observable.Options{})
	if err != nil {
		fmt.Println(err)
		return
	}
	both := make(chan struct{})
	err = errors.Join(
		m.Register("hot", func() {}),
		m.Register("never", func() {}),
		m.Register("twice at once", func() { both <- struct{}{} }),
		m.Register("panics", func() { panic("out of stock") }))
	if err != nil {
		fmt.Println(err)
		return
	}
	ctx := context.Background()
	for range 1000 {
		_ = m.Call(ctx, "hot")
	}
	_ = m.Call(ctx, "panics")
	done := make(chan error)
	for range 2 {
		go func() { done <- m.Call(ctx, "twice at once") }()
	}
	for m.Snapshot()[3].InFlight < 2 {
		runtime.Gosched()
	}
	<-both
	<-both
	<-done
	<-done

	for _, s := range m.Snapshot() {
		switch {
		case s.Calls == 0:
			fmt.Println(s.Key, "is never called")
		case s.Calls >= 1000:
			fmt.Println(s.Key, "is hot:", s.Calls, "calls")
		}
		if s.MostInFlight > 1 {
			fmt.Println(s.Key, "ran", s.MostInFlight, "times at once")
		}
		if p := s.LastPanic; p != nil {
			fmt.Println(s.Key, "panicked:", p.Value, bytes.Contains(p.Stack, []byte("ExampleMap_Snapshot")))
		}
	}
	// Output:
	// hot is hot: 1000 calls
	// never is never called
	// panics panicked: out of stock true
	// twice at once ran 2 times at once
}
