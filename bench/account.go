package bench

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
)

// newRecord returns the record of a finished run, from the sum of its recorders and the outcome of its
// source.
func newRecord(c *crew, total *recorder, o outcome) *record.Record {
	r := &record.Record{
		Loop:          record.OpenLoop,
		Pace:          c.pace.String(),
		Overload:      c.run.Overload.String(),
		Workers:       len(c.workers),
		Offered:       o.offered,
		Done:          total.latency.Count(),
		Failed:        total.failed.Count(),
		GivenUp:       c.givenUp,
		Dropped:       o.dropped,
		Missed:        o.missed,
		Scheduled:     o.scheduled,
		Interrupted:   o.cut,
		FailedApart:   c.run.FailedApart,
		Latency:       total.latency,
		Service:       total.service,
		Queue:         total.lags.queue,
		Generator:     total.lags.generator,
		FailedLatency: total.failed,
		Backlog:       total.lags.backlog,
		Failures:      total.failures.List(),
		Kept:          c.kept.latencies(),
		Waiting:       c.spent(),
		Slowest:       c.slowest.list(),
		Hiccups:       c.observer.hiccups,
		Runtime:       c.observer.total,
		Lag:           total.lags.whole,
		InTime:        total.inTime,
		WindowLength:  c.windows.length,
	}
	if c.timed != nil {
		r.Phases = &total.phases
	}
	if c.closed != nil {
		r.Loop, r.Overload = record.ClosedLoop, ""
	}
	if r.Interrupted { // otherwise the schedule ended before the SLO could end the run
		r.Aborted = c.aborted
	}
	r.Elapsed = max(r.Scheduled, total.last)
	if r.Backlog > 0 {
		r.Behind = max(r.Scheduled-total.lags.lastFree, 0)
	}
	if r.Elapsed > 0 {
		r.InSystem = (total.latency.Sum() + total.failed.Sum()) / float64(r.Elapsed)
	}
	r.Windows = c.windows.list(c.observer.windows, r.Scheduled)
	if c.closed == nil {
		r.Fidelity = record.NewFidelity(c.trace.rows())
	}
	r.Complete(c.windows.plan)
	return r
}

// list returns the windows that began before the end of the schedule.
func (w *windows) list(usage []record.RuntimeWindow, scheduled time.Duration) (list []record.Window) {
	for i := range w.all {
		v := &w.all[i]
		window := record.Window{
			From: time.Duration(i) * w.length, Length: w.length, Done: v.done, Failed: v.failed,
			Dropped: v.dropped.Load(), Missed: v.missed.Load(), Late: v.late.Load(), Max: v.latency.Max(),
			Latency: &v.latency, LatencySum: v.latencySum,
		}
		if len(v.slow) > 0 {
			window.Slow = v.slow
		}
		window.Offered = window.Done + window.Failed + window.Dropped + window.Missed
		if window.From >= scheduled {
			if window.Offered == 0 {
				break
			}
		} else {
			window.Length = min(window.Length, scheduled-window.From)
		}
		list = append(list, window)
	}
	for i := range usage {
		// The observer and its windows may be late. Its last window goes on until every call has
		// ended.
		if at := min(int((usage[i].From+usage[i].To)/2/w.length), len(list)-1); at >= 0 {
			list[at].Runtime = &usage[i]
		}
	}
	return list
}

// An AccountError reports that the account of a run does not add up, which is a fault of this package.
// The record cannot be relied on.
type AccountError struct{ Problems []string }

func (e *AccountError) Error() string {
	return "bench: the account of the run does not add up (a fault of loadgen; please report it): " +
		strings.Join(e.Problems, "; ")
}

// checkAccount checks two properties of every run, with counts that the source and the recorders made
// independently: that every call is accounted for once, and Little's law.
//
// The number of calls in the system, integrated over time, is the sum of the instants at which they
// ended minus the sum of the instants at which they were due. By Little's law it is also the sum of
// their latencies.
func checkAccount(r *record.Record, total *recorder, o outcome) error {
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
	// The sums are modulo 2^64 ns, and so exact.
	if inSystem := total.endedSum - o.dueSum; inSystem != total.latencySum {
		wrong("Little's law: the calls spent %d ns in the system, and their latencies are %d ns", inSystem,
			total.latencySum)
	}
	if sum, want := r.Latency.Sum()+r.FailedLatency.Sum(), float64(total.latencySum); total.latencySum < 1<<62 &&
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
