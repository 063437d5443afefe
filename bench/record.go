package bench

import (
	"cmp"
	"fmt"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A Record is the account of a run. Every call that was due is in it once:
//
//	Offered = Done + Failed + Dropped + Unfinished
type Record struct {
	Offered    uint64 `json:"offered"`    // calls due
	Done       uint64 `json:"done"`       // ended without an error
	Failed     uint64 `json:"failed"`     // ended with one, or by a panic
	Dropped    uint64 `json:"dropped"`    // found the queue full
	Unfinished uint64 `json:"unfinished"` // were waiting when the run was interrupted

	// Scheduled is the length of the schedule, or of the part of it before the run
	// was interrupted. Elapsed is from the start until the schedule was over and the
	// last call had ended.
	Scheduled   time.Duration `json:"scheduled_ns"`
	Elapsed     time.Duration `json:"elapsed_ns"`
	Interrupted bool          `json:"interrupted"`

	Latency *quantile.HDR `json:"latency"` // due to ended, of calls done
	Service *quantile.HDR `json:"service"` // begun to ended, of calls done
	// Queue and Generator are the two parts of lag, of all calls begun: that
	// because every worker was in the target, and that of the generator itself.
	Queue         *quantile.HDR `json:"queue_lag"`
	Generator     *quantile.HDR `json:"generator_lag"`
	FailedLatency *quantile.HDR `json:"failed_latency"` // due to ended, of calls that failed

	Failures []Failure `json:"failures,omitempty"` // by kind, most frequent first

	// Kept are the first latencies of calls done, in the order in which they
	// ended, as many as Run.Keep asked for.
	Kept []time.Duration `json:"-"`

	// Waiting is the CPU time that the generator spent on waiting.
	Waiting time.Duration `json:"waiting_cpu_ns"`
}

func merge(workers []*worker, recorders []*recorder, q *queue, duration time.Duration, cut interruption) *Record {
	all := newRecorder(0)
	for _, r := range recorders {
		all.merge(r)
	}
	r := &Record{
		Done:          all.latency.Count(),
		Failed:        all.failed.Count(),
		Dropped:       q.dropped,
		Unfinished:    cut.waiting,
		Interrupted:   cut.short,
		Latency:       all.latency,
		Service:       all.service,
		Queue:         all.queue,
		Generator:     all.generator,
		FailedLatency: all.failed,
	}
	r.Offered = r.Done + r.Failed + r.Dropped + r.Unfinished
	for _, w := range workers {
		r.Waiting += w.waiter.Spent()
		r.Interrupted = r.Interrupted || w.cut
	}
	r.Scheduled = duration
	if r.Interrupted {
		r.Scheduled = min(duration, cut.at)
	}
	r.Elapsed = max(r.Scheduled, all.last)
	slices.SortStableFunc(all.kept, func(a, b kept) int { return cmp.Compare(a.ended, b.ended) })
	for _, k := range all.kept {
		r.Kept = append(r.Kept, k.latency)
	}
	for _, f := range all.failures {
		r.Failures = append(r.Failures, *f)
	}
	slices.SortFunc(r.Failures, func(a, b Failure) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Kind, b.Kind))
	})
	return r
}

// merge adds the account of another recorder.
func (r *recorder) merge(o *recorder) {
	for _, pair := range [][2]*quantile.HDR{{r.latency, o.latency}, {r.service, o.service},
		{r.queue, o.queue}, {r.generator, o.generator}, {r.failed, o.failed}} {
		if err := pair[0].Merge(pair[1]); err != nil {
			panic(err) // histograms of one make merge
		}
	}
	r.kept = append(r.kept, o.kept...)
	r.last = max(r.last, o.last)
	for kind, f := range o.failures {
		if have, ok := r.failures[kind]; ok {
			have.Count += f.Count
		} else {
			r.failures[kind] = f
		}
	}
}

// Rate is the load that was offered, in calls a second; 0 if nothing was
// scheduled.
func (r *Record) Rate() float64 { return perSecond(r.Offered, r.Scheduled) }

// Achieved is the rate of calls that ended, in calls a second.
func (r *Record) Achieved() float64 { return perSecond(r.Done+r.Failed, r.Elapsed) }

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// A TooFewError is a percentile that the number of calls does not allow to state:
// no finite 95 % interval for it exists.
type TooFewError struct {
	Quantile   float64
	Have, Need uint64 // calls
}

func (e *TooFewError) Error() string {
	return fmt.Sprintf("p%g needs %d calls, there are %d", 100*e.Quantile, e.Need, e.Have)
}

// A NotServedError is a percentile that lies among the calls that were dropped.
type NotServedError struct {
	Quantile         float64
	Dropped, Offered uint64
}

func (e *NotServedError) Error() string {
	return fmt.Sprintf("p%g is infinite: %d of %d calls were dropped", 100*e.Quantile, e.Dropped, e.Offered)
}

// Percentile is the q-quantile of the latency of the load that was offered: a
// call that was dropped counts as one that never ended. Calls that failed are
// left out. The error is a [*TooFewError] or a [*NotServedError].
func (r *Record) Percentile(q float64) (time.Duration, error) {
	n := r.Done + r.Dropped
	if need := quantile.SamplesFor(q); n < need {
		return 0, &TooFewError{q, n, need}
	}
	rank := quantile.Rank(q, n)
	if rank > r.Done {
		return 0, &NotServedError{q, r.Dropped, n}
	}
	return r.Latency.Quantile(float64(rank) / float64(r.Done)), nil
}

// A Reason is why a run does not say what it was to say.
type Reason struct {
	Name   string `json:"name"`   // generator-limited, too-few-samples, noisy-machine
	Detail string `json:"detail"` // its numbers, and what to do
}

// maxGeneratorLag is how late the generator may be at p99, unless that is less
// than half of the latency.
const maxGeneratorLag = time.Millisecond

// Verdict lists why r is not valid; nothing if it is. Percentiles are those that
// the run is to state.
func (r *Record) Verdict(percentiles ...float64) []Reason {
	var reasons []Reason
	lag, latency := r.Generator.Quantile(0.99), r.Latency.Quantile(0.99)
	if lag > maxGeneratorLag && lag > latency/2 {
		reasons = append(reasons, Reason{"generator-limited", fmt.Sprintf(
			"calls began %v late at p99 by the generator's own fault, of a latency of %v: close other programs, or lower the rate",
			lag.Round(time.Microsecond), latency.Round(time.Microsecond))})
	}
	for _, q := range percentiles {
		if need := quantile.SamplesFor(q); r.Done+r.Dropped < need {
			reasons = append(reasons, Reason{"too-few-samples", fmt.Sprintf(
				"p%g needs %d calls, there were %d: raise the duration or the rate", 100*q, need, r.Done+r.Dropped)})
		}
	}
	return reasons
}
