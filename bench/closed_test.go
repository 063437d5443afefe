package bench_test

import (
	"context"
	"errors"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func TestAClosedLoopMakesAsManyCallsAsItsWorkersCan(t *testing.T) {
	for name, c := range map[string]struct {
		workers        int
		service, think time.Duration
		calls          uint64 // in 10 s
	}{
		"one worker":               {1, 10 * ms, 0, 1000},
		"several workers":          {4, 10 * ms, 0, 4000},
		"workers that think":       {4, 10 * ms, 30 * ms, 1000},
		"an odd number of workers": {3, 7 * ms, 3 * ms, 3000},
		"many workers":             {100, 50 * ms, 150 * ms, 5000},
		"no service time":          {2, 0, 5 * ms, 4000},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Closed: &bench.Closed{Duration: 10 * time.Second, Think: c.think},
					Workers: c.workers, Target: sleeps(c.service)})
				if r.Loop != record.ClosedLoop || r.Overload != "" {
					t.Errorf("loop %q, overload %q", r.Loop, r.Overload)
				}
				if r.Done != c.calls || r.Offered != c.calls || r.Latency.Max() != c.service ||
					r.Latency.Quantile(0) != c.service {
					t.Errorf("%d workers, %v and %v: %d calls of %d, of %v to %v; want %d", c.workers, c.service,
						c.think,
						r.Done, r.Offered,
						r.Latency.Quantile(0), r.Latency.Max(), c.calls)
				}
				// The first calls are due at 0: nobody was late.
				if r.Queue.Max() != 0 || r.Generator.Max() != 0 || r.Backlog != 0 || r.Behind != 0 {
					t.Errorf("lag %v and %v, backlog %v, behind %v", r.Queue.Max(), r.Generator.Max(), r.Backlog,
						r.Behind)
				}
				// Little's law: of each worker's time, the part that is not thinking.
				want := float64(c.workers) * float64(c.service) / float64(c.service+c.think)
				if r.InSystem < 0.99*want || r.InSystem > 1.01*want {
					t.Errorf("%.3f calls in the system, want %.3f", r.InSystem, want)
				}
				if v := r.Verdict(0.5, 0.99); v != nil || r.Fidelity != nil {
					t.Errorf("verdict %v, fidelity %v", v, r.Fidelity)
				}
			})
		})
	}
}

func TestWhoThinksForLongerThanTheLoopLastsCallsOnce(t *testing.T) {
	for _, think := range []time.Duration{10 * ms, time.Hour, schedule.Endless, math.MaxInt64} {
		t.Run(think.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Closed: &bench.Closed{Duration: 10 * ms, Think: think}, Workers: 3,
					Target: sleeps(ms)})
				if r.Done != 3 || r.Elapsed != 10*ms {
					t.Errorf("%d calls in %v", r.Done, r.Elapsed)
				}
			})
		})
	}
}

func TestAStallKeepsCallsOfAClosedLoopFromBeingDue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Closed: &bench.Closed{Duration: 10 * time.Second}, Workers: 4,
			Target: stalling(5*time.Second, 6*time.Second, ms)})
		if r.Done != 4*9000 || r.Latency.Quantile(.999) > 2*ms || reasons(r, .99) != nil {
			t.Errorf("%d calls, p99.9 %v, verdict %v", r.Done, r.Latency.Quantile(.999), r.Verdict(.99))
		}
	})
}

func TestAClosedLoopIsInterruptedAtOnce(t *testing.T) {
	for name, c := range map[string]struct {
		service, think time.Duration
		done           uint64
	}{
		"in the target": {20 * ms, 0, 150}, // 3 of 50, up to 1 s
		"thinking":      {20 * ms, 80 * ms, 30},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 996*ms) // 995 ms into the run
				defer cancel()
				before := time.Now()
				r := doContext(ctx, t, bench.Run{Closed: &bench.Closed{Duration: time.Hour, Think: c.think},
					Workers: 3,
					Target:  sleeps(c.service)})
				if took := time.Since(before); took > 1001*ms {
					t.Errorf("%s: ended after %v", name, took)
				}
				// Nobody waits for a call that has not begun.
				if !r.Interrupted || r.Scheduled != 995*ms || r.Done != c.done || r.Offered != c.done ||
					r.Missed != 0 {
					t.Errorf("%s: interrupted %v after %v, done %d of %d, missed %d; want %d", name, r.Interrupted,
						r.Scheduled, r.Done, r.Offered, r.Missed, c.done)
				}
			})
		})
	}
}

