package bench_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func reasons(r *record.Record, percentiles ...float64) (names []string) {
	for _, v := range r.Verdict(percentiles...) {
		names = append(names, v.Name)
	}
	return names
}

func TestATargetThatDoesNotKeepUpIsSaturated(t *testing.T) {
	for name, c := range map[string]struct {
		service time.Duration
		workers int
		policy  bench.Overload
		queue   int
		want    []string
	}{
		"keeps up":           {9 * ms, 1, bench.Queue, 0, nil},
		"just keeps up":      {10 * ms, 1, bench.Queue, 0, nil},
		"falls behind":       {11 * ms, 1, bench.Queue, 0, []string{record.Saturated}},
		"enough workers":     {11 * ms, 2, bench.Queue, 0, nil},
		"drops":              {11 * ms, 1, bench.Queue, 5, []string{record.Saturated}},
		"drops every second": {11 * ms, 1, bench.Drop, 0, []string{record.Saturated}},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second),
					Target: sleeps(c.service), Workers: c.workers, Overload: c.policy, Queue: c.queue})
				if got := reasons(r, 0.99); !slices.Equal(got, c.want) {
					t.Errorf("verdict %v (dropped %d, backlog %v), want %v", r.Verdict(0.99), r.Dropped, r.Backlog,
						c.want)
				}
			})
		})
	}
}

// A stall that is over by the end of the run shows in the percentiles only: the target carries the load.
func TestATargetThatCatchesUpIsNotSaturated(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second), Workers: 4,
			Target: stalling(5*time.Second, 6*time.Second, ms)})
		if got := reasons(r, 0.99); got != nil || r.Backlog != 0 {
			t.Errorf("verdict %v, backlog %v", got, r.Backlog)
		}
	})
}

// A stall near the end differs from a target that does not keep up, which falls behind from the beginning.
func TestHowLongATargetIsBehindTellsThatItDoesNotKeepUp(t *testing.T) {
	stall := 0
	for name, c := range map[string]struct {
		rate     uint64
		workers  int
		duration time.Duration
		service  func() time.Duration
		want     []string
		backlog  time.Duration
		behind   time.Duration
	}{
		"a stall at the end": {1000, 1, time.Second, func() time.Duration {
			if stall++; stall == 930 {
				return 125 * ms
			}
			return 0
		}, nil, 55 * ms, 71 * ms},
		"4 % too much": {104, 1, 100 * time.Second, func() time.Duration { return 10 * ms },
			[]string{record.Saturated}, 3999615385, 100 * time.Second},
		"4 % too much for two": {208, 2, 100 * time.Second, func() time.Duration { return 10 * ms },
			[]string{record.Saturated}, 3999615385, 100*time.Second - 4807692},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(c.rate), c.duration), Workers: c.workers,
					Target: bench.TargetFunc(func(context.Context,
						string) error {
						time.Sleep(c.service())
						return nil
					})})
				if got := reasons(r, 0.99); !slices.Equal(got, c.want) || (r.Backlog-c.backlog).Abs() > ms ||
					(r.Behind-c.behind).Abs() > ms {
					t.Errorf("verdict %v; backlog %v, behind for %v; want %v, %v, %v", got, r.Backlog, r.Behind,
						c.want, c.backlog, c.behind)
				}
			})
		})
	}
}

// With many busy workers, the generator is a little late too.
func TestDropsAreTheTargetsFaultIfItKeepsTheWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(20_000), time.Second), Target: sleeps(10 * ms),
			Workers:  50,
			Overload: bench.Drop, Pace: late{60 * time.Microsecond}})
		if got := reasons(r); !slices.Equal(got, []string{record.Saturated}) {
			t.Errorf("verdict %v", got)
		}
	})
}

func TestCallsDroppedByALateGeneratorAccuseIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(20_000), time.Second), Target: sleeps(0),
			Workers:  1,
			Overload: bench.Drop, Pace: late{900 * time.Microsecond}})
		if r.Dropped < 10_000 || !slices.Contains(reasons(r), record.GeneratorLimited) {
			t.Errorf("dropped %d, verdict %v", r.Dropped, r.Verdict())
		}
	})
}

