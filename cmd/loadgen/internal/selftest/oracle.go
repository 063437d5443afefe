package selftest

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/quantile"
)

// A stall is a target that stops once. Calls are due at even intervals; those begun
// from .from on, for .length, end together one service time after it, all others
// after their own.
type stall struct {
	perSecond uint64
	duration  time.Duration // of the load
	from      time.Duration
	length    time.Duration
	service   time.Duration // asked for; a machine sleeps a little longer
	workers   int
	unlimited bool // workers are more than ever wait
}

const (
	// tolerance is the share by which a percentile may miss what follows from
	// arithmetic. The maximum may miss it by twice that: a single call decides it.
	tolerance = 0.01
	// leastOff is by how much it may do so in any case, which is 1 % of the p95 of the
	// long stall. It is as much as calls may be late at p99.
	leastOff = mostLag
)

// latency is the q-quantile of latency from due, for calls that take service:
//
//	L(q) = max(s, s + S - (N-k)(1/lambda - 1/rho))
//
// for N calls at rate lambda, rank k, a stall of S, service s, and a backlog that
// drains at rate rho: c/s for c workers, without bound if they are unlimited. It is
// exact if they are, and otherwise right to one s. The error is of workers that do not
// drain the backlog before the load ends.
//
// Source: the n-th call from the beginning of the stall is due n/lambda after it and
// begins, with c workers first in, first out, n/rho after its end; so latency falls by
// 1/lambda - 1/rho from each call to the next, and the k-th smallest has N-k above it.
func (s *stall) latency(q float64, service time.Duration) (time.Duration, error) {
	gap := 1 / float64(s.perSecond) // seconds
	if !s.unlimited {
		drain := float64(s.workers) / service.Seconds()
		if !s.drains(drain) {
			return 0, fmt.Errorf("calls of %s let the target serve %.0f a second, too few to catch up with %d a "+
				"second", milliseconds(float64(service)), drain, s.perSecond)
		}
		gap -= 1 / drain
	}
	n := s.calls()
	above := float64(n - quantile.Rank(q, n))
	return max(service, service+s.length-time.Duration(above*gap*float64(time.Second))), nil
}

// drains tells whether the backlog is gone before the load ends.
func (s *stall) drains(perSecond float64) bool {
	excess := perSecond - float64(s.perSecond)
	takes := s.length.Seconds() * float64(s.perSecond) / excess
	return excess > 0 && takes <= (s.duration-s.from-s.length).Seconds()
}

func (s *stall) calls() uint64 { return schedule.PerSecond(s.perSecond).Calls(s.duration) }

func (e engine) oracle(quick bool) (all []Check) {
	s := stall{perSecond: 1000, duration: 10 * time.Second, from: 5 * time.Second, length: time.Second,
		service: time.Millisecond}
	workers := []int{unlimited, 16, 4, 1}
	if quick {
		// As long as p99.9 takes, which needs 3,688 calls.
		s.perSecond, s.duration, s.from, s.length = 2000, 2*time.Second, time.Second, 200*time.Millisecond
		workers = []int{unlimited, 8} // 8 calls of 2 ms each are 4,000/s
	}
	for _, n := range workers {
		s := s
		s.workers, s.unlimited = n, n == unlimited
		name := fmt.Sprintf("%d workers", n)
		switch n {
		case unlimited:
			name = "unlimited"
		case 1:
			// One that takes 1 ms for 1,000 calls a second never catches up.
			name, s.service = "1 worker", s.service/2
		}
		all = append(all, Check{Group: Oracle, Name: name, Takes: s.duration + lead,
			Measure: func(ctx context.Context) (Outcome, error) {
				return e.stalled(ctx, &s)
			}})
	}
	return all
}

const (
	// unlimited are more workers than calls ever wait at once.
	unlimited = 1500
	// lead is about what getting a run ready takes.
	lead = 50 * time.Millisecond
)

