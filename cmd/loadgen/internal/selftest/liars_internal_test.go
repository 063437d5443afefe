package selftest

import (
	"context"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// fake returns an engine in which everything sleeps, so that a fake clock is exact.
func fake() engine {
	e := realTime()
	e.pace = func(uint64, int) pace.Pace { return pace.Sleep }
	e.sleep = func(int) pace.Pace { return pace.Sleep }
	return e
}

// experiments returns a short experiment of each kind, by name.
func experiments(e engine) map[string]func(context.Context) (Outcome, error) {
	const short = 500 * ms
	s := stall{perSecond: 2000, duration: 2 * time.Second, from: time.Second, length: 200 * ms, service: ms,
		workers: 4}
	byName := map[string]func(context.Context) (Outcome, error){
		"stall": func(ctx context.Context) (Outcome, error) { return e.stalled(ctx, &s) },
		"calm":  func(ctx context.Context) (Outcome, error) { return e.calm(ctx, 1000, short) },
		"slow call": func(ctx context.Context) (Outcome, error) {
			return e.oneSlow(ctx, slowCall{1000, short, 200 * ms})
		},
		"pacing": func(ctx context.Context) (Outcome, error) { return e.paced(ctx, 1000, short) },
		"poisson": func(ctx context.Context) (Outcome, error) {
			return e.random(ctx, "poisson", 2000, short, distuv.Exponential{Rate: 2000 / 1e9})
		},
	}
	for _, c := range e.accounting() {
		byName[c.Name] = c.Measure
	}
	return byName
}

// measure makes an experiment with a fake clock, and returns the figures that failed.
func measure(t *testing.T, e engine, name string) (failed []string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		c := Check{Measure: experiments(e)[name]}
		r, err := c.run(t.Context(), nil)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range r.Failed() {
			failed = append(failed, f.What)
		}
		if r.Passed != (len(failed) == 0) {
			t.Errorf("%s: passed %v, failed %v", name, r.Passed, failed)
		}
	})
	return failed
}

func TestAnHonestGeneratorPassesEveryCheck(t *testing.T) {
	for name := range experiments(fake()) {
		t.Run(name, func(t *testing.T) {
			if failed := measure(t, fake(), name); failed != nil {
				t.Errorf("failed: %v", failed)
			}
		})
	}
	for _, workers := range []int{unlimited, 16, 1} {
		s := stall{perSecond: 2000, duration: 2 * time.Second, from: time.Second, length: 200 * ms, service: ms / 4,
			workers: workers, unlimited: workers == unlimited}
		synctest.Test(t, func(t *testing.T) {
			o, err := fake().stalled(t.Context(), &s)
			for _, f := range o.Findings {
				if !f.Passed {
					t.Errorf("%d workers: %s is %s, expected %s", workers, f.What, f.Measured(), f.Expected())
				}
			}
			if err != nil || len(o.Findings) != 6 {
				t.Errorf("%+v, %v", o, err)
			}
		})
	}
}

// Each generator is wrong in one way, and fails at least the figures named.
func TestEveryWrongGeneratorFails(t *testing.T) {
	for name, c := range map[string]struct {
		alter func(*bench.Run)           // called before the run
		forge func(*record.Record)       // called after the run
		error func(*record.Record) error // its error is returned with the record
		fails map[string][]string        // figures by experiment
	}{
		"latency counts from when a call begins": {
			forge: func(r *record.Record) { r.Latency = r.Service },
			fails: map[string][]string{"stall": {"latency p95", "latency p99"},
				"calls catch up": {"mean latency = lag + service"}},
		},
		"some calls are not made": {
			alter: func(r *bench.Run) { r.Target = skipping(r.Target) },
			fails: map[string][]string{"stall": {"calls the target saw"}, "calm": {"calls the target saw"},
				"slow call": {"calls the target saw"},
				"pacing":    {"calls the target saw"}, "poisson": {"calls the target saw"},
				"all done": {"calls done"}},
		},
		"calls are late": {
			alter: func(r *bench.Run) { r.Pace = shifted{r.Pace, 20 * ms} },
			fails: map[string][]string{"pacing": {"lag p99"}},
		},
		"calls are late, and others dropped": {
			alter: func(r *bench.Run) { r.Pace, r.Overload = shifted{r.Pace, 20 * ms}, bench.Drop },
			fails: map[string][]string{"pacing": {"calls dropped"}},
		},
		"calls are late, and reported as on time": {
			alter: func(r *bench.Run) { r.Pace = shifted{r.Pace, ms / 2} },
			fails: map[string][]string{"pacing": {"mean lag in the record"}},
		},
		"calls are early": {
			alter: func(r *bench.Run) { r.Pace = shifted{r.Pace, -ms / 2} },
			fails: map[string][]string{"pacing": {"calls begun early"}},
		},
		"calls come in clumps": {
			alter: func(r *bench.Run) { r.Pace = clumped{r.Pace} },
			fails: map[string][]string{"pacing": {"lag p99"},
				"poisson": {"gaps from their law", "gaps from the schedule", "verdicts of arrivals-off"}},
		},
		"random calls are even": {
			alter: func(r *bench.Run) {
				r.Arrivals, _ = schedule.Constant(schedule.PerSecond(2000), 500*ms)
			},
			fails: map[string][]string{"poisson": {"gaps from their law"}},
		},
		"latencies are invented": {
			forge: func(r *record.Record) {
				for d := r.Latency.Max(); d > 2*ms; d -= ms {
					r.Latency.Add(d)
					r.Kept = append(r.Kept, d)
				}
				r.Latency.Add(ms)
			},
			fails: map[string][]string{"slow call": {"latencies recorded", "calls above 100 ms"},
				"calm": {"latencies recorded"}},
		},
		"drops are hidden": {
			forge: func(r *record.Record) { r.Offered -= r.Dropped; r.Dropped = 0 },
			fails: map[string][]string{"a queue of 10": {"calls offered", "calls dropped or missed"},
				"calls that wait are dropped": {"calls offered", "calls dropped or missed"}},
		},
		"failures are counted as done": {
			forge: func(r *record.Record) { r.Done += r.Failed; r.Failed = 0 },
			fails: map[string][]string{"failures and panics": {"calls done", "calls failed"}},
		},
		"missed calls are left out": {
			forge: func(r *record.Record) { r.Offered -= r.Missed; r.Missed = 0 },
			fails: map[string][]string{"an interruption": {"calls offered", "calls dropped or missed"}},
		},
		"Little's law does not hold": {
			forge: func(r *record.Record) { r.InSystem *= 1.00001 },
			fails: map[string][]string{"all done": {"calls at once = rate x latency"}},
		},
		"the achieved rate is too low": {
			forge: func(r *record.Record) { r.Elapsed += r.Elapsed / 500 },
			fails: map[string][]string{"pacing": {"rate achieved"}},
		},
		"the account does not add up": {
			error: func(*record.Record) error { return &bench.AccountError{Problems: []string{"one is missing"}} },
			fails: map[string][]string{"stall": {"account of the run"}, "all done": {"account of the run"}},
		},
	} {
		e := fake()
		e.do = func(ctx context.Context, r *bench.Run) (*record.Record, error) {
			if c.alter != nil {
				c.alter(r)
			}
			record, err := r.Do(ctx)
			if err == nil && c.forge != nil {
				c.forge(record)
			}
			if err == nil && c.error != nil {
				err = c.error(record)
			}
			return record, err
		}
		t.Run(name, func(t *testing.T) {
			for experiment, want := range c.fails {
				failed := measure(t, e, experiment)
				for _, figure := range want {
					if !slices.Contains(failed, figure) {
						t.Errorf("%s: %q passed; failed: %q", experiment, figure, failed)
					}
				}
			}
		})
	}
}