// A generator that is a little late is not the reason why the queue is full.
func TestAFullQueueIsTheTargetsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(20_000), time.Second), Target: sleeps(ms),
			Workers: 1,
			Queue:   100, Pace: late{200 * time.Microsecond}})
		if got := reasons(r); !slices.Equal(got, []string{record.Saturated}) {
			t.Errorf("dropped %d, verdict %v", r.Dropped, r.Verdict())
		}
	})
}

func TestTheGeneratorsLagMattersIfItIsLongAndMuchOfTheLatency(t *testing.T) {
	for _, c := range []struct {
		lag, service time.Duration
		limited      bool
	}{
		{900 * time.Microsecond, 0, false}, // short
		{1100 * time.Microsecond, 0, true},
		{3 * ms, 2 * ms, true},
		{3 * ms, 4 * ms, false}, // little of it
	} {
		synctest.Test(t, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second),
				Target: sleeps(c.service), Workers: 1, Pace: late{c.lag}})
			if got := slices.Contains(reasons(r), record.GeneratorLimited); got != c.limited {
				t.Errorf("lag of %v before a service of %v: verdict %v", c.lag, c.service, r.Verdict())
			}
		})
	}
}

func TestWhatIsBlamedWhenCallsFailIsTheirFailure(t *testing.T) {
	failing := func(t *testing.T, apart bool) *record.Record {
		return do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Workers: 1,
			Pace: late{4 * ms}, FailedApart: apart,
			Target: bench.TargetFunc(func(context.Context,
				string) error {
				time.Sleep(5 * ms)
				return io.ErrUnexpectedEOF
			})})
	}
	t.Run("they are infinitely slow", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := failing(t, false)
			var not *record.NotServedError
			if _, err := r.Percentile(0.99); !errors.As(err, &not) || not.Failed != 1000 ||
				err.Error() != "p99 is infinite: 100% failed" {
				t.Errorf("p99: %v", err)
			}
			if v := r.Verdict(0.99); len(v) != 0 || r.Unserved() != 1000 {
				t.Errorf("verdict %v, %d unserved", v, r.Unserved())
			}
		})
	})
	t.Run("they are left out", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			r := failing(t, true)
			v := r.Verdict(0.99)
			if len(v) != 1 || v[0].Name != record.TooFewSamples ||
				!strings.Contains(v[0].Detail, "1000 of 1000 failed") ||
				!strings.Contains(v[0].Detail, "unexpected EOF") {
				t.Errorf("verdict %v", v)
			}
			var few *record.TooFewError
			if _, err := r.Percentile(0.99); !errors.As(err, &few) || few.Failed != 1000 ||
				!strings.Contains(err.Error(), "1000 that failed") {
				t.Errorf("p99: %v", err)
			}
		})
	})
}

func TestAPercentileThatLacksCallsSaysHowMany(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), time.Second), Target: sleeps(0),
			Workers: 1})
		v := r.Verdict(0.99)
		want := "p99 needs 368 calls, there were 100: raise the duration, or the rate"
		if len(v) != 1 || v[0].Name != record.TooFewSamples || v[0].Detail != want {
			t.Errorf("verdict %v, want %q", v, want)
		}
	})
}

// Percentiles count dropped calls, because these belong to the offered load.
func TestDroppedCallsAreSamples(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 5*time.Second), Target: sleeps(15 * ms),
			Workers: 1, Overload: bench.Drop})
		if got := reasons(r, 0.99); r.Done != 250 || !slices.Equal(got, []string{record.Saturated}) {
			t.Errorf("done %d, verdict %v", r.Done, got)
		}
	})
}

func TestAnInterruptedRunSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		var stuck atomic.Bool
		time.AfterFunc(5*time.Second, func() { stuck.Store(true) })
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Hour), Workers: 1,
			Target: bench.TargetFunc(func(ctx context.Context, _ string) error {
				if stuck.Load() {
					<-ctx.Done()
				}
				return nil
			})})
		if got := reasons(r, 0.99, 0.99999); !slices.Contains(got, record.Interrupted) ||
			slices.Contains(got, record.TooFewSamples) {
			t.Errorf("verdict %v", got)
		}
		// Half of the calls wait for a worker that is stuck.
		var not *record.NotServedError
		if p99, err := r.Percentile(0.99); !errors.As(err, &not) || not.Missed < 4900 ||
			!strings.Contains(err.Error(), "interrupted") {
			t.Errorf("p99 is %v, %v; want not served", p99, err)
		}
		if p40, err := r.Percentile(0.4); err != nil || p40 != 0 {
			t.Errorf("p40 is %v, %v; want 0", p40, err)
		}
	})
}

