package bench_test

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/quantile"
)

const ms = time.Millisecond

func do(t testing.TB, r bench.Run) *record.Record {
	t.Helper()
	return doContext(context.Background(), t, r)
}

func doContext(ctx context.Context, t testing.TB, r bench.Run) *record.Record {
	t.Helper()
	if r.Pace == nil {
		r.Pace = pace.Sleep // a busy wait never lets the fake clock move
	}
	rec, err := r.Do(ctx)
	if err != nil {
		t.Fatal(err)
	}
	checkAccount(t, rec)
	return rec
}

// checkAccount fails the test unless the account of a run adds up.
func checkAccount(t testing.TB, r *record.Record) {
	t.Helper()
	if r.Offered != r.Done+r.Failed+r.Dropped+r.Missed {
		t.Errorf("offered %d != done %d + failed %d + dropped %d + missed %d", r.Offered, r.Done, r.Failed, r.Dropped,
			r.Missed)
	}
	begun := r.Done + r.Failed
	if r.Latency.Count() != r.Done || r.Service.Count() != r.Done || r.FailedLatency.Count() != r.Failed ||
		r.Queue.Count() != begun || r.Generator.Count() != begun {
		t.Errorf("histograms of %d, %d, %d, %d and %d calls; done %d, failed %d", r.Latency.Count(), r.Service.Count(),
			r.FailedLatency.Count(), r.Queue.Count(), r.Generator.Count(), r.Done, r.Failed)
	}
	var failures uint64
	for _, f := range r.Failures {
		failures += f.Count
	}
	if failures != r.Failed {
		t.Errorf("%d failures by kind, %d failed", failures, r.Failed)
	}
	// Percentiles do not add up, but sums do: latency is lag plus service time.
	if r.Failed == 0 && r.Done > 0 {
		sum := r.Queue.Mean() + r.Generator.Mean() + r.Service.Mean()
		if d := sum - r.Latency.Mean(); d < -10 || d > 10 {
			t.Errorf("mean latency %v is not queue %v + generator %v + service %v", r.Latency.Mean(), r.Queue.Mean(),
				r.Generator.Mean(), r.Service.Mean())
		}
	}
}

func sleeps(d time.Duration) bench.Target {
	return bench.TargetFunc(func(context.Context, string) error { time.Sleep(d); return nil })
}

func TestLatencyIsTakenFromTheInstantACallIsDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(200), 100*ms), Target: sleeps(10 * ms),
			Workers: 1,
			Keep:    100})
		if len(r.Kept) != 20 {
			t.Fatalf("%d latencies", len(r.Kept))
		}
		for k, got := range r.Kept {
			if want := time.Duration(10+5*k) * ms; got != want {
				t.Errorf("call %d: latency %v, want %v", k, got, want)
			}
		}
		if p50, err := r.Percentile(0.5); err != nil || p50.Round(ms) != 55*ms {
			t.Errorf("p50 = %v, %v; want 55 ms", p50, err)
		}
		if r.Latency.Max() != 105*ms || r.Service.Max() != 10*ms {
			t.Errorf("max latency %v, service %v", r.Latency.Max(), r.Service.Max())
		}
		if r.Queue.Max() != 95*ms || r.Generator.Max() != 0 {
			t.Errorf("the target kept its worker busy: queue lag %v, generator lag %v; want 95 ms, 0", r.Queue.Max(),
				r.Generator.Max())
		}
		if r.Elapsed != 200*ms || r.Achieved() != 100 {
			t.Errorf("%v calls a second in %v, want 100 in 200 ms", r.Achieved(), r.Elapsed)
		}
	})
}

