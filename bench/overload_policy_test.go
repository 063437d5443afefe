package bench_test

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func TestAPolicyOfOverloadIsReadAndPrinted(t *testing.T) {
	for text, want := range map[string]bench.Overload{
		"queue": bench.Queue, "drop": bench.Drop, "catch-up(k=2)": bench.CatchUp(2), "catch-up(k=1)": bench.CatchUp(1),
		"catch-up(k=1.25)": bench.CatchUp(1.25), "catch-up(k=1000)": bench.CatchUp(1000),
		"catch-up(k= 2 )": bench.CatchUp(2), "catch-up(k=1e1)": bench.CatchUp(10),
	} {
		t.Run(text, func(t *testing.T) {
			o, err := bench.ParseOverload(text)
			if err != nil || o != want {
				t.Errorf("%q is read as %v, %v; want %v", text, o, err, want)
			}
			if again, err := bench.ParseOverload(o.String()); again != o || err != nil {
				t.Errorf("%v, printed, is read as %v, %v", o, again, err)
			}
		})
	}
	for _, text := range bench.Overloads() {
		if o, err := bench.ParseOverload(text); err != nil || o.String() != text {
			t.Errorf("%q is read as %v, %v", text, o, err)
		}
	}
	if (bench.Overload{}) != bench.Queue || bench.Queue.String() != "queue" {
		t.Errorf("the zero policy is %v", bench.Overload{})
	}
}

func TestAWrongPolicyOfOverloadIsRefusedWithWhatIsWrong(t *testing.T) {
	for text, why := range map[string]string{
		"": "unknown policy", "Queue": "unknown policy", "catch-up": "unknown policy", "catch-up(2)": "unknown policy",
		"catch-up(k=2":     "no closing bracket",
		"catch-up(k=)":     `"" is not a number from 1 to 1000`,
		"catch-up(k=two)":  `"two" is not a number`,
		"catch-up(k=0.99)": `"0.99" is not a number`,
		"catch-up(k=1001)": `"1001" is not a number`,
		"catch-up(k=NaN)":  `"NaN" is not a number`,
		"catch-up(k=Inf)":  `"Inf" is not a number`,
	} {
		t.Run(text, func(t *testing.T) {
			_, err := bench.ParseOverload(text)
			if err == nil || !strings.Contains(err.Error(), why) ||
				!strings.Contains(err.Error(), "want one of queue, drop, catch-up(k=2)") {
				t.Errorf("%q: %v; want an error that says %q", text, err, why)
			}
		})
	}
	for _, k := range []float64{0, 0.5, -1, 1e6, math.NaN(), math.Inf(1)} {
		_, err := (&bench.Run{Arrivals: constant(t, schedule.PerSecond(1), time.Second), Target: sleeps(0),
			Overload: bench.CatchUp(k)}).Do(context.Background())
		if err == nil || !strings.Contains(err.Error(), "Run.Overload") ||
			!strings.Contains(err.Error(), "want 1 to 1000") {
			t.Errorf("k = %v: %v", k, err)
		}
	}
}

// For the stall of the oracle, wrk2's way of catching up gives a p95 of 750 ms, a p99 of 950 ms and a p99.9
// of 996 ms. The backlog of 1 s drains at 2,000/s while 1,000/s come, so 1,980 calls take longer than 10 ms.
func TestCallsCatchUpAtTheRateThatIsAllowed(t *testing.T) {
	for _, workers := range []int{4, 1500} {
		synctest.Test(t, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Workers: workers,
				Overload: bench.CatchUp(2), Keep: 10_000,
				Target: stalling(5*time.Second, 6*time.Second, ms)})
			want := map[float64]time.Duration{.5: ms, .95: 750 * ms, .99: 950 * ms, .999: 996 * ms, 1: 1001 * ms}
			slow, wantSlow := 0, 1980
			if workers > 1000 { // a call that can begin is not held back
				want, wantSlow = map[float64]time.Duration{.5: ms, .95: 501 * ms, .99: 901 * ms, .999: 991 * ms,
					1: 1001 * ms}, 991
			}
			for q, want := range want {
				if got := r.Latency.Quantile(q); (got - want).Abs() > 2*ms {
					t.Errorf("%d workers: q%v is %v, want %v", workers, q, got, want)
				}
			}
			for _, d := range r.Kept {
				if d > 10*ms {
					slow++
				}
			}
			if len(r.Kept) != 10_000 || slow < wantSlow-10 || slow > wantSlow+10 {
				t.Errorf("%d workers: %d of %d calls of more than 10 ms, want %d", workers, slow, len(r.Kept),
					wantSlow)
			}
			// That it waits for its turn is why a call is late, and the target why it has to.
			if r.Generator.Max() != 0 || r.Dropped != 0 || reasons(r, .99) != nil {
				t.Errorf("generator lag %v, dropped %d, verdict %v", r.Generator.Max(), r.Dropped, r.Verdict(.99))
			}
			if workers == 4 && (r.Queue.Max() < 997*ms || r.Service.Quantile(.999) > 2*ms) {
				t.Errorf("queue lag %v, service p99.9 %v", r.Queue.Max(), r.Service.Quantile(.999))
			}
		})
	}
}

func TestNoMoreCallsBeginThanMayCatchUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var begun []time.Time
		do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 1,
			Overload: bench.CatchUp(4),
			Target: bench.TargetFunc(func(context.Context, string) error {
				if begun = append(begun, time.Now()); len(begun) == 100 {
					time.Sleep(300 * ms)
				}
				return nil
			})})
		least := time.Hour
		for i := 101; i < len(begun); i++ {
			least = min(least, begun[i].Sub(begun[i-1]))
		}
		if len(begun) != 1000 || least != ms/4 {
			t.Errorf("%d calls, and after the stall %v apart at least; want a quarter of a millisecond", len(begun),
				least)
		}
	})
}

func TestWhoMayBeginCallsNoFasterThanTheyAreDueNeverCatchesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Workers: 4,
			Overload: bench.CatchUp(1), Keep: 10_000,
			Target: stalling(2*time.Second, 3*time.Second, ms)})
		for i := 9000; i < 10_000; i++ {
			if r.Kept[i] < 998*ms {
				t.Fatalf("latency %d is %v", i, r.Kept[i])
			}
		}
		if got := reasons(r, .99); len(got) != 1 || got[0] != record.Saturated {
			t.Errorf("verdict %v", r.Verdict(.99))
		}
	})
}

// Otherwise, a generator that was late once would blame the target for the rest of the run.
func TestTheGeneratorsLagIsItsOwnWhenCallsCatchUp(t *testing.T) {
	for _, k := range []float64{1, 1.5, 1000} {
		synctest.Test(t, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 1,
				Overload: bench.CatchUp(k),
				Target:   sleeps(ms / 2), Pace: late{20 * ms}})
			if r.Queue.Max() != 0 || r.Generator.Max() < 20*ms {
				t.Errorf("k = %v: queue lag %v, generator lag %v; the target was never the cause", k, r.Queue.Max(),
					r.Generator.Max())
			}
		})
	}
}

func TestAQueueOfCallsThatCatchUpHasItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Workers: 4, Queue: 100,
			Overload: bench.CatchUp(2),
			Target:   stalling(5*time.Second, 6*time.Second, ms)})
		// 4 are in the target and 100 wait; once it is over, there is room.
		if r.Dropped != 997-100 || r.Offered != 10_000 {
			t.Errorf("dropped %d of %d, want %d", r.Dropped, r.Offered, 997-100)
		}
	})
}
