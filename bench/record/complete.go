package record

import (
	"fmt"
	"iter"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A Plan is the planned load of a run, and its objectives.
type Plan struct {
	SLOs    []SLO
	Windows int // the number of windows in the whole schedule
	// Due is the number of calls that the schedule has in each window; nil if it is not known,
	// as in a closed loop.
	Due []uint64
}

// DueIn returns the number of calls that the schedule has in windows from to to-1, or [UnknownDue].
func (p *Plan) DueIn(from, to int) (n uint64) {
	if p.Due == nil {
		return UnknownDue
	}
	for _, due := range p.Due[from:to] {
		n += due
	}
	return n
}

// UnknownDue is the number of calls due if it is not known. It is exported for callers of [Plan.DueIn],
// which returns it.
const UnknownDue = 1 << 62

// Stretches yields the parts of a run of n windows that s judges one by one, each as the index of
// its first window and the index after its last: the whole run, or, for an objective over windows
// of its own, each of those that lies within the first whole windows.
func (s SLO) Stretches(window time.Duration, n, whole int) iter.Seq2[int, int] {
	return func(yield func(int, int) bool) {
		size := int(s.every / window)
		if size == 0 {
			yield(0, n)
			return
		}
		for from := 0; from+size <= whole; from += size {
			if !yield(from, from+size) {
				return
			}
		}
	}
}

// Complete adds to r everything that follows from its counts, histograms and windows: percentiles
// of windows, the trend, the intervals of percentiles, and the result of each objective of p.
func (r *Record) Complete(p Plan) {
	for i := range r.Windows {
		r.Windows[i].state(r.FailedApart)
	}
	r.Trend = trend(r.Windows)
	r.Intervals = r.intervals(p.SLOs)
	for i := range p.SLOs {
		r.SLOs = append(r.SLOs, r.judge(&p, i))
	}
}

// state sets the percentiles of w if it has enough calls.
func (w *Window) state(apart bool) {
	n := w.Offered
	if apart {
		n -= w.Failed
	}
	for q, p := range map[float64]*time.Duration{0.5: &w.P50, 0.99: &w.P99} {
		if rank := quantile.Rank(q, n); n >= quantile.SamplesFor(q) && rank <= w.Done {
			*p = w.Latency.Quantile(float64(rank) / float64(w.Done))
		}
	}
}

// judge returns the result of the i-th objective after the run.
func (r *Record) judge(p *Plan, i int) SLOResult {
	if r.Aborted != "" {
		return r.judgeAborted(p, i)
	}
	s := p.SLOs[i]
	return s.judge(func(yield func(time.Duration, *Calls) bool) {
		for from, to := range s.Stretches(r.WindowLength, p.Windows, int(r.Scheduled/r.WindowLength)) {
			c := r.calls(i, from, to)
			if s.every == 0 {
				c.Late, c.Latency = r.Offered-min(r.InTime, r.Offered), r.Latency
			}
			if r.FailedApart {
				s.LeaveOut(c)
			}
			if !yield(time.Duration(from)*r.WindowLength, c) {
				return
			}
		}
	})
}

// judgeAborted returns the result of the i-th objective of a run that an objective ended early: it
// is missed if that was certain by then, and not judged otherwise. Calls that did not begin because
// the run ended do not count.
func (r *Record) judgeAborted(p *Plan, i int) SLOResult {
	s := p.SLOs[i]
	whole := int(r.Scheduled / r.WindowLength)
	result := s.judge(func(yield func(time.Duration, *Calls) bool) {
		for from, to := range s.Stretches(r.WindowLength, p.Windows, p.Windows) {
			c := r.calls(i, from, to)
			c.Never -= c.Missed
			c.Late -= c.Missed
			if p.Due != nil || to > whole {
				c.Due = p.DueIn(from, to)
			}
			if r.FailedApart {
				s.LeaveOut(c)
			}
			if !yield(time.Duration(from)*r.WindowLength, c) {
				return
			}
		}
	})
	if result.Met {
		result.Met, result.Judged = false, false
		result.Detail = fmt.Sprintf("cannot be judged: the run ended after %v because it missed %q",
			r.Scheduled.Round(time.Millisecond), r.Aborted)
	}
	return result
}

// calls returns the calls that were due in windows from to to-1, as the i-th objective counts them.
func (r *Record) calls(i, from, to int) *Calls {
	c, latency := &Calls{}, new(Buckets)
	for k := from; k < min(to, len(r.Windows)); k++ {
		w := &r.Windows[k]
		c.Done += w.Done
		c.Failed += w.Failed
		c.Sum += w.LatencySum
		c.Slow += w.Slow[i]
		c.Never += w.Dropped + w.Missed
		c.Missed += w.Missed
		c.Late += w.Late + w.Dropped + w.Missed
		latency.Merge(w.Latency)
	}
	c.Due = c.Done + c.Failed + c.Never
	c.Latency = latency
	return c
}