// A stalling target: 1 ms of service, any number of calls at once, everything
// stopped from 5 s to 6 s; a call due every millisecond for 10 s. The figures are
// derived from first principles, not measured.
func TestTheStallOracle(t *testing.T) {
	const s0, s1, service = 5 * time.Second, 6 * time.Second, ms
	for _, c := range []struct {
		workers                       int
		p50, p90, p95, p99, p999, max time.Duration
		mean                          float64 // ms
		slow                          int     // calls of more than 1 ms
		service999                    time.Duration
		lag99                         time.Duration
	}{
		{1500, 1, 1, 501, 901, 991, 1001, 51.050, 1000, 991, 0},
		{16, 1, 63, 532, 907, 991, 1001, 54.334, 1066, 991, 891},
		{8, 1, 126, 563, 913, 992, 1001, 58.143, 1142, 1, 905},
		{4, 1, 251, 626, 926, 993, 1001, 67.667, 1333, 1, 922},
		{2, 1, 501, 751, 951, 996, 1001, 101.000, 1999, 1, 949},
		{1, 1, 1001, 1001, 1001, 1001, 1001, 501.000, 5000, 1, 1000},
	} {
		t.Run(fmt.Sprintf("workers=%d", c.workers), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{
					Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second),
					Target:   stalling(s0, s1, service),
					Workers:  c.workers, Keep: 10_000 + c.workers,
				})
				truth := quantile.NewExact(len(r.Kept))
				slow, sum := 0, time.Duration(0)
				for _, d := range r.Kept {
					truth.Add(d)
					sum += d
					if d > ms {
						slow++
					}
				}
				if truth.Count() != 10_000 {
					t.Fatalf("%d latencies kept", truth.Count())
				}
				for q, want := range map[float64]time.Duration{.5: c.p50, .9: c.p90, .95: c.p95, .99: c.p99,
					.999: c.p999, 1: c.max} {
					if got := truth.Quantile(q); got != want*ms {
						t.Errorf("q%v is %v, want %v", q, got, want*ms)
					}
					if got := r.Latency.Quantile(q); math.Abs(float64(got-want*ms)) > 0.001*float64(want*ms) {
						t.Errorf("the histogram's q%v is %v, want %v to 0.1 %%", q, got, want*ms)
					}
				}
				if mean := float64(sum) / float64(ms) / 10_000; math.Abs(mean-c.mean) > 0.001 || slow != c.slow {
					t.Errorf("mean %.3f ms, %d calls of more than 1 ms; want %.3f and %d", mean, slow, c.mean, c.slow)
				}
				near := func(got,
					want time.Duration) bool {
					return math.Abs(float64(got-want)) <= 0.001*float64(want)
				}
				if got := r.Service.Quantile(.999); !near(got, c.service999*ms) {
					t.Errorf("service p99.9 is %v, want %v", got, c.service999*ms)
				}
				if got := r.Queue.Quantile(.99); !near(got, c.lag99*ms) || r.Generator.Max() != 0 {
					t.Errorf("queue lag p99 is %v, want %v; generator lag %v, want 0", got, c.lag99*ms,
						r.Generator.Max())
				}
			})
		})
	}
}

// stalling is a target with a service time of s, in which every call stops from s0 to s1 of the run.
func stalling(s0, s1, s time.Duration) bench.Target {
	var once sync.Once
	var start time.Time
	return bench.TargetFunc(func(context.Context, string) error {
		once.Do(func() { start = time.Now() })
		began := time.Since(start)
		switch {
		case began >= s0 && began < s1:
			time.Sleep(s1 + s - began)
		case began < s0 && began+s > s0:
			time.Sleep(s1 + s - s0)
		default:
			time.Sleep(s)
		}
		return nil
	})
}

func TestWithoutAStallNothingIsCorrected(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Target: sleeps(ms),
			Workers: 4, Keep: 1000})
		if slices.Min(r.Kept) != ms || slices.Max(r.Kept) != ms {
			t.Errorf("latencies from %v to %v, want all 1 ms", slices.Min(r.Kept), slices.Max(r.Kept))
		}
		if v := r.Verdict(0.5, 0.99); len(v) != 0 {
			t.Errorf("verdict %v", v)
		}
	})
}

func TestOneSlowCallDelaysNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 2*time.Second), Workers: 4, Keep: 2000,
			Target: bench.TargetFunc(func(context.Context, string) error {
				if n.Add(1) == 500 {
					time.Sleep(time.Second)
				} else {
					time.Sleep(ms)
				}
				return nil
			})})
		slow := 0
		for _, d := range r.Kept {
			if d != ms {
				slow++
			}
		}
		if slow != 1 || r.Latency.Max() != time.Second {
			t.Errorf("%d slow calls, the slowest %v; want 1 of 1 s", slow, r.Latency.Max())
		}
	})
}

func TestACallThatFindsTheQueueFullIsDroppedAndCounted(t *testing.T) {
	stall := func(policy bench.Overload, queue int) (*record.Record, []time.Duration) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Workers: 4,
			Overload: policy, Queue: queue, Keep: 20_000,
			Target: stalling(5*time.Second, 6*time.Second, ms)})
		return r, r.Kept
	}
	synctest.Test(t, func(t *testing.T) {
		r, _ := stall(bench.Drop, 0)
		if r.Done != 9003 || r.Dropped != 997 || r.Offered != 10_000 {
			t.Errorf("done %d, dropped %d of %d; want 9003 and 997", r.Done, r.Dropped, r.Offered)
		}
		if p90, err := r.Percentile(0.9); err != nil || p90.Round(ms) != 998*ms {
			t.Errorf("p90 of the offered load is %v, %v; want 998 ms", p90, err)
		}
		var not *record.NotServedError
		if p95, err := r.Percentile(0.95); !errors.As(err, &not) {
			t.Errorf("p95 of the offered load is %v, %v; want not served", p95, err)
		}
		if r.Queue.Max() != 0 {
			t.Errorf("a call waited %v in no queue", r.Queue.Max())
		}
	})
	synctest.Test(t, func(t *testing.T) {
		// 4 are stuck, 100 wait, and the rest of the stall finds no room.
		r, kept := stall(bench.Queue, 100)
		if r.Dropped != 997-100 {
			t.Errorf("dropped %d, want %d", r.Dropped, 997-100)
		}
		// Those that waited are the first 100 of the stall: the queue is first in,
		// first out, and turns away whoever comes last.
		if longest := slices.Max(kept); longest != 1001*ms {
			t.Errorf("longest latency %v", longest)
		}
	})
}

func TestAnInterruptedRunEndsAtOnceAndKeepsWhatItMeasured(t *testing.T) {
	// The context ends 995 ms into the schedule (it starts after a lead-in of 1 ms):
	// 100 calls were due by then.
	for name, c := range map[string]struct {
		workers int
		service time.Duration
		done    uint64
	}{
		"one worker, asleep":          {1, ms, 100},
		"one worker, and calls wait":  {1, 20 * ms, 50},
		"all of many workers, asleep": {100, ms, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 996*ms)
				defer cancel()
				before := time.Now()
				r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), time.Hour),
					Target: sleeps(c.service), Workers: c.workers})
				if took := time.Since(before); took > 996*ms+c.service {
					t.Errorf("it ended after %v", took)
				}
				if !r.Interrupted || r.Offered != 100 || r.Done != c.done || r.Missed != 100-c.done {
					t.Errorf("interrupted %v, offered %d, done %d, missed %d", r.Interrupted, r.Offered, r.Done,
						r.Missed)
				}
			})
		})
	}
}

func TestACompleteRunIsNotInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second),
			Target: sleeps(ms), Workers: 2})
		cancel()
		if r.Interrupted || r.Elapsed != time.Second || r.Achieved() != 1000 {
			t.Errorf("interrupted %v, %v calls a second in %v", r.Interrupted, r.Achieved(), r.Elapsed)
		}
	})
}

func TestAPercentileWithoutItsSamplesIsRefused(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for calls, ok := range map[int]bool{367: false, 368: true} {
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Duration(calls)*ms),
				Target: sleeps(0), Workers: 1})
			_, err := r.Percentile(0.99)
			var few *record.TooFewError
			if errors.As(err, &few) == ok {
				t.Errorf("%d calls: p99 error %v", calls, err)
			}
			if v := r.Verdict(0.99); (len(v) == 0) != ok {
				t.Errorf("%d calls: verdict %v", calls, v)
			}
		}
	})
}

