package bench

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// growing makes a run in virtual time with a processor that is idle or busy.
func growing(t *testing.T, r Run, busy bool) *record.Record {
	t.Helper()
	a, err := schedule.Constant(schedule.PerSecond(1000), r.Window*4)
	if err != nil {
		t.Fatal(err)
	}
	r.Arrivals, r.Pace = a, pace.Sleep
	c := newCrew(t.Context(), &r)
	c.busy = func(time.Duration) bool { return busy }
	c.start()
	c.wait()
	rec, err := c.record()
	if err != nil {
		t.Error(err)
	}
	return rec
}

// A target that waits 9.5 ms needs 10 workers for 1,000 calls per second. With 10 ms, ten workers would be
// just enough, and could stay late by one call for ever.
func TestThereAreAboutAsManyWorkersAsCallsAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := growing(t, Run{Workers: 1, MaxWorkers: 1000, Window: 500 * time.Millisecond, Keep: 2000,
			Target: TargetFunc(func(context.Context,
				string) error {
				time.Sleep(9500 * time.Microsecond)
				return nil
			})}, false)
		if r.Workers < 10 || r.Workers > 16 || r.Done != 2000 {
			t.Errorf("%d workers for %d calls, want 10 to 16", r.Workers, r.Done)
		}
		if settled := slices.Max(r.Kept[200:]); settled != 9500*time.Microsecond {
			t.Errorf("latency is %v when there are workers", settled)
		}
	})
}

func TestNoWorkersAreAddedWhileNoCallWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := growing(t, Run{Workers: 1, MaxWorkers: 1000, Window: 500 * time.Millisecond,
			Target: TargetFunc(func(context.Context, string) error { return nil })}, false)
		if r.Workers != 1 || r.Done != 2000 {
			t.Errorf("%d workers for %d calls that take no time", r.Workers, r.Done)
		}
	})
}

func TestNoWorkersAreAddedWhileNoProcessorIsIdle(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := growing(t, Run{Workers: 1, MaxWorkers: 1000, Window: 10 * time.Millisecond,
			Target: TargetFunc(func(context.Context,
				string) error {
				time.Sleep(10 * time.Millisecond)
				return nil
			})}, true)
		if r.Workers != 1 {
			t.Errorf("%d workers", r.Workers)
		}
	})
}

func TestProcessorsHaveEnoughToDoIfTheyAreSpentOrWaitedFor(t *testing.T) {
	for name, c := range map[string]struct {
		took, spent time.Duration
		processors  int
		runnable    uint64
		want        bool
	}{
		"nothing was done":             {msec, 0, 2, 0, false},
		"one of two is idle":           {msec, msec, 2, 0, false},
		"nearly both are spent":        {msec, 17 * msec / 10, 2, 0, false},
		"both are spent":               {msec, 19 * msec / 10, 2, 0, true},
		"the only one is spent":        {msec, msec, 1, 0, true},
		"others want them, too":        {msec, msec / 2, 2, 1, true},
		"it was not asked for a while": {21 * msec, 0, 2, 0, true},
		"it was asked of late":         {20 * msec, 0, 2, 0, false},
	} {
		t.Run(name, func(t *testing.T) {
			if got := wereBusy(c.took, c.spent, c.processors, c.runnable); got != c.want {
				t.Errorf("%v, want %v", got, c.want)
			}
		})
	}
}

// By the CPU time of the earlier reading, the processors have been busy for an hour.
func TestWhatTheProcessSpendsKeepsItsProcessorsBusy(t *testing.T) {
	c := newCrew(t.Context(), &Run{Arrivals: listed{0}, Workers: 1, MaxWorkers: 2})
	c.looked = cpuReading{cpu: processCPU() - time.Hour}
	if !c.busy(msec) {
		t.Error("an hour in a millisecond leaves a processor idle")
	}
	if c.looked.at != msec || c.looked.cpu <= 0 {
		t.Errorf("the next look is from %+v", c.looked)
	}
}

func TestThereAreNeverMoreWorkersThanThereMayBe(t *testing.T) {
	for most, want := range map[int]int{0: 3, 2: 3, 3: 3, 7: 7} {
		synctest.Test(t, func(t *testing.T) {
			var at, peak atomic.Int64
			r := growing(t, Run{Workers: 3, MaxWorkers: most, Window: 250 * time.Millisecond,
				Target: TargetFunc(func(context.Context, string) error {
					now := at.Add(1)
					for old := peak.Load(); now > old && !peak.CompareAndSwap(old, now); old = peak.Load() {
					}
					time.Sleep(50 * time.Millisecond)
					at.Add(-1)
					return nil
				})}, false)
			if r.Workers != want || peak.Load() != int64(want) || r.Done != 1000 {
				t.Errorf("up to %d: %d workers, %d calls at once, %d done; want %d", most, r.Workers, peak.Load(),
					r.Done, want)
			}
		})
	}
}

// If there may be workers for all the calls of a stall, every call is in the target when the stall ends.
func TestAStallIsMetByMoreWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := growing(t, Run{Workers: 4, MaxWorkers: 2000, Window: time.Second,
			Target: TargetFunc(func(context.Context, string) error {
				if at := time.Since(start); at > time.Second && at < 2*time.Second {
					time.Sleep(2*time.Second - at)
				}
				time.Sleep(time.Millisecond)
				return nil
			})}, false)
		if r.Workers < 1000 || r.Workers > 2000 || r.Queue.Max() > 5*time.Millisecond ||
			r.Latency.Max() > 1003*time.Millisecond {
			t.Errorf("%d workers, queue lag %v, latency %v", r.Workers, r.Queue.Max(), r.Latency.Max())
		}
	})
}
