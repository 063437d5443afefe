package bench

import (
	"context"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func mustConstant(t testing.TB, perSecond uint64, d time.Duration) schedule.Arrivals {
	t.Helper()
	a, err := schedule.Constant(schedule.PerSecond(perSecond), d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Other workers make the calls that a worker stuck in the target has claimed.
func TestWhatAStuckWorkerHasClaimedIsTakenOver(t *testing.T) {
	for _, at := range []int64{0, 500, 995} { // at the beginning, in the middle, and near the end of the schedule
		synctest.Test(t, func(t *testing.T) {
			procs := runtime.GOMAXPROCS(4)
			defer runtime.GOMAXPROCS(procs)
			var n atomic.Int64
			run := Run{Arrivals: mustConstant(t, 1_000_000, time.Millisecond), Workers: 3, Keep: 1000,
				Pace: pace.Sleep,
				Target: TargetFunc(func(context.Context, string) error {
					if n.Add(1)-1 == at {
						time.Sleep(time.Second)
					}
					return nil
				})}
			r, err := run.Do(context.Background())
			if err != nil || r.Done != 1000 {
				t.Fatalf("%v, %v", r, err)
			}
			slow := 0
			for _, d := range r.Kept {
				if d > 2*batchSpan {
					slow++
				}
			}
			if slow != 1 {
				t.Errorf("call %d is stuck: %d calls took longer than %v", at, slow, 2*batchSpan)
			}
		})
	}
}

func TestALengthOfWindowsIsRound(t *testing.T) {
	for duration, want := range map[time.Duration]time.Duration{
		time.Nanosecond: time.Millisecond, 50 * time.Millisecond: time.Millisecond,
		51 * time.Millisecond:  2 * time.Millisecond,
		500 * time.Millisecond: 10 * time.Millisecond, 10 * time.Second: 200 * time.Millisecond,
		24 * time.Hour: 2000 * time.Second,
	} {
		if got := windowOf(duration); got != want {
			t.Errorf("%v: windows of %v, want %v", duration, got, want)
		}
	}
}

// The holder of a worker releases it between two looks of the worker that leaves.
func TestWhoeverIsHeldWhileLeavingLeaves(t *testing.T) {
	var i inside
	var stop atomic.Bool
	var wg sync.WaitGroup
	wg.Go(func() {
		for !stop.Load() {
			if since, ok := i.since(); ok {
				i.hold(since, func() {})
			}
		}
	})
	defer wg.Wait()
	defer stop.Store(true)
	for n := range 200_000 {
		if !i.leave(i.enter(time.Duration(n))) {
			t.Fatalf("call %d was given up by nobody", n)
		}
	}
}