// skipping returns a target that leaves out every tenth call.
func skipping(target bench.Target) bench.Target {
	var n atomic.Int64
	return bench.TargetFunc(func(ctx context.Context, key string) error {
		if n.Add(1)%10 == 0 {
			return nil
		}
		return target.Call(ctx, key)
	})
}

// A shifted pace waits for longer than it reports, or for less.
type shifted struct {
	pace.Pace
	by time.Duration
}

type shiftedWaiter struct {
	pace.Waiter
	by time.Duration
}

func (p shifted) Waiter(c pace.Clock) pace.Waiter {
	return shiftedWaiter{p.Pace.Waiter(c), p.by}
}

func (w shiftedWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	return w.Waiter.Wait(done, due+w.by) - w.by
}

// A clumped pace wakes every 10 ms.
type clumped struct{ pace.Pace }

type clumpedWaiter struct{ pace.Waiter }

func (p clumped) Waiter(c pace.Clock) pace.Waiter { return clumpedWaiter{p.Pace.Waiter(c)} }

func (w clumpedWaiter) Wait(done <-chan struct{}, due time.Duration) time.Duration {
	const tick = 10 * ms
	return w.Waiter.Wait(done, (due+tick-1)/tick*tick)
}

func TestTheDistanceOfGapsFromTheirLawIsThatOfTheWorstOne(t *testing.T) {
	l := distuv.Exponential{Rate: 1e-6} // 1 ms
	var exact []float64
	for i := range 1000 {
		exact = append(exact, l.Quantile((float64(i)+0.5)/1000))
	}
	even := slices.Repeat([]float64{1e6}, 1000)
	for name, c := range map[string]struct {
		gaps []float64
		off  time.Duration
		want float64
	}{
		"exact":              {exact, 0, 0.0005},
		"even":               {even, 0, 0.6321},
		"even, with a slack": {even, 100 * time.Microsecond, 0.5934},
		"none":               {nil, 0, 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := distance(c.gaps, l, c.off); got < c.want-0.0001 || got > c.want+0.0001 {
				t.Errorf("got %v, want %v", got, c.want)
			}
		})
	}
}

func TestTheTargetsClockIsNoLaterThanThatOfTheRun(t *testing.T) {
	// This uses the real clock. If the start of the witness were late, calls would seem early.
	w := newWitness(200)
	arrivals, err := schedule.Constant(schedule.PerSecond(2000), 100*ms)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := (&bench.Run{Arrivals: arrivals, Workers: 2, Target: w.looking(),
		Pace: w.on(pace.Tight)}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
	if lags, early := w.lags(2000); early > 0 || lags.Count() != 200 || w.calls() != 200 {
		t.Errorf("%d of %d calls are early", early, lags.Count())
	}
}

func TestAShortRunReportsWhatItCannotMeasure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := fake()
		for name, experiment := range map[string]func() (Outcome, error){
			"percentile": func() (Outcome, error) { return e.calm(t.Context(), 1000, 100*ms) },
			"fidelity": func() (Outcome, error) {
				return e.random(t.Context(), "poisson", 1000, 50*ms, distuv.Exponential{Rate: 1e-6})
			},
			"backlog": func() (Outcome, error) {
				return e.stalled(t.Context(), &stall{perSecond: 1000, duration: 3 * time.Second, from: time.Second,
					length: 200 * ms, service: 2 * ms, workers: 1})
			},
		} {
			o, err := experiment()
			if err != nil {
				t.Fatal(err)
			}
			if !slices.ContainsFunc(o.Findings, func(f Finding) bool { return f.Problem != "" && !f.Passed }) {
				t.Errorf("%s: %+v", name, o.Findings)
			}
		}
	})
}
