package selftest

import (
	"context"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/quantile"
)

// companions returns checks that complement the oracle. A generator that corrects latency by guessing passes the
// oracle, but reports a stall here where there was none.
func (e engine) companions(quick bool) []Check {
	slow := slowCall{perSecond: 1000, duration: 2 * time.Second, takes: time.Second}
	if quick {
		slow.duration, slow.takes = time.Second, 200*time.Millisecond
	}
	const calm = 2 * time.Second
	return []Check{
		{Group: Companions, Name: "no stall", Takes: calm + lead, Measure: func(ctx context.Context) (Outcome, error) {
			return e.calm(ctx, 2000, calm)
		}},
		{Group: Companions, Name: "one slow call", Takes: slow.duration + lead,
			Measure: func(ctx context.Context) (Outcome, error) {
				return e.oneSlow(ctx, slow)
			}},
	}
}

// calmOff is by how much latency may differ from service time if no call waits. The limit at p99 is mostLag, since
// even a good machine has late calls.
const calmOff = time.Millisecond

// calm runs a target that takes 1 ms and never stops, so that latency is its service time.
func (e engine) calm(ctx context.Context, perSecond uint64, d time.Duration) (Outcome, error) {
	const workers = 16
	arrivals, err := schedule.Constant(schedule.PerSecond(perSecond), d)
	if err != nil {
		return Outcome{}, err
	}
	w := newWitness(schedule.PerSecond(perSecond).Calls(d))
	s := sleeper{pace: e.sleep(workers), witness: w}
	took := make([]time.Duration, len(w.begun)) // by call, as the target measured it
	record, err := e.do(ctx, &bench.Run{Arrivals: arrivals, Workers: workers, Pace: w.on(e.pace(perSecond, workers)),
		Target: bench.TargetFunc(func(ctx context.Context, _ string) error {
			n, begun := w.enter()
			s.until(ctx, begun+time.Millisecond)
			if n < uint64(len(took)) {
				took[n] = w.now() - begun
			}
			return ctx.Err()
		})})
	if err != nil {
		return Outcome{}, err
	}
	return judgeCalm(record, w.calls(), took), nil
}

func judgeCalm(r *record.Record, seen uint64, took []time.Duration) Outcome {
	service := quantile.NewHDR()
	for _, d := range took {
		service.Add(d)
	}
	o := Outcome{Note: "expected is the target's own service time", Findings: []Finding{
		exactly("calls done", uint64(len(took)), r.Done),
		exactly("latencies recorded", r.Done, r.Latency.Count()),
		exactly("calls the target saw", r.Done+r.Failed, seen),
	}}
	for _, c := range []struct {
		q   float64
		off time.Duration
	}{{0.5, calmOff}, {0.9, calmOff}, {0.99, mostLag}} {
		o.Findings = append(o.Findings, percentile(r, c.q, service.Quantile(c.q), c.off))
	}
	return o
}

// A slowCall is a load with one call that takes long, and delays no other call.
type slowCall struct {
	perSecond uint64
	duration  time.Duration
	takes     time.Duration
}

// slowLatency is the latency above which a call counts as slow. The other calls are far below it.
const slowLatency = 100 * time.Millisecond

func (e engine) oneSlow(ctx context.Context, c slowCall) (Outcome, error) {
	arrivals, err := schedule.Constant(schedule.PerSecond(c.perSecond), c.duration)
	if err != nil {
		return Outcome{}, err
	}
	n := schedule.PerSecond(c.perSecond).Calls(c.duration)
	w := newWitness(n)
	s := sleeper{pace: e.sleep(unlimited), witness: w}
	record, err := e.do(ctx, &bench.Run{Arrivals: arrivals, Workers: unlimited,
		Pace: w.on(e.pace(c.perSecond, unlimited)), Keep: int(2 * n),
		Target: bench.TargetFunc(func(ctx context.Context, _ string) error {
			took := time.Millisecond
			i, begun := w.enter()
			if i == n/4 {
				took = c.takes
			}
			s.until(ctx, begun+took)
			return ctx.Err()
		})})
	if err != nil {
		return Outcome{}, err
	}
	return c.judge(record, n, w.calls()), nil
}

func (c slowCall) judge(r *record.Record, n, seen uint64) Outcome {
	var slow uint64
	for _, d := range r.Kept {
		if d > slowLatency {
			slow++
		}
	}
	few := exactly("calls above 100 ms", 1, slow)
	few.Timing = true // a machine that stops makes others slow
	return Outcome{Findings: []Finding{
		exactly("calls done", n, r.Done),
		exactly("latencies recorded", r.Done, uint64(len(r.Kept))),
		exactly("calls the target saw", r.Done+r.Failed, seen),
		few,
		around("latency max", c.takes, r.Latency.Max(), 2*leastOff),
	}}
}
