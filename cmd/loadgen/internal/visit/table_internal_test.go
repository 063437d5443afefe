package visit

import (
	"context"
	"testing"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/observable"
	"github.com/loadgen-go/loadgen/scenarios"
)

// instrumented returns a target with one handler, observed in one way of the dimension instrument.
func instrumented(t testing.TB, arm string, handler func()) bench.Target {
	t.Helper()
	of := &handlers{names: []string{"key"}, make: func(string) func() { return handler }}
	if arm == "registered" {
		m, err := observable.New(observable.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.Register("key", handler); err != nil {
			t.Fatal(err)
		}
		return m
	}
	return newTable(arm, of)
}

func TestEachWayOfObservingCallsTheHandlerAndAllocatesNothing(t *testing.T) {
	ctx := context.Background()
	arms := scenarios.KnownArms(scenarios.Instrument)
	if len(arms) != 3 {
		t.Fatalf("arms %q, want 3", arms)
	}
	for _, arm := range arms {
		t.Run(arm, func(t *testing.T) {
			calls := 0
			target := instrumented(t, arm, func() { calls++ })
			allocs := testing.AllocsPerRun(200, func() {
				if err := target.Call(ctx, "key"); err != nil {
					t.Fatal(err)
				}
			})
			if calls != 201 || allocs != 0 {
				t.Errorf("%d calls of the handler with %v allocations each, want 201 with 0", calls, allocs)
			}
			if err := target.Call(ctx, "another"); err == nil {
				t.Error("a call of an unknown key is no error")
			}
		})
	}
}

func TestTheProbesOfATableMustHaveCountedAllCalls(t *testing.T) {
	for range 2 { // the second table finds what the first one has counted
		probed := instrumented(t, scenarios.Compiled, func() {}).(*table)
		for range 5 {
			if err := probed.Call(context.Background(), "key"); err != nil {
				t.Fatal(err)
			}
		}
		if err := probed.check(5); err != nil {
			t.Error(err)
		}
		want := "probes: 5 calls have begun and 5 have ended of 6 calls"
		if err := probed.check(6); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
	var probed *table
	probed = instrumented(t, scenarios.Compiled, func() { // the call that it is in has begun
		want := "probes: 1 calls have begun and 0 have ended of 1 calls"
		if err := probed.check(1); err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}).(*table)
	if err := probed.Call(context.Background(), "key"); err != nil {
		t.Fatal(err)
	}
	if err := instrumented(t, scenarios.None, func() {}).(*table).check(5); err != nil {
		t.Errorf("a table without probes: %v", err)
	}
}

// BenchmarkInstrument measures a call of an empty handler in each way. The differences are what observing costs.
func BenchmarkInstrument(b *testing.B) {
	ctx := context.Background()
	for _, arm := range scenarios.KnownArms(scenarios.Instrument) {
		b.Run(arm, func(b *testing.B) {
			target := instrumented(b, arm, func() {})
			b.ReportAllocs()
			for b.Loop() {
				if err := target.Call(ctx, "key"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