func TestAClosedLoopWhoseLastCallsAreCutOffIsComplete(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 150*ms)
		defer cancel()
		r := doContext(ctx, t, bench.Run{Closed: &bench.Closed{Duration: 100 * ms}, Workers: 1,
			Target: bench.TargetFunc(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil })})
		if r.Interrupted || r.Done != 1 || r.Scheduled != 100*ms {
			t.Errorf("interrupted %v, done %d in %v: no call was left out", r.Interrupted, r.Done, r.Scheduled)
		}
	})
}

// slower is a target that takes 1 ms, and takes longer or fails from an instant of the run on.
func slower(from, service time.Duration, err error) bench.Target {
	var start atomic.Int64
	return bench.TargetFunc(func(context.Context, string) error {
		now := time.Now().UnixNano()
		start.CompareAndSwap(0, now)
		if time.Duration(now-start.Load()) < from {
			time.Sleep(ms)
			return nil
		}
		time.Sleep(service)
		return err
	})
}

// The run ends when more calls are bad than may be bad among all calls due, and not before.
func TestARunIsEndedOnceItIsCertainToMissItsObjective(t *testing.T) {
	fail := errors.New("no")
	for _, c := range []struct {
		name    string
		slo     string
		run     bench.Run
		target  bench.Target
		by, end time.Duration // when it is certain, and when the run is over
	}{
		{"11 of a window's 1000", "p99 < 5ms over every 1s", bench.Run{Workers: 100},
			slower(5300*ms, 20*ms, nil), 5330 * ms, 5352 * ms},
		{"1 of a window", "max < 5ms over every 1s", bench.Run{Workers: 1}, slower(5995*ms, 6*ms, nil), 6001 * ms,
			6008 * ms},
		{"2 of a window's 200", "errors < 1% over every 200ms", bench.Run{Workers: 4},
			slower(5300*ms, ms, fail), 5302 * ms, 5304 * ms},
		{"60 of 60,000", "errors < 0.1%", bench.Run{Workers: 4, Window: 100 * ms},
			slower(5300*ms, ms, fail), 5360 * ms, 5362 * ms},
		{"600 of 60,000", "drops < 1%", bench.Run{Workers: 1, Overload: bench.Drop, Window: 100 * ms},
			slower(5000*ms, 20*ms, nil), 5631 * ms, 5662 * ms},
		{"600 of 60,000 in other windows", "drops < 1%",
			bench.Run{Workers: 1, Overload: bench.Drop, Window: time.Second},
			slower(5000*ms, 20*ms, nil), 5631 * ms, 5662 * ms},
		{"5 of 10, of many workers", "errors < 50% over every 1s", bench.Run{Workers: 1000},
			slower(5*time.Second, ms, fail), 5401 * ms, 5403 * ms},
		{"a window of a closed loop", "p99 < 5ms over every 1s",
			bench.Run{Closed: &bench.Closed{Duration: time.Hour}, Workers: 4},
			slower(5300*ms, 20*ms, nil), 6 * time.Second, 6022 * ms},
		{"a window of one that thinks", "errors < 50% over every 1s",
			bench.Run{Closed: &bench.Closed{Duration: time.Hour, Think: 100 * ms}, Workers: 4},
			slower(5*time.Second, ms, fail), 6 * time.Second, 6003 * ms},
		{"1 of a closed loop", "max < 5ms", bench.Run{Closed: &bench.Closed{Duration: time.Hour}, Workers: 4},
			slower(5300*ms, 20*ms, nil), 5320 * ms, 5342 * ms},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run.SLOs = []record.SLO{slo(t, c.slo)}
			testARunIsEnded(t, c.run, c.target, c.by, c.end)
		})
	}
}