// stalled makes the run, and compares it with what follows from the service time
// that the target measured: a machine does not sleep for exactly as long as it is
// asked to, and what the backlog takes depends on it.
func (e engine) stalled(ctx context.Context, s *stall) (Outcome, error) {
	arrivals, err := schedule.Constant(schedule.PerSecond(s.perSecond), s.duration)
	if err != nil {
		return Outcome{}, err
	}
	w := newWitness(s.calls())
	t := &stallingTarget{stall: s, witness: w, sleeper: sleeper{pace: e.sleep(s.workers), witness: w},
		over: make(chan struct{})}
	record, err := e.do(ctx, &bench.Run{
		Arrivals: arrivals, Target: t, Workers: s.workers, Pace: w.on(e.pace(s.perSecond, s.workers)),
	})
	if err != nil {
		return Outcome{}, err
	}
	return s.judge(record, t.witness.calls(), t.service()), nil
}

// judge sets what was measured against what follows from the service time.
func (s *stall) judge(r *record.Record, seen uint64, service time.Duration) Outcome {
	o := Outcome{
		Note: fmt.Sprintf("%s stall at %s/s; service %s, asked for %s; generator's lag p99 %s", s.length,
			report.Count(s.perSecond),
			milliseconds(float64(service)), milliseconds(float64(s.service)), milliseconds(float64(r.Generator.Quantile(0.99)))),
		Findings: []Finding{
			exactly("calls done", s.calls(), r.Done),
			exactly("calls the target saw", r.Done+r.Failed, seen),
		},
	}
	for _, q := range []float64{0.95, 0.99, 0.999} {
		want, err := s.latency(q, service)
		if err != nil {
			f := unknown("latency", err)
			f.Timing = true
			o.Findings = append(o.Findings, f)
			return o
		}
		o.Findings = append(o.Findings, percentile(r, q, want, s.off(want)))
	}
	want := service + s.length
	o.Findings = append(o.Findings, around("latency max", want, r.Latency.Max(), 2*s.off(want)))
	return o
}

// off is by how much a latency may miss what it must be.
func (s *stall) off(want time.Duration) time.Duration {
	return max(time.Duration(tolerance*float64(want)), leastOff)
}

// A stallingTarget is the target of a stall.
type stallingTarget struct {
	stall   *stall
	witness *witness
	sleeper sleeper
	stopped sync.Once
	over    chan struct{} // closed when the calls that were stopped end
	caught  atomic.Bool   // up with the schedule, after the stall

	drained, others spent
}

// spent is the time that calls took.
type spent struct{ calls, ns atomic.Int64 }

func (s *spent) add(d time.Duration) {
	s.calls.Add(1)
	s.ns.Add(int64(d))
}

func (s *spent) mean() time.Duration { return time.Duration(s.ns.Load() / max(s.calls.Load(), 1)) }

// Call implements [bench.Target].
func (t *stallingTarget) Call(ctx context.Context, _ string) error {
	n, begun := t.witness.enter()
	end := t.stall.from + t.stall.length
	if begun >= t.stall.from && begun < end {
		// One sleeps for all: a thousand that wake at once would be late.
		t.stopped.Do(func() {
			go func() {
				t.sleeper.until(ctx, end+t.stall.service)
				close(t.over)
			}()
		})
		<-t.over
		return ctx.Err()
	}
	if begun >= end && begun-due(n, t.stall.perSecond) <= t.stall.service {
		t.caught.Store(true) // what is late from now on is so for another reason
	}
	drains := begun >= end && !t.caught.Load()
	ended := t.sleeper.until(ctx, begun+t.stall.service)
	if drains {
		t.drained.add(ended - begun)
	} else {
		t.others.add(ended - begun)
	}
	return ctx.Err()
}

// service is how long calls took that had waited for a worker: what the backlog
// drained by. If none had, it is how long they took outside the stall.
func (t *stallingTarget) service() time.Duration {
	if t.drained.calls.Load() > 0 && !t.stall.unlimited {
		return t.drained.mean()
	}
	return t.others.mean()
}