func TestAGeneratorThatIsLateAccusesItself(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Target: sleeps(ms),
			Workers: 1, Pace: late{5 * ms}})
		if r.Queue.Max() != 0 || r.Generator.Quantile(0.5).Round(ms) != 5*ms {
			t.Errorf("queue lag %v, generator lag %v; want 0 and 5 ms", r.Queue.Max(), r.Generator.Quantile(0.5))
		}
		if v := r.Verdict(0.99); len(v) != 1 || v[0].Name != "generator-limited" {
			t.Errorf("verdict %v", v)
		}
	})
	// The generator is to blame for the calls that become due meanwhile too, although their worker
	// was in the target when they were due.
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 100*ms), Target: sleeps(ms / 2),
			Workers: 1,
			Pace:    late{20 * ms}})
		if r.Queue.Max() != 0 {
			t.Errorf("queue lag %v: the target was never the cause", r.Queue.Max())
		}
	})
}

// late is a pace that wakes too late by a fixed time.
type late struct{ by time.Duration }

func (l late) String() string { return "late" }
func (l late) Waiter(c pace.Clock) pace.Waiter {
	return lateWaiter{pace.Sleep.Waiter(c), l.by}
}

type lateWaiter struct {
	pace.Waiter
	by time.Duration
}

func (l lateWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	return l.Waiter.Wait(done, due+l.by)
}

func TestManyWorkersShareTheirRecorders(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(10_000), time.Second), Target: sleeps(50 * ms),
			Workers: 1000, Keep: 20_000})
		if r.Done != 10_000 || r.Latency.Max() != 50*ms || len(r.Kept) != 10_000 {
			t.Errorf("done %d, kept %d, slowest %v", r.Done, len(r.Kept), r.Latency.Max())
		}
	})
}

func TestNoCallBeginsEarly(t *testing.T) {
	for _, pace := range pace.All() {
		for _, rate := range []uint64{300, 3000, 100_000} {
			a := constant(t, schedule.PerSecond(rate), 50*ms)
			r := do(t, bench.Run{Arrivals: a, Workers: 1, Target: sleeps(0), Pace: checked{pace, t}})
			if want := uint64(len(instants(a, 0))); r.Done != want {
				t.Errorf("%v at %d/s: %d calls, want %d", pace, rate, r.Done, want)
			}
		}
	}
}

// checked fails the test if a wait ends early.
type checked struct {
	pace.Pace
	t *testing.T
}

func (c checked) Waiter(clock pace.Clock) pace.Waiter {
	return checkedWaiter{c.Pace.Waiter(clock), clock, c.t}
}

type checkedWaiter struct {
	pace.Waiter
	clock pace.Clock
	t     *testing.T
}

func (c checkedWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	now := c.Waiter.Wait(done, due)
	if now < due || c.clock.Now() < now {
		c.t.Errorf("woke at %v and says %v, due at %v", c.clock.Now(), now, due)
	}
	return now
}

func TestOptionsOfARunReportAllThatIsWrong(t *testing.T) {
	_, err := (&bench.Run{Workers: -1, Queue: -2, Keep: -1}).Do(context.Background())
	for _, field := range []string{"Arrivals", "Target", "Workers", "Queue", "Keep"} {
		if err == nil || !strings.Contains(err.Error(), "Run."+field) {
			t.Errorf("%s is not named in: %v", field, err)
		}
	}
}

func ExampleRun() {
	arrivals, err := schedule.Constant(schedule.PerSecond(1000), 500*time.Millisecond)
	if err != nil {
		fmt.Println(err)
		return
	}
	run := bench.Run{
		Arrivals: arrivals,
		Target: bench.TargetFunc(func(ctx context.Context, key string) error {
			return nil // what is to be measured
		}),
	}
	record, err := run.Do(context.Background())
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = record.Percentile(0.99)
	fmt.Println(record.Done, "calls; p99 can be stated:", err == nil)
	_, err = record.Percentile(0.999)
	fmt.Println(err)
	// Output:
	// 500 calls; p99 can be stated: true
	// p99.9 needs 3688 calls, there are 500
}
