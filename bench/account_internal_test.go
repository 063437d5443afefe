package bench

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func mustConstant(t testing.TB, perSecond uint64, d time.Duration) Arrivals {
	t.Helper()
	a, err := Constant(PerSecond(perSecond), d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A worker that is stuck in the target has claimed calls that others make for it.
func TestWhatAStuckWorkerHasClaimedIsTakenOver(t *testing.T) {
	for _, at := range []int64{0, 500, 995} { // at the beginning, in the middle, and near the end of the schedule
		synctest.Test(t, func(t *testing.T) {
			procs := runtime.GOMAXPROCS(4)
			defer runtime.GOMAXPROCS(procs)
			var n atomic.Int64
			run := Run{Arrivals: mustConstant(t, 1_000_000, time.Millisecond), Workers: 3, Keep: 1000, Pace: Sleep,
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
		time.Nanosecond: time.Millisecond, 50 * time.Millisecond: time.Millisecond, 51 * time.Millisecond: 2 * time.Millisecond,
		500 * time.Millisecond: 10 * time.Millisecond, 10 * time.Second: 200 * time.Millisecond, 24 * time.Hour: 2000 * time.Second,
	} {
		if got := windowOf(duration); got != want {
			t.Errorf("%v: windows of %v, want %v", duration, got, want)
		}
	}
}

// The account is checked by what was counted apart: whichever count is wrong, it is
// named.
func TestAnAccountThatDoesNotAddUpIsNamed(t *testing.T) {
	run := Run{Arrivals: mustConstant(t, 100_000, 10*time.Millisecond), Workers: 1, Pace: Yield,
		Target: TargetFunc(func(context.Context, string) error { return nil })}
	for want, spoil := range map[string]func(r *Record, all *recorder, o *outcome){
		"":                                 func(*Record, *recorder, *outcome) {},
		"calls were offered, and 1000 are": func(r *Record, _ *recorder, _ *outcome) { r.Offered++ },
		"the service time of":              func(r *Record, _ *recorder, _ *outcome) { r.Service.Add(1) },
		"calls were begun, and the lag":    func(r *Record, _ *recorder, _ *outcome) { r.Queue.Add(1) },
		"Little's law: the calls spent":    func(_ *Record, _ *recorder, o *outcome) { o.dueSum++ },
		"Little's law: the calls spent 0":  func(_ *Record, all *recorder, o *outcome) { all.endedSum = o.dueSum },
		"Little's law: the histograms":     func(r *Record, _ *recorder, _ *outcome) { r.FailedLatency.Add(time.Second) },
		"and the windows hold 999":         func(r *Record, _ *recorder, _ *outcome) { r.Windows[0].Offered-- },
	} {
		c := newCrew(context.Background(), &run)
		c.start()
		c.wait()
		o := c.queue.outcome(run.Arrivals.Duration())
		all := newRecorder(c.kept, c.trace, c.windows, c.slowest)
		for _, r := range c.recorders {
			all.merge(r)
		}
		r := newRecord(c, all, o)
		spoil(r, all, &o)
		err := checkAccount(r, all, o)
		if want == "" {
			if err != nil {
				t.Error(err)
			}
			continue
		}
		account, ok := err.(*AccountError)
		if !ok || !slices.ContainsFunc(account.Problems, func(p string) bool { return strings.Contains(p, want) }) {
			t.Errorf("%v, want %q in it", err, want)
		}
	}
}
