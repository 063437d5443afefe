package bench_test

import (
	"context"
	"math/rand/v2"
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

// ticking is a pace that wakes only on whole ticks, as a generator with a coarse timer does.
type ticking struct{ every time.Duration }

func (p ticking) String() string { return "ticking" }
func (p ticking) Waiter(c pace.Clock) pace.Waiter {
	return tickingWaiter{pace.Sleep.Waiter(c), p.every}
}

type tickingWaiter struct {
	pace.Waiter
	every time.Duration
}

func (w tickingWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	return w.Waiter.Wait(done, (due+w.every-1)/w.every*w.every)
}

// jittery is a pace that wakes late by an exponential time.
type jittery struct {
	mean   time.Duration
	random *rand.Rand
}

func (p jittery) String() string { return "jittery" }
func (p jittery) Waiter(c pace.Clock) pace.Waiter {
	return jitteryWaiter{pace.Sleep.Waiter(c), p}
}

type jitteryWaiter struct {
	pace.Waiter
	jittery
}

func (w jitteryWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	return w.Waiter.Wait(done, due+time.Duration(w.random.ExpFloat64()*float64(w.mean)))
}

func detail(r *record.Record, name string) string {
	for _, v := range r.Verdict(0.5) {
		if v.Name == name {
			return v.Detail
		}
	}
	return ""
}

func TestCallsThatComeInClumpsAreFoundOut(t *testing.T) {
	for _, process := range []string{"poisson", "constant", "gamma(cv=2)"} {
		synctest.Test(t, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: arrivals(t, process, 5000, 2*time.Second, 1), Target: sleeps(0),
				Workers: 1, Pace: ticking{ms}})
			if got := detail(r, record.ArrivalsOff); !strings.Contains(got,
				"Kolmogorov") || r.Fidelity.Distance < 0.25 {
				t.Errorf("%s on ticks of 1 ms: %q, %+v", process, got, r.Fidelity)
			}
		})
		synctest.Test(t, func(t *testing.T) {
			r := do(t, bench.Run{Arrivals: arrivals(t, process, 5000, 2*time.Second, 1), Target: sleeps(0),
				Workers: 1})
			if got := detail(r, record.ArrivalsOff); got != "" || r.Fidelity.Distance != 0 ||
				r.Fidelity.Calls != 10_000 && process == "constant" {
				t.Errorf("%s on time: %q, %+v", process, got, r.Fidelity)
			}
			for _, d := range r.Fidelity.Dispersion {
				if d.Asked != d.Made {
					t.Errorf("%s on time: dispersion %+v", process, d)
				}
			}
		})
	}
}

func TestHonestLatenessIsNotCalledClumps(t *testing.T) {
	for _, rate := range []uint64{1000, 10_000, 50_000} {
		for seed := range uint64(5) {
			for _, process := range []string{"poisson", "constant"} {
				synctest.Test(t, func(t *testing.T) {
					r := do(t, bench.Run{Arrivals: arrivals(t, process, rate, 500*ms, seed), Target: sleeps(0),
						Workers: 1,
						Pace:    jittery{30 * time.Microsecond, rand.New(rand.NewPCG(seed, 1))}})
					if got := detail(r, record.ArrivalsOff); got != "" {
						t.Errorf("%s at %d/s, seed %d: %s", process, rate, seed, got)
					}
				})
			}
		}
	}
}

// The generator is not blamed for delays that the target causes.
func TestAStallIsNotCalledClumps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second),
			Target: stalling(5*time.Second, 6*time.Second, ms), Workers: 4})
		if got := detail(r, record.ArrivalsOff); got != "" || r.Fidelity.Distance != 0 {
			t.Errorf("%q, %+v", got, r.Fidelity)
		}
	})
}

func TestFewCallsAreNotJudgedByTheirGaps(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), time.Second), Target: sleeps(0),
			Workers: 1, Pace: ticking{50 * ms}}); r.Fidelity != nil {
			t.Errorf("%+v", r.Fidelity)
		}
	})
}

func TestLatencyThatGrowsIsNotStationary(t *testing.T) {
	for name, c := range map[string]struct {
		load    string
		service func(n int64) time.Duration
		found   bool
	}{
		"grows by half and more": {"const:1k/s@5s constant",
			func(n int64) time.Duration { return ms + time.Duration(n)*200 }, true},
		"shrinks": {"const:1k/s@5s constant",
			func(n int64) time.Duration { return 2*ms - time.Duration(n)*200 }, true},
		"stays": {"const:1k/s@5s constant",
			func(n int64) time.Duration { return ms + time.Duration(n%7)*50*time.Microsecond }, false},
		"grows by a tenth": {"const:1k/s@5s constant",
			func(n int64) time.Duration { return ms + time.Duration(n)*20 }, false},
		"grows by microseconds": {"const:1k/s@5s constant",
			func(n int64) time.Duration { return time.Duration(n) * 5 }, false},
		"grows with the load": {"ramp:100..2k/s@5s constant",
			func(n int64) time.Duration { return ms + time.Duration(n)*200 }, false},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				var n atomic.Int64
				l, err := schedule.ParseLoad(c.load)
				if err != nil {
					t.Fatal(err)
				}
				a, err := l.Arrivals(1)
				if err != nil {
					t.Fatal(err)
				}
				r := do(t, bench.Run{Arrivals: a, Workers: 20,
					Target: bench.TargetFunc(func(context.Context,
						string) error {
						time.Sleep(c.service(n.Add(1)))
						return nil
					})})
				if got := detail(r, record.NotStationary); (got != "") != c.found || c.found &&
					!strings.Contains(got, "warm up for longer") {
					t.Errorf("%s: %q, %+v", name, got, r.Trend)
				}
			})
		})
	}
}

