package bench_test

import (
	"context"
	"fmt"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/quantile"
)

// The oracle of the stall for a backlog that drains at twice the rate, from first
// principles: L(q) = s + S - (N-k)(1/rate - 1/drain), within one service time.
func TestCallsThatCatchUpAreMadeAtTheirRateTimesK(t *testing.T) {
	for k, want := range map[float64]struct{ p95, p99, p999, over time.Duration }{
		2: {750, 950, 996, 1980},
		4: {626, 926, 993, 1320},
	} {
		t.Run(fmt.Sprintf("k=%v", k), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 10*time.Second),
					Overload: bench.CatchUp(k),
					Target:   stalling(5*time.Second, 6*time.Second, ms), Workers: 8, Keep: 20_000})
				truth, over := quantile.NewExact(len(r.Kept)), 0
				for _, d := range r.Kept {
					truth.Add(d)
					if d > 10*ms {
						over++
					}
				}
				near := func(got, want time.Duration) bool { return (got - want*ms).Abs() <= 3*ms }
				if p95, p99, p999 := truth.Quantile(.95), truth.Quantile(.99), truth.Quantile(.999); !near(p95,
					want.p95) || !near(p99, want.p99) || !near(p999, want.p999) {
					t.Errorf("k = %v: p95 %v, p99 %v, p99.9 %v; want %+v ms", k, p95, p99, p999, want)
				}
				if math.Abs(float64(over)-float64(want.over)) > 20 || r.Done != 10_000 {
					t.Errorf("k = %v: %d calls over 10 ms of %d, want %d", k, over, r.Done, want.over)
				}
				// That the policy holds calls back is not the generator's fault.
				if r.Generator.Max() != 0 || r.Queue.Max() < 900*ms {
					t.Errorf("k = %v: generator lag %v, queue lag %v", k, r.Generator.Max(), r.Queue.Max())
				}
				if r.Overload != bench.CatchUp(k).String() {
					t.Errorf("the record says %q", r.Overload)
				}
			})
		})
	}
}

func TestCallsThatCatchUpAtTheirRateNeverDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := do(t, bench.Run{Arrivals: constant(t, schedule.PerSecond(1000), 3*time.Second),
			Overload: bench.CatchUp(1),
			Target:   stalling(time.Second, 2*time.Second, ms), Workers: 4, Keep: 4000})
		if last := r.Kept[len(r.Kept)-1]; last < 900*ms {
			t.Errorf("the last call has a latency of %v", last)
		}
	})
}

func TestAClosedLoopFollowsItsTarget(t *testing.T) {
	for name, c := range map[string]struct {
		workers        int
		service, think time.Duration
		calls          uint64
	}{
		"workers that do not think": {4, 10 * ms, 0, 400},
		"workers that think":        {4, 10 * ms, 40 * ms, 80},
		"one worker":                {1, ms, 9 * ms, 100},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := do(t, bench.Run{Closed: &bench.Closed{Duration: time.Second, Think: c.think}, Workers: c.workers,
					Target: sleeps(c.service)})
				if r.Done != c.calls || r.Latency.Max() != c.service || r.Latency.Min() != c.service {
					t.Errorf("%+v: %d calls of %v to %v", c, r.Done, r.Latency.Min(), r.Latency.Max())
				}
				if r.Loop != record.ClosedLoop || r.Overload != "" || r.Workers != c.workers || r.Fidelity != nil {
					t.Errorf("%+v: loop %q, overload %q, %d workers", c, r.Loop, r.Overload, r.Workers)
				}
				// Little's law: calls in the system are their rate times their latency.
				if want := r.Achieved() * c.service.Seconds(); math.Abs(r.InSystem-want) > 1e-6 {
					t.Errorf("%+v: %v calls in the system, want %v", c, r.InSystem, want)
				}
				if v := r.Verdict(0.5); len(v) != 0 {
					t.Errorf("%+v: verdict %v", c, v)
				}
			})
		})
	}
}

func TestAClosedLoopThatIsInterruptedMissesNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(context.Background(), 491*ms)
		defer cancel()
		r := doContext(ctx, t, bench.Run{Closed: &bench.Closed{Duration: time.Hour, Think: 30 * ms}, Workers: 3,
			Target: sleeps(20 * ms)})
		if !r.Interrupted || r.Missed != 0 || r.Done != 30 || r.Offered != 30 || r.Scheduled != 490*ms {
			t.Errorf("interrupted %v, done %d of %d, missed %d, in %v", r.Interrupted, r.Done, r.Offered, r.Missed,
				r.Scheduled)
		}
	})
}

func TestALoopIsOpenOrClosed(t *testing.T) {
	for want, run := range map[string]bench.Run{
		"both set": {Arrivals: constant(t, schedule.PerSecond(1), time.Second),
			Closed: &bench.Closed{Duration: 1}},
		"Run.Closed.Duration is 0": {Closed: &bench.Closed{}},
		"Run.Closed.Think is -1ns": {Closed: &bench.Closed{Duration: 1, Think: -1}},
		"or Run.Closed":            {},
	} {
		t.Run(want, func(t *testing.T) {
			run.Target = sleeps(0)
			if _, err := run.Do(context.Background()); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, want %q in it", err, want)
			}
		})
	}
}