func testARunIsEnded(t *testing.T, run bench.Run, target bench.Target, by, end time.Duration) {
	synctest.Test(t, func(t *testing.T) {
		if run.Closed == nil {
			run.Arrivals = constant(t, schedule.PerSecond(1000), 60*time.Second)
		}
		if run.Workers == 1000 {
			run.Arrivals = constant(t, schedule.PerSecond(10), 60*time.Second)
		}
		run.Target, run.Abort = target, true
		if run.Closed != nil {
			run.Window = time.Second
		}
		want := run.SLOs[0].String()
		before := time.Now()
		r := do(t, run)
		took := time.Since(before) - ms // of the lead-in
		if !r.Interrupted || r.Aborted != want || r.Scheduled < by || took > end {
			t.Errorf("aborted %q at %v, ended after %v; want from %v to %v", r.Aborted, r.Scheduled, took, by, end)
		}
		// What was in the target has ended of itself.
		if v := r.Verdict(); len(v) == 0 || v[0].Name != record.Interrupted || !strings.Contains(v[0].Detail, want) {
			t.Errorf("verdict %v", v)
		}
		if missed, _ := r.MissedSLOs(); len(missed) != 1 || missed[0].SLO != want {
			t.Errorf("missed %v", missed)
		}
	})
}

func TestARunThatHoldsItsObjectivesIsNotEnded(t *testing.T) {
	texts := []string{"p99 < 5ms", "max <= 1ms", "mean < 2ms over every 200ms", "errors <= 0", "drops <= 0",
		"achieved >= 100% over every 200ms", "p50 <= 1ms over every 1s",
		"p99.9 < 7s", "errors <= 0 over every 1s"} // too few calls for one
	var slos []record.SLO
	for _, text := range texts {
		slos = append(slos, slo(t, text))
	}
	for name, run := range map[string]bench.Run{
		"open":   {Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Workers: 3},
		"closed": {Closed: &bench.Closed{Duration: 10 * time.Second, Think: 19 * ms}, Workers: 2},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run.Target, run.SLOs, run.Abort = sleeps(ms), slos, true
				r := do(t, run)
				if r.Interrupted || r.Aborted != "" || r.Done != 1000 || len(r.SLOs) != len(slos) {
					t.Errorf("%s: aborted %q, done %d", name, r.Aborted, r.Done)
				}
				for _, s := range r.SLOs {
					if s.Missed() || s.Judged == strings.Contains(s.SLO, "7s") {
						t.Errorf("%s: %+v", name, s)
					}
				}
			})
		})
	}
}

// After the last call has been handed out, there is nothing left to end.
func TestAnObjectiveThatIsMissedAtTheEndDoesNotEndTheRun(t *testing.T) {
	for name, run := range map[string]bench.Run{
		"open":   {Arrivals: constant(t, schedule.PerSecond(100), time.Second)},
		"closed": {Closed: &bench.Closed{Duration: time.Second}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				run.Workers, run.Abort, run.Window = 3, true, 10*ms
				run.SLOs = []record.SLO{slo(t, "max < 4s")}
				// One call takes 5 s, so that its window misses the objective while another is
				// still in the target, and the rest are over.
				start := time.Now()
				var first, second atomic.Bool
				run.Target = bench.TargetFunc(func(context.Context, string) error {
					time.Sleep(ms)
					if at := time.Since(start); at > 980*ms {
						if second.CompareAndSwap(false, true) {
							time.Sleep(8 * time.Second)
						}
					} else if at > 950*ms && first.CompareAndSwap(false, true) {
						time.Sleep(5 * time.Second)
					}
					return nil
				})
				r := do(t, run)
				if r.Interrupted || r.Aborted != "" || len(r.SLOs) != 1 || !r.SLOs[0].Missed() {
					t.Errorf("%s: interrupted %v, aborted %q, %v", name, r.Interrupted, r.Aborted, r.SLOs)
				}
			})
		})
	}
}

// One worker fails at once, while the others succeed slowly.
func TestAClosedLoopIsNotJudgedByTheWorkersThatAreQuick(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Closed: &bench.Closed{Duration: 2 * time.Second}, Workers: 10, Window: 10 * ms,
			Abort: true, SLOs: []record.SLO{slo(t, "errors < 50%")},
			Target: bench.TargetFunc(func(context.Context, string) error {
				if i := n.Add(1); i <= 4 {
					time.Sleep(ms)
					return context.Canceled
				}
				time.Sleep(100 * ms)
				return nil
			})})
		if r.Aborted != "" || slices.Contains(reasons(r), record.Interrupted) {
			t.Errorf("aborted by %q: %d of %d failed", r.Aborted, r.Failed, r.Offered)
		}
	})
}
