package bench

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// newRecord returns the record of a run that is over.
func newRecord(c *crew, all *recorder, o outcome) *record.Record {
	r := &record.Record{
		Loop:          record.OpenLoop,
		Pace:          c.pace.String(),
		Overload:      c.run.Overload.String(),
		Workers:       len(c.workers),
		Offered:       o.offered,
		Done:          all.latency.Count(),
		Failed:        all.failed.Count(),
		GivenUp:       c.givenUp,
		Dropped:       o.dropped,
		Missed:        o.missed,
		Scheduled:     o.scheduled,
		Interrupted:   o.cut,
		FailedApart:   c.run.FailedApart,
		Latency:       all.latency,
		Service:       all.service,
		Queue:         all.lags.queue,
		Generator:     all.lags.generator,
		FailedLatency: all.failed,
		Backlog:       all.lags.backlog,
		Failures:      all.failures.List(),
		Kept:          c.kept.latencies(),
		Waiting:       c.spent(),
		Slowest:       c.slowest.list(),
		Hiccups:       c.observer.hiccups,
		Runtime:       c.observer.total,
		Lag:           all.lags.whole,
		InTime:        all.inTime,
		WindowLength:  c.windows.length,
	}
	if c.closed != nil {
		r.Loop, r.Overload = record.ClosedLoop, ""
	}
	if r.Interrupted { // or the schedule was over before anything could end it
		r.Aborted = c.aborted
	}
	r.Elapsed = max(r.Scheduled, all.last)
	if r.Backlog > 0 {
		r.Behind = max(r.Scheduled-all.lags.lastFree, 0)
	}
	if r.Elapsed > 0 {
		r.InSystem = (all.latency.Sum() + all.failed.Sum()) / float64(r.Elapsed)
	}
	r.Windows = c.windows.list(c.observer.windows, r.Scheduled)
	if c.closed == nil {
		r.Fidelity = record.NewFidelity(c.trace.rows())
	}
	r.Complete(c.windows.plan)
	return r
}

// list returns the windows that began before the end of the schedule.
func (w *windows) list(usage []record.RuntimeWindow, scheduled time.Duration) (all []record.Window) {
	for i := range w.all {
		v := &w.all[i]
		one := record.Window{
			From: time.Duration(i) * w.length, Length: w.length, Done: v.done, Failed: v.failed,
			Dropped: v.dropped.Load(), Missed: v.missed.Load(), Late: v.late.Load(), Max: v.latency.Max(),
			Latency: &v.latency, LatencySum: v.latencySum,
		}
		if len(v.slow) > 0 {
			one.Slow = v.slow
		}
		one.Offered = one.Done + one.Failed + one.Dropped + one.Missed
		if one.From >= scheduled {
			if one.Offered == 0 {
				break
			}
		} else {
			one.Length = min(one.Length, scheduled-one.From)
		}
		all = append(all, one)
	}
	for i := range usage {
		// The observer may be late, and its windows with it. Its last one goes on until
		// every call has ended.
		if at := min(int((usage[i].From+usage[i].To)/2/w.length), len(all)-1); at >= 0 {
			all[at].Runtime = &usage[i]
		}
	}
	return all
}

// An AccountError is a run whose account does not add up, which is a fault of this
// package. What it says cannot be relied on.
type AccountError struct{ Problems []string }

func (e *AccountError) Error() string {
	return "bench: the account of the run does not add up (a fault of loadgen; please report it): " +
		strings.Join(e.Problems, "; ")
}

// checkAccount checks what holds for every run, by what its source and its
// recorders counted independently of each other: that every call is accounted for
// once, and Little's law.
//
// The number of calls in the system, integrated over time, is the sum of the
// instants at which they ended less those at which they were due. By Little's law
// it is the sum of their latencies, too.
func checkAccount(r *record.Record, all *recorder, o outcome) error {
	var problems []string
	wrong := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	if sum := r.Done + r.Failed + r.Dropped + r.Missed; r.Offered != sum {
		wrong("%d calls were offered, and %d are accounted for", r.Offered, sum)
	}
	begun := r.Done + r.Failed
	if n := r.Service.Count(); n != r.Done {
		wrong("%d calls were done, and the service time of %d is known", r.Done, n)
	}
	for _, h := range []*quantile.HDR{r.Queue, r.Generator} {
		if n := h.Count(); n != begun {
			wrong("%d calls were begun, and the lag of %d is known", begun, n)
		}
	}
	// Sums are modulo 2^64 ns, in which they are exact.
	if inSystem := all.endedSum - o.dueSum; inSystem != all.latencySum {
		wrong("Little's law: the calls spent %d ns in the system, and their latencies are %d ns", inSystem,
			all.latencySum)
	}
	if sum, want := r.Latency.Sum()+r.FailedLatency.Sum(), float64(all.latencySum); all.latencySum < 1<<62 &&
		math.Abs(sum-want) > 1e-6*want+1 {
		wrong("Little's law: the histograms of latency hold %.0f ns, the calls took %.0f ns", sum, want)
	}
	var windows uint64
	for i := range r.Windows {
		windows += r.Windows[i].Offered
	}
	if windows != r.Offered {
		wrong("%d calls were offered, and the windows hold %d", r.Offered, windows)
	}
	if problems == nil {
		return nil
	}
	return &AccountError{problems}
}
