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
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
)

// A stall is a load whose target stops once. Calls are due at even intervals. Those that begin during the stall all
// end one service time after the end of the stall; each of the others takes one service time.
type stall struct {
	perSecond uint64
	duration  time.Duration // of the load
	from      time.Duration // when the stall begins
	length    time.Duration // of the stall
	service   time.Duration // as requested; a machine sleeps a little longer
	workers   int
	unlimited bool // there are more workers than calls that ever wait
}

const (
	// tolerance is the share by which a percentile may differ from the one computed. The maximum may differ by twice
	// that, since a single call decides it.
	tolerance = 0.01
	// leastOff is a difference that is always allowed: as much as calls may be late at p99. It is 1% of the p95 of the
	// long stall.
	leastOff = mostLag
)

// latency returns the q-quantile of latency, counted from when calls are due, for calls that take service:
//
//	L(q) = max(s, s + S - (N-k)(1/lambda - 1/rho))
//
// for N calls at rate lambda, rank k, a stall of length S, service time s, and a backlog that drains at rate rho. Rho
// is c/s for c workers, and infinite if workers are unlimited. The result is exact for unlimited workers, and
// otherwise to within s. The error says that workers do not drain the backlog before the load ends.
//
// Derivation: the n-th call of the stall is due n/lambda after the stall begins. With c workers that take calls in
// order, it begins n/rho after the stall ends. So latency falls by 1/lambda - 1/rho from each call to the next, and
// the k-th smallest latency has N-k above it.
func (s *stall) latency(q float64, service time.Duration) (time.Duration, error) {
	gap := 1 / float64(s.perSecond) // seconds
	if !s.unlimited {
		drain := float64(s.workers) / service.Seconds()
		if !s.drains(drain) {
			return 0, fmt.Errorf("calls of %s let the target serve %s, too few to catch up with %s",
				format.Duration(service), format.Rate(drain), format.GivenRate(float64(s.perSecond)))
		}
		gap -= 1 / drain
	}
	n := s.calls()
	above := float64(n - quantile.Rank(q, n))
	return max(service, service+s.length-time.Duration(above*gap*float64(time.Second))), nil
}

// drains reports whether the backlog is gone before the load ends, if the target serves perSecond calls.
func (s *stall) drains(perSecond float64) bool {
	excess := perSecond - float64(s.perSecond)
	takes := s.length.Seconds() * float64(s.perSecond) / excess
	return excess > 0 && takes <= (s.duration-s.from-s.length).Seconds()
}

func (s *stall) calls() uint64 { return schedule.PerSecond(s.perSecond).Calls(s.duration) }

// oracle returns checks of the latency that follows from a stall.
func (e engine) oracle(quick bool) (checks []Check) {
	s := stall{perSecond: 1000, duration: 10 * time.Second, from: 5 * time.Second, length: time.Second,
		service: time.Millisecond}
	workers := []int{unlimited, 16, 4, 1}
	if quick {
		// Long enough for p99.9, which needs 3,688 calls.
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
			// A worker whose calls take 1 ms never catches up with 1,000 calls per second.
			name, s.service = "1 worker", s.service/2
		}
		checks = append(checks, Check{Group: Oracle, Name: name, Takes: s.duration + lead,
			Measure: func(ctx context.Context) (Outcome, error) {
				return e.stalled(ctx, &s)
			}})
	}
	return checks
}

const (
	// unlimited is a number of workers greater than the number of calls that ever wait at once.
	unlimited = 1500
	// lead is about the time that it takes to prepare a run.
	lead = 50 * time.Millisecond
)

// stalled runs s and judges the record. Latency is computed from the service time that the target measured: a machine
// does not sleep for exactly the requested time, and the time to drain the backlog depends on it.
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

// judge compares the record with what follows from the service time.
func (s *stall) judge(r *record.Record, seen uint64, service time.Duration) Outcome {
	o := Outcome{
		Note: fmt.Sprintf("%s stall at %s; service %s, asked for %s; generator's lag p99 %s", s.length,
			format.GivenRate(float64(s.perSecond)), format.Duration(service), format.Duration(s.service),
			format.Duration(r.Generator.Quantile(0.99))),
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

// off returns by how much a latency may differ from want.
func (s *stall) off(want time.Duration) time.Duration {
	return max(time.Duration(tolerance*float64(want)), leastOff)
}

// A stallingTarget is the target of a stall.
type stallingTarget struct {
	stall   *stall
	witness *witness
	sleeper sleeper
	stopped sync.Once
	over    chan struct{} // closed when the stalled calls end
	caught  atomic.Bool   // whether calls have caught up with the schedule after the stall

	drained, others spent // calls of the backlog, and all others outside the stall
}

// spent counts calls and the time that they took.
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
		// One goroutine sleeps for all: a thousand that wake at once would be late.
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
		t.caught.Store(true) // calls that are late from now on are late for another reason
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

// service returns the mean time that calls of the backlog took, which is what decides how fast it drained. If there
// was no backlog, it returns the mean of all calls outside the stall.
func (t *stallingTarget) service() time.Duration {
	if t.drained.calls.Load() > 0 && !t.stall.unlimited {
		return t.drained.mean()
	}
	return t.others.mean()
}