// The last call of a schedule counts too.
func TestARunInterruptedBeforeItsLastCallIsInterrupted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 50*ms)
		defer cancel()
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(10), 200*ms), Target: sleeps(0),
			Workers: 1})
		if !r.Interrupted || r.Done != 1 || r.Offered != 1 || r.Scheduled != 49*ms {
			t.Errorf("interrupted %v, done %d of %d in %v", r.Interrupted, r.Done, r.Offered, r.Scheduled)
		}
	})
}

func TestARunWithoutACallSaysSo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for seed := range uint64(100) {
			a := poisson(t, schedule.PerSecond(1), time.Second, seed)
			if len(instants(a, 0)) > 0 {
				continue
			}
			v := do(t, bench.Run{Arrivals: a, Target: sleeps(0), Workers: 1}).Verdict(0.5, 0.99)
			if len(v) != 1 || v[0].Detail != "no call was due: raise the duration, or the rate" {
				t.Errorf("verdict %v", v)
			}
			return
		}
		t.Error("no seed gives an empty schedule")
	})
}

func TestKindsOfFailuresArePrintable(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*ms), Workers: 1,
			Target: bench.TargetFunc(func(context.Context, string) error { return errors.New("\x1b[31mred\a") })})
		if r.Failures[0].Kind != "?[31mred?" {
			t.Errorf("%q", r.Failures[0].Kind)
		}
	})
}

func TestNoMoreCallsWaitWhenARunIsInterruptedThanThereIsRoomFor(t *testing.T) {
	for policy, want := range map[bench.Overload]uint64{bench.Queue: 10, bench.Drop: 0} {
		t.Run(policy.String(), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second+ms/2)
				defer cancel()
				r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Hour),
					Workers:  1,
					Overload: policy, Queue: 10,
					Target: bench.TargetFunc(func(ctx context.Context, _ string) error { <-ctx.Done(); return nil })})
				if r.Done != 1 || r.Missed != want || r.Offered != 5000 {
					t.Errorf("done %d, dropped %d, missed %d of %d; want %d missed", r.Done, r.Dropped, r.Missed,
						r.Offered, want)
				}
			})
		})
	}
}

// The order in which goroutines notice the end of a context is not defined.
func TestARunIsInterruptedWhoeverSeesItFirst(t *testing.T) {
	for range 50 {
		ctx, cancel := context.WithCancel(context.Background())
		for range 500 {
			_, cancelChild := context.WithCancel(ctx)
			defer cancelChild()
		}
		var n atomic.Int64
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1_000_000), time.Hour), Workers: 1,
			Target: bench.TargetFunc(func(context.Context, string) error {
				if n.Add(1) == 10 {
					cancel()
				}
				return nil
			})})
		if !r.Interrupted || r.Scheduled <= 0 || r.Scheduled >= time.Hour {
			t.Fatalf("interrupted %v, scheduled %v", r.Interrupted, r.Scheduled)
		}
	}
}

func TestARunInterruptedBeforeItBeginsIsEmpty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(context.Background())
		cancel()
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second),
			Target:  sleeps(0),
			Workers: 4})
		if !r.Interrupted || r.Scheduled != 0 || r.Done != 0 || r.Rate() != 0 {
			t.Errorf("interrupted %v, scheduled %v, done %d", r.Interrupted, r.Scheduled, r.Done)
		}
	})
}

func TestNoCallBeginsOnceTheContextHasEnded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 96*ms)
		defer cancel()
		r := doContext(ctx, t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), time.Hour), Workers: 3,
			Pace:   deaf{},
			Target: bench.TargetFunc(func(ctx context.Context, _ string) error { return ctx.Err() })})
		if r.Failed != 0 || r.Done != 10 {
			t.Errorf("done %d, failed %d", r.Done, r.Failed)
		}
	})
}

