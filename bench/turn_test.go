package bench_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// withProcessors runs f in virtual time with a number of processors.
func withProcessors(t *testing.T, n int, f func(t *testing.T)) {
	t.Helper()
	before := runtime.GOMAXPROCS(n)
	defer runtime.GOMAXPROCS(before)
	synctest.Test(t, f)
}

// counted is Sleep, and counts the workers that wait at the same time.
type counted struct{ waiting, most *atomic.Int64 }

func (counted) String() string                    { return "counted" }
func (p counted) Waiter(c pace.Clock) pace.Waiter { return countedWaiter{pace.Sleep.Waiter(c), p} }

type countedWaiter struct {
	pace.Waiter
	counted
}

func (w countedWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	now := w.waiting.Add(1)
	defer w.waiting.Add(-1)
	for most := w.most.Load(); now > most && !w.most.CompareAndSwap(most, now); most = w.most.Load() {
	}
	return w.Waiter.Wait(done, due)
}

func count() counted { return counted{new(atomic.Int64), new(atomic.Int64)} }

// Each waiting worker may keep its processor from the target.
func TestOfMoreWorkersThanProcessorsOneWaitsAtATime(t *testing.T) {
	for workers, want := range map[int]int64{2: 2, 10: 1, 100: 1} {
		t.Run(fmt.Sprintf("workers=%d", workers), func(t *testing.T) {
			withProcessors(t, 2, func(t *testing.T) {
				pace := count()
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), time.Second), Target: sleeps(ms),
					Workers: workers, Pace: pace})
				if most := pace.most.Load(); most != want {
					t.Errorf("%d of %d workers waited at once, want %d", most, workers, want)
				}
				if r.Done != 100 || r.Latency.Max() != ms {
					t.Errorf("%d workers: %d calls, latency %v", workers, r.Done, r.Latency.Max())
				}
			})
		})
	}
}

// As many calls are in the target at once as there are workers, because a worker that waits hands over its
// turn before its call begins.
func TestAWorkerThatCallsKeepsNobodyWaiting(t *testing.T) {
	withProcessors(t, 2, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Target: sleeps(10 * ms),
			Workers: 10, Pace: count()})
		if r.Done != 1000 || r.Latency.Max() != 10*ms || r.Generator.Max() != 0 {
			t.Errorf("%d calls, latency %v, generator lag %v", r.Done, r.Latency.Max(), r.Generator.Max())
		}
	})
}

// Workers that wait for their turn are free.
func TestCallsDueAtOnceAreNotDroppedWhileWorkersWaitForTheirTurn(t *testing.T) {
	for workers, dropped := range map[int]uint64{5: 0, 4: 10} {
		withProcessors(t, 2, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: arrivals(t, "bursts(size=5)", 500, 100*ms, 1), Overload: bench.Drop,
				Target: sleeps(ms), Workers: workers, Pace: count()})
			if r.Dropped != dropped || r.Offered != 50 {
				t.Errorf("%d workers, 5 calls at once: %d of %d dropped, want %d", workers, r.Dropped, r.Offered,
					dropped)
			}
		})
	}
}

// In a closed loop each worker waits for a call of its own.
func TestWorkersOfAClosedLoopDoNotWaitForTheirTurn(t *testing.T) {
	withProcessors(t, 2, func(t *testing.T) {
		pace := count()
		r := do(t, bench.Run{Closed: &bench.Closed{Duration: time.Second, Think: 9 * ms}, Target: sleeps(ms),
			Workers: 10, Pace: pace})
		if r.Done != 1000 || pace.most.Load() != 10 {
			t.Errorf("%d calls, %d waited at once", r.Done, pace.most.Load())
		}
	})
	withProcessors(t, 2, func(t *testing.T) {
		run := bench.Run{Closed: &bench.Closed{Duration: 10 * ms}, Target: sleeps(ms), Workers: 3}
		if r, err := run.Do(context.Background()); err != nil || r.Pace != "sleep" {
			t.Errorf("pace %q, %v", r.Pace, err)
		}
	})
}