func TestTrendsThatAreNoneAreHardlyEverFound(t *testing.T) {
	found := 0
	const seeds = 40
	for seed := range uint64(seeds) {
		synctest.Test(t, func(t *testing.T) {
			random := rand.New(rand.NewPCG(seed, 2))
			r := do(t, bench.Run{Arrivals: poisson(t, schedule.PerSecond(2000), time.Second, seed), Workers: 1,
				Target: bench.TargetFunc(func(context.Context, string) error {
					time.Sleep(time.Duration(random.ExpFloat64() * float64(100*time.Microsecond)))
					return nil
				})})
			if slices.Contains(reasons(r), record.NotStationary) {
				found++
			}
		})
	}
	if found > 1 {
		t.Errorf("%d of %d", found, seeds)
	}
}

func TestAGeneratorThatSpendsWhatAnObjectiveAllowsIsLimited(t *testing.T) {
	for limit, want := range map[string]string{"p99 < 4ms": "which is much of the 4ms", "p99 < 10ms": "",
		"errors < 1%": ""} {
		t.Run(limit, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second),
					Target:  sleeps(3 * ms),
					Workers: 1,
					Pace:    late{900 * time.Microsecond}, SLOs: []record.SLO{slo(t, limit)}})
				if got := detail(r, record.GeneratorLimited); (got != "") != (want != "") ||
					!strings.Contains(got, want) {
					t.Errorf("%s: %q", limit, got)
				}
			})
		})
	}
}

func TestARateThatIsNotKeptInWindowsIsTheGeneratorsFault(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(10_000), time.Second), Target: sleeps(0),
			Workers: 1, Window: ms, Pace: late{800 * time.Microsecond}})
		got := detail(r, record.GeneratorLimited)
		if !strings.Contains(got, "the rate was not kept") || !strings.Contains(got, "windows of 1ms") {
			t.Errorf("%q", got)
		}
		late := uint64(0)
		for _, w := range r.Windows {
			late += w.Late
		}
		if late < 3500 {
			t.Errorf("%d calls are late", late)
		}
	})
}

func TestARunOfNoCallsAndOneOfAllAreWhole(t *testing.T) {
	for _, policy := range []bench.Overload{bench.Queue, bench.Drop, bench.CatchUp(3)} {
		for _, workers := range []int{1, 2, 9} {
			synctest.Test(t, func(t *testing.T) {
				ctx, cancel := context.WithTimeout(context.Background(), 333*ms)
				defer cancel()
				var n atomic.Int64
				r := doContext(ctx, t, bench.Run{Arrivals: poisson(t, schedule.PerSecond(3000), time.Second, 7),
					Workers: workers, Overload: policy, Queue: 20,
					Target: bench.TargetFunc(func(context.Context, string) error {
						time.Sleep(ms)
						switch n.Add(1) % 5 {
						case 0:
							panic("boom")
						case 1:
							return context.DeadlineExceeded
						}
						return nil
					})})
				if !r.Interrupted || r.Offered < 900 {
					t.Errorf("%v, %d workers: %+v", policy, workers, r)
				}
			})
		}
	}
}

// only fails the test unless the verdict has exactly one reason, with the given name and all the given
// texts in its detail.
func only(t *testing.T, r *record.Record, name string, says ...string) {
	t.Helper()
	v := r.Verdict(0.5, 0.99)
	if name == "" {
		if len(v) != 0 {
			t.Errorf("verdict %v, want none", v)
		}
		return
	}
	if len(v) != 1 || v[0].Name != name {
		t.Errorf("verdict %v, want %s", v, name)
		return
	}
	for _, s := range says {
		if !strings.Contains(v[0].Detail, s) {
			t.Errorf("%s: %q does not say %q", name, v[0].Detail, s)
		}
	}
}

func TestAVerdictSaysWhichCallsWereServed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Target: sleeps(20 * ms),
			Workers: 1, Overload: bench.Drop})
		only(t, r, record.Saturated, "500 of 1000 calls were dropped, 50/s of 100/s were served", "allow more workers")
	})
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(100), 10*time.Second), Target: sleeps(20 * ms),
			Workers: 1})
		only(t, r, record.Saturated, "no call of the last 10s found a worker free, and the last one waited 9.99s",
			"50/s of 100/s were served", "allow more workers")
	})
}

// Clumps that are so close together that the gaps do not show them are found by the counts.
func TestClumpsOfCallsThatFollowCloselyAreOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: poisson(t, schedule.PerSecond(50_000), 500*ms, 1), Workers: 1,
			Pace:   ticking{ms},
			Target: sleeps(0)})
		only(t, r, record.ArrivalsOff, "the variance of the number of calls in windows of 200µs is ",
			"times its mean, and ", " times in the schedule: ", "choose another pace")
	})
}