// deaf is a pace that does not notice the end of the run while it waits.
type deaf struct{}

func (deaf) String() string                  { return "deaf" }
func (deaf) Waiter(c pace.Clock) pace.Waiter { return deafWaiter{c} }
func (w deafWaiter) Spent() time.Duration    { return ms }

type deafWaiter struct{ pace.Clock }

func (w deafWaiter) Wait(_ <-chan struct{}, due time.Duration) time.Duration {
	time.Sleep(due - w.Now())
	return w.Now()
}

func TestWhatWaitingCostsIsThatOfAllWhoWait(t *testing.T) {
	for processors, want := range map[int]time.Duration{3: 3 * ms, 2: ms} { // with 2, they wait in turn
		withProcessors(t, processors, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), time.Second), Target: sleeps(0),
				Workers: 3, Pace: deaf{}})
			if r.Waiting != want {
				t.Errorf("%d processors: waiting took %v, want %v", processors, r.Waiting, want)
			}
		})
	}
}

func TestAsManyLatenciesAreKeptAsWereAskedForWhoeverMadeTheCalls(t *testing.T) {
	for keep, want := range map[int]int{1000: 1000, 2000: 1000, 10: 10, 0: 0} {
		synctest.Test(t, func(t *testing.T) {
			var n atomic.Int64
			r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), time.Second), Workers: 3, Keep: keep,
				Target: bench.TargetFunc(func(context.Context, string) error {
					if n.Add(1) == 1 {
						time.Sleep(2 * time.Second) // one worker makes this call alone
					}
					return nil
				})})
			if len(r.Kept) != want {
				t.Errorf("%d kept of %d, want %d", len(r.Kept), keep, want)
			}
			if want == 1000 && r.Kept[999] != 2*time.Second {
				t.Errorf("the last to end is %v, not the slow one", r.Kept[999])
			}
		})
	}
}

func TestKindsOfFailuresAreBoundedOverAllWorkers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var n atomic.Int64
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 2*time.Second), Workers: 32,
			Target: bench.TargetFunc(func(context.Context, string) error {
				time.Sleep(20 * ms)
				if i := n.Add(1); i%2 == 0 {
					return fmt.Errorf("order %d is missing", i)
				}
				return io.ErrUnexpectedEOF
			})})
		if len(r.Failures) > 51 || r.Failures[0].Count != 1000 || r.Failures[1].Kind != record.OtherKinds ||
			r.Failures[1].Count < 940 {
			t.Errorf("%d kinds, the first %v and %v", len(r.Failures), r.Failures[0], r.Failures[1])
		}
	})
}

func TestTheFirstFailureOfAKindIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 100*ms), Workers: 8,
			Target: bench.TargetFunc(func(context.Context, string) error {
				began := time.Since(start)
				time.Sleep(7 * ms)
				return fmt.Errorf("%v: %w", began, io.ErrUnexpectedEOF)
			})})
		if len(r.Failures) != 1 || r.Failures[0].Count != 100 || !strings.HasPrefix(r.Failures[0].First, "1ms:") {
			t.Errorf("failures %v", r.Failures)
		}
	})
}

func TestALateCallFindsNoRoomWhereNoneIs(t *testing.T) {
	// The worker is busy from 0 to 1.5 ms: the call due at 1 ms is dropped, the call due at 2 ms is not.
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*ms),
			Target: sleeps(1500 * time.Microsecond), Workers: 1, Overload: bench.Drop})
		if r.Done != 5 || r.Dropped != 5 || r.Queue.Max() != 0 {
			t.Errorf("done %d, dropped %d, queue lag %v", r.Done, r.Dropped, r.Queue.Max())
		}
	})
}

func TestARunThatKeepsMoreThanMemoryIsRefused(t *testing.T) {
	_, err := (&bench.Run{Arrivals: constant(t, schedule.PerSecond(1), time.Second), Target: sleeps(0),
		Keep: math.MaxInt}).Do(context.Background())
	if err == nil || !strings.Contains(err.Error(), "Run.Keep") {
		t.Errorf("error %v", err)
	}
}
