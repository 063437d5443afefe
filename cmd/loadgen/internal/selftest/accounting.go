package selftest

import (
	"context"
	"errors"
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// An account is a run whose calls end in a known way, to check what the run reports about them.
type account struct {
	name      string
	perSecond uint64
	duration  time.Duration // of the schedule
	cut       time.Duration // when the run is interrupted; 0: never
	workers   int
	queue     int
	overload  bench.Overload
	service   time.Duration
	failing   bool // of every ten calls one fails and one panics
	stalls    bool // one call takes a hundred times as long
}

// accounting returns checks that every call is accounted for once, however it ends.
func (e engine) accounting() (checks []Check) {
	for _, a := range []account{
		{name: "all done", perSecond: 1000, duration: 300 * time.Millisecond, workers: 4, service: time.Millisecond},
		{name: "failures and panics", perSecond: 2000, duration: 300 * time.Millisecond, workers: 4,
			service: time.Millisecond, failing: true},
		{name: "calls that wait are dropped", perSecond: 1000, duration: 300 * time.Millisecond, workers: 1,
			overload: bench.Drop, service: 5 * time.Millisecond},
		{name: "a queue of 10", perSecond: 1000, duration: 300 * time.Millisecond, workers: 1, queue: 10,
			service: 5 * time.Millisecond, failing: true},
		{name: "calls catch up", perSecond: 500, duration: 400 * time.Millisecond, workers: 1,
			overload: bench.CatchUp(2), service: time.Millisecond / 2, stalls: true},
		{name: "an interruption", perSecond: 1000, duration: time.Hour, cut: 200 * time.Millisecond, workers: 1,
			service: 5 * time.Millisecond},
	} {
		takes := a.duration
		if a.cut > 0 {
			takes = a.cut
		}
		checks = append(checks, Check{Group: Accounting, Name: a.name, Takes: takes + lead,
			Measure: func(ctx context.Context) (Outcome, error) {
				return e.accounted(ctx, &a)
			}})
	}
	return checks
}

var errAsked = errors.New("asked for")

func (e engine) accounted(ctx context.Context, a *account) (Outcome, error) {
	arrivals, err := schedule.Constant(schedule.PerSecond(a.perSecond), a.duration)
	if err != nil {
		return Outcome{}, err
	}
	w := newWitness(0)
	s := sleeper{pace: e.sleep(a.workers), witness: w}
	runCtx := ctx
	if a.cut > 0 {
		var cancel context.CancelFunc
		runCtx, cancel = context.WithTimeout(ctx, a.cut)
		defer cancel()
	}
	record, err := e.do(runCtx, &bench.Run{Arrivals: arrivals, Workers: a.workers, Queue: a.queue,
		Overload: a.overload,
		Pace:     w.on(e.pace(a.perSecond, a.workers)),
		Target: bench.TargetFunc(func(_ context.Context, _ string) error {
			// The target ignores the end of the run, so that it is known how each call ends.
			n, begun := w.enter()
			took := a.service
			if a.stalls && n == 20 {
				took *= 100
			}
			s.until(context.Background(), begun+took)
			switch {
			case a.failing && n%10 == 3:
				return errAsked
			case a.failing && n%10 == 7:
				panic(errAsked)
			}
			return nil
		})})
	if err != nil {
		return Outcome{}, err
	}
	return a.judge(record, w.calls()), nil
}

// judge compares the record with the schedule and with what the target did. It also checks that the sums of the record
// agree: by Little's law, and with latency as the sum of lag and service time.
func (a *account) judge(r *record.Record, seen uint64) Outcome {
	failed := uint64(0)
	if a.failing {
		failed = (seen+6)/10 + (seen+2)/10 // calls are numbered from 0; those that end in 3 or in 7 fail
	}
	offered := schedule.PerSecond(a.perSecond).Calls(a.duration)
	if a.cut > 0 {
		offered = schedule.PerSecond(a.perSecond).Calls(r.Scheduled) // calls that were due before the end
	}
	o := Outcome{
		Note: fmt.Sprintf("done %d, failed %d, dropped %d, missed %d", r.Done, r.Failed, r.Dropped, r.Missed),
		Findings: []Finding{
			exactly("calls offered", offered, r.Offered),
			exactly("calls done", seen-min(failed, seen), r.Done),
			exactly("calls failed", failed, r.Failed),
			exactly("calls dropped or missed", offered-min(seen, offered), r.Dropped+r.Missed),
		},
	}
	little := near("calls at once = rate x latency", AtOnce, r.Achieved()*mean(r), r.InSystem, 1e-6)
	little.Timing = false
	o.Findings = append(o.Findings, little)
	if r.Failed == 0 && r.Done > 0 {
		sum := r.Queue.Mean() + r.Generator.Mean() + r.Service.Mean()
		f := around("mean latency", sum, r.Latency.Mean(), meanOff)
		f.What, f.Timing = "mean latency = lag + service", false
		o.Findings = append(o.Findings, f)
	}
	return o
}

// meanOff is the most that is lost by truncating four means to whole nanoseconds.
const meanOff = 4 * time.Nanosecond

// mean returns the mean latency of the calls that ended, in seconds.
func mean(r *record.Record) float64 {
	return (r.Latency.Sum() + r.FailedLatency.Sum()) / 1e9 / math.Max(float64(r.Done+r.Failed), 1)
}
