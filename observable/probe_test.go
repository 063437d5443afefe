package observable_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/observable/pooled"
)

func TestAProbeIsInTheAccountAndDoesNotExcludeHandlers(t *testing.T) {
	var called []string
	spans := tracetest.NewSpanRecorder()
	m := newMap(t, observable.Options{
		TracerProvider: sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans)),
		Latency:        func(key string) observable.Instrument { called = append(called, key); return nil },
	})
	must(t, m.Register("a", func() {}))
	a, b := m.Probe("a", "x.go:1"), m.Probe("b", "x.go:2")
	other := m.Probe("b", "y.go:3")
	must(t, m.Register("b", func() {}))
	a.Begin().End(true)
	b.Begin().End(false)
	running := other.Begin()
	must(t, m.Call(background, "b"))
	var got []string
	for _, s := range m.Snapshot() {
		got = append(got, fmt.Sprint(s.Key, " ", s.Calls, s.Errors, s.Panics, s.InFlight))
	}
	running.End(true)
	// A handler that is registered later keeps its key. The probe has another in the snapshot.
	want := "a 0 0 0 0, a@x.go:1 1 0 0 0, b 1 0 0 0, b@x.go:2 1 1 0 0, b@y.go:3 1 0 0 1"
	if text := strings.Join(got, ", "); text != want {
		t.Errorf("the snapshot has %s, want %s", text, want)
	}
	if keys := strings.Join(called, " "); keys != "a a@x.go:1 b b@y.go:3 b" {
		t.Errorf("Latency was called for %s", keys)
	}
	if keys := strings.Join(m.Keys(), " "); keys != "a b" {
		t.Errorf("the keys are %s", keys)
	}
	var ended []string
	for _, s := range spans.Ended() {
		ended = append(ended, strings.TrimSpace(fmt.Sprintln(s.Name(), s.Status().Code, s.Status().Description)))
	}
	if text := strings.Join(ended, ", "); text !=
		`a@x.go:1 Unset, b Error observable: "b" panicked, or called runtime.Goexit, b Unset, b@y.go:3 Unset` {
		t.Errorf("spans %s", text)
	}
}

// A snapshot has each key once: whoever reads it by key, as metrics do, would take two of them for one that begins
// anew.
func TestAProbeIsOneOfItsKeyAndPlace(t *testing.T) {
	m := newMap(t, observable.Options{})
	first, other := m.Probe("a", "x.go:1"), m.Probe("a", "y.go:2")
	for range 2 {
		if m.Probe("a", "x.go:1") != first || m.Probe("a", "y.go:2") != other {
			t.Error("there is another probe of the same key and place")
		}
	}
	must(t, m.Register("a", func() {})) // takes the key
	if m.Probe("a", "x.go:1") != first || m.Probe("a", "y.go:2") != other || first == other {
		t.Error("there is another probe of the same key and place, beside a handler")
	}
	var keys []string
	for _, s := range m.Snapshot() {
		keys = append(keys, s.Key)
	}
	if got := strings.Join(keys, " "); got != "a a@x.go:1 a@y.go:2" {
		t.Errorf("the snapshot has %s", got)
	}
}

func TestTheDefaultMapIsTheFirstUnlessOneIsSet(t *testing.T) {
	first := observable.Default() // of another test, perhaps
	m := newMap(t, observable.Options{})
	if first == nil {
		first = m
	}
	if observable.Default() != first {
		t.Error("a later map is the default map")
	}
	observable.SetDefault(m)
	if observable.Default() != m {
		t.Error("the map that was set is not the default map")
	}
	observable.SetDefault(nil)
	if observable.Default() != first {
		t.Error("the first map is not the default map again")
	}
}

// discard is an exporter that allocates nothing.
type discard struct{}

func (discard) Export(context.Context, []byte, int) error { return nil }

// A call of a probe allocates no more than one of a handler: nothing, without spans or with pooled ones.
func TestACallOfAProbeAllocatesNothing(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector drops what is in a sync.Pool")
	}
	provider, err := pooled.New(pooled.Options{Exporter: discard{}})
	must(t, err)
	defer func() { must(t, provider.Shutdown(context.Background())) }()
	for name, opts := range map[string]observable.Options{"bare": {}, "pooled": {TracerProvider: provider}} {
		p := newMap(t, opts).Probe("p", "x.go:1")
		if n := testing.AllocsPerRun(1000, func() { p.Begin().End(true) }); n != 0 {
			t.Errorf("%s: %v allocations", name, n)
		}
	}
}
