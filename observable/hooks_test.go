package observable_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/loadgen-go/loadgen/observable"
)

func TestHooksAreCalledForReadsWritesAndCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var events []string
		m := newMap(t, observable.Options{
			OnRead:  func(key string) { events = append(events, "read "+key) },
			OnWrite: func(key string, w observable.Write) { events = append(events, fmt.Sprint(w, " ", key)) },
			OnCall: func(key string, took time.Duration, err error) {
				events = append(events, fmt.Sprint("called ", key, " ", took, " ", err))
			},
		})
		must(t, m.Register("a", func() { time.Sleep(time.Second) }))
		must(t, m.Call(background, "a"))
		must(t, m.ReplaceContext("a", func(context.Context) error { return io.EOF }))
		h, err := m.Handle("a")
		must(t, err)
		_ = h.Call(background)
		must(t, m.Replace("a", func() { panic("boom") }))
		_ = h.Call(background)
		must(t, m.Remove("a"))
		_ = m.Call(background, "b")
		want := []string{"registered a", "read a", "called a 1s <nil>", "replaced a", "read a", "called a 0s EOF",
			"replaced a", `called a 0s observable: handler "a" panicked: boom`, "removed a", "read b"}
		if !slices.Equal(events, want) {
			t.Errorf("the hooks were called for\n%s\nwant\n%s", strings.Join(events, "\n"), strings.Join(want, "\n"))
		}
	})
}

// If a hook ran under a lock of the map, this test would not end.
func TestHooksMayUseTheMap(t *testing.T) {
	var m *observable.Map
	calls := 0
	m = newMap(t, observable.Options{
		// A key that the hook registers is found.
		OnRead: func(key string) {
			if !slices.Contains(m.Keys(), key) {
				must(t, m.Register(key, func() {}))
			}
		},
		OnWrite: func(key string, w observable.Write) {
			if w == observable.Registered {
				must(t, m.Replace(key, func() { calls++ }))
			}
		},
		OnCall: func(key string, _ time.Duration, _ error) {
			if s := m.Snapshot(); s[0].InFlight != 0 || s[0].Calls != 1 {
				t.Errorf("in OnCall the account is %+v", s)
			}
			must(t, m.Remove(key))
		},
	})
	must(t, m.Call(background, "a"))
	if calls != 1 || len(m.Keys()) != 0 {
		t.Errorf("%d calls, keys %v", calls, m.Keys())
	}
}

var everyPolicy = map[string]observable.PanicPolicy{
	"recovered": observable.RecoverPanics,
	"repeated":  observable.RepeatPanics,
}

// thrown returns the value that f panics with, or nil.
func thrown(f func()) (value any) {
	defer func() { value = recover() }()
	f()
	return nil
}

func TestACallIsAccountedForEvenIfItsHookPanics(t *testing.T) {
	for name, policy := range everyPolicy {
		t.Run(name, func(t *testing.T) {
			spans := tracetest.NewSpanRecorder()
			m := newMap(t, observable.Options{
				TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
				Panics:         policy,
				Histogram:      true,
				OnCall:         func(string, time.Duration, error) { panic("hook") },
			})
			must(t, m.Register("panics", func() { panic("boom") }))
			must(t, m.Register("returns", func() {}))
			// The panic of the hook does not hide a panic of the handler that is repeated.
			want := map[string]any{"panics": "hook", "returns": "hook"}
			if policy == observable.RepeatPanics {
				want["panics"] = "boom"
			}
			for _, s := range m.Snapshot() {
				if got := thrown(func() { _ = m.Call(background, s.Key) }); got != want[s.Key] {
					t.Errorf("%s: the panic became %v, want %v", s.Key, got, want[s.Key])
				}
			}
			for i, s := range m.Snapshot() {
				if s.Calls != 1 || s.InFlight != 0 || s.Panics != uint64(1-i) || s.Duration.Count() != 1 {
					t.Errorf("%+v", s)
				}
			}
			if n := len(spans.Ended()); n != 2 {
				t.Errorf("%d spans ended", n)
			}
		})
	}
}

func TestAWriteIsMadeEvenIfItsHookPanics(t *testing.T) {
	m := newMap(t, observable.Options{OnWrite: func(string, observable.Write) { panic("hook") }})
	for range 2 {
		if got := thrown(func() { _ = m.Register("a", func() {}) }); got != "hook" {
			t.Errorf("the panic became %v", got)
		}
		must(t, m.Call(background, "a"))
		if got := thrown(func() { _ = m.Remove("a") }); got != "hook" {
			t.Errorf("the panic became %v", got)
		}
	}
}

func TestEverythingThatIsWrongWithOptionsIsReported(t *testing.T) {
	_, err := observable.New(observable.Options{Panics: 7, Uncounted: true, Histogram: true})
	if err == nil || !strings.Contains(err.Error(), "Panics is 7") || !strings.Contains(err.Error(), "Uncounted") {
		t.Errorf("New = %v", err)
	}
	for _, opts := range []observable.Options{{Panics: -1}, {Uncounted: true, Histogram: true}} {
		if _, err := observable.New(opts); err == nil {
			t.Errorf("%+v was accepted", opts)
		}
	}
	_, err = observable.New(observable.Options{Bounds: append([]time.Duration{0, 2, 2},
		make([]time.Duration, observable.MaxBounds)...)})
	for _, want := range []string{"Bounds without Histogram", "has 322 bounds: want at most 319",
		"Bounds[0] is 0s: want a duration above 0", "Bounds[2] is 2ns, after 2ns: want ascending bounds"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q is not in the error: %v", want, err)
		}
	}
	if got := fmt.Sprint(observable.Write(-1), observable.Write(3)); got != "Write(-1) Write(3)" {
		t.Errorf("invalid values of Write print as %s", got)
	}
}

func TestPanicsThatAreLetThroughKeepTheirValueAndAreInTheAccount(t *testing.T) {
	boom := errors.New("boom")
	for name, opts := range everyKind {
		t.Run(name, func(t *testing.T) {
			opts.Panics = observable.RepeatPanics
			m := newMap(t, opts)
			must(t, m.Register("a", func() { panic(boom) }))
			if got := thrown(func() { _ = m.Call(background, "a") }); got != boom {
				t.Errorf("the panic became %v", got)
			}
			if s := m.Snapshot()[0]; !opts.Uncounted &&
				(s.Panics != 1 || s.InFlight != 0 || s.LastPanic.Value != boom) {
				t.Errorf("%+v", s)
			}
		})
	}
}

func TestHooksOfAnUncountedMapAreCalledAllTheSame(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		opts := observable.Options{Uncounted: true, Panics: observable.RepeatPanics}
		var reads int
		opts.OnRead = func(string) { reads++ }
		m := newMap(t, opts)
		must(t, m.Register("a", func() {}))
		must(t, m.Call(background, "a"))
		if reads != 1 {
			t.Errorf("OnRead was called %d times, want once", reads)
		}
		var total time.Duration
		opts.OnCall = func(_ string, took time.Duration, _ error) { total += took }
		m = newMap(t, opts)
		must(t, m.Register("a", func() { time.Sleep(time.Second) }))
		must(t, m.Call(background, "a"))
		if total != time.Second {
			t.Errorf("OnCall got a total of %v, want 1s", total)
		}
	})
}
