package bench

import (
	"fmt"
	"strings"
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
	Unfinished uint64 `json:"unfinished"` // had not begun when the run was interrupted

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

	// Backlog is the queue lag of the call due last: how far behind the target was
	// when the schedule ended. Behind is for how long it had been behind by then:
	// since a call last found a worker free.
	Backlog time.Duration `json:"backlog_ns"`
	Behind  time.Duration `json:"behind_ns"`

	Failures []Failure `json:"failures,omitempty"` // by kind, most frequent first

	// Kept are the first latencies of calls done, in the order in which they
	// ended, as many as Run.Keep asked for.
	Kept []time.Duration `json:"-"`

	// Waiting is the CPU time that the generator spent on waiting.
	Waiting time.Duration `json:"waiting_cpu_ns"`
}

func merge(workers []*worker, recorders []*recorder, q *queue, kept *kept, duration time.Duration) *Record {
	all := newRecorder(kept)
	for _, r := range recorders {
		all.merge(r)
	}
	r := &Record{
		Done:          all.latency.Count(),
		Failed:        all.failed.Count(),
		Dropped:       q.dropped,
		Unfinished:    q.waiting,
		Scheduled:     duration,
		Interrupted:   q.cut,
		Latency:       all.latency,
		Service:       all.service,
		Queue:         all.queue,
		Generator:     all.generator,
		FailedLatency: all.failed,
		Backlog:       all.backlog,
		Failures:      all.failures.list(),
		Kept:          kept.latencies(),
	}
	r.Offered = r.Done + r.Failed + r.Dropped + r.Unfinished
	for _, w := range workers {
		r.Waiting += w.waiter.Spent()
	}
	if r.Interrupted {
		r.Scheduled = min(duration, q.at)
	}
	r.Elapsed = max(r.Scheduled, all.last)
	if r.Backlog > 0 {
		r.Behind = max(r.Scheduled-all.lastFree, 0)
	}
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
	r.last = max(r.last, o.last)
	if o.lastDue >= r.lastDue {
		r.lastDue, r.backlog = o.lastDue, o.backlog
	}
	r.lastFree = max(r.lastFree, o.lastFree)
	for kind, f := range o.failures {
		r.failures.count(kind, f)
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
// no finite 95% interval for it exists.
type TooFewError struct {
	Quantile   float64
	Have, Need uint64 // calls that did not fail
	Failed     uint64 // calls besides
}

func (e *TooFewError) Error() string {
	s := fmt.Sprintf("p%g needs %d calls, there are %d", 100*e.Quantile, e.Need, e.Have)
	if e.Failed > 0 {
		s += fmt.Sprintf(", besides %d that failed", e.Failed)
	}
	return s
}

// A NotServedError is a percentile that lies among the calls that never began.
type NotServedError struct {
	Quantile                     float64
	Dropped, Unfinished, Offered uint64 // calls, those that failed left out
}

func (e *NotServedError) Error() string {
	var never []string
	if e.Dropped > 0 {
		never = append(never, fmt.Sprintf("%d of %d calls were dropped", e.Dropped, e.Offered))
	}
	if e.Unfinished > 0 {
		never = append(never, fmt.Sprintf("%d of %d had not begun when the run was interrupted", e.Unfinished, e.Offered))
	}
	return fmt.Sprintf("p%g is infinite: %s", 100*e.Quantile, strings.Join(never, ", "))
}

// Percentile is the q-quantile of the latency of the load that was offered: a
// call that was dropped, or had not begun when the run was interrupted, counts as
// one that never ended. Calls that failed are left out. The error is a
// [*TooFewError] or a [*NotServedError].
func (r *Record) Percentile(q float64) (time.Duration, error) {
	n := r.stated()
	if need := quantile.SamplesFor(q); n < need {
		return 0, &TooFewError{q, n, need, r.Failed}
	}
	rank := quantile.Rank(q, n)
	if rank > r.Done {
		return 0, &NotServedError{q, r.Dropped, r.Unfinished, n}
	}
	return r.Latency.Quantile(float64(rank) / float64(r.Done)), nil
}

// stated are the calls that percentiles speak of.
func (r *Record) stated() uint64 { return r.Done + r.Dropped + r.Unfinished }

// A Reason is why a run does not say what it was to say.
type Reason struct {
	Name   string `json:"name"`   // such as Saturated
	Detail string `json:"detail"` // its numbers, and what to do
}

// Names of reasons.
const (
	Interrupted      = "interrupted"       // the run ended before its schedule
	Saturated        = "saturated"         // the target did not keep up
	GeneratorLimited = "generator-limited" // nor did the generator
	TooFewSamples    = "too-few-samples"   // for a percentile that was asked for
)

const (
	// maxGeneratorLag is how late the generator may be at p99, unless that is less
	// than half of the latency.
	maxGeneratorLag = time.Millisecond
	// maxDropped is the share of calls that may be dropped: p99 is still finite.
	maxDropped = 0.01
	// maxBehind is for how much of the schedule's end the target may be behind: so
	// much a stall may take. One that does not keep up is behind nearly from the
	// beginning.
	maxBehind = 0.5
)

// Verdict lists why r is not valid; nothing if it is. Percentiles are those that
// the run is to state.
func (r *Record) Verdict(percentiles ...float64) []Reason {
	var reasons []Reason
	because := func(name, format string, args ...any) {
		reasons = append(reasons, Reason{name, fmt.Sprintf(format, args...)})
	}
	if r.Interrupted {
		because(Interrupted, "the run was interrupted after %v: what it says is of its beginning", r.Scheduled.Round(time.Millisecond))
	}
	dropping := float64(r.Dropped) > maxDropped*float64(r.Offered)
	switch {
	case dropping:
		because(Saturated, "%d of %d calls were dropped, %s of %s were served: lower the rate, or allow more workers",
			r.Dropped, r.Offered, round(r.Achieved()), round(r.Rate()))
	case float64(r.Behind) > maxBehind*float64(r.Scheduled):
		because(Saturated, "no call of the last %v found a worker free, and the last one waited %v: latency grows with the length of the run. "+
			"%s of %s were served: lower the rate, or allow more workers",
			r.Behind.Round(time.Millisecond), r.Backlog.Round(time.Microsecond), round(r.Achieved()), round(r.Rate()))
	}
	lag := r.Generator.Quantile(0.99)
	latency := max(r.Latency.Quantile(0.99), r.FailedLatency.Quantile(0.99))
	// Of calls that are dropped nobody knows the lag. They are the generator's fault
	// if it kept its workers for longer than the target did, or the queue.
	dropped := dropping && lag > r.Queue.Quantile(0.99) && lag > r.Service.Mean()
	if lag > maxGeneratorLag && lag > latency/2 || dropped {
		because(GeneratorLimited, "calls began %v late at p99 by the generator's own fault, of a latency of %v: close other programs, or lower the rate",
			lag.Round(time.Microsecond), latency.Round(time.Microsecond))
	}
	for _, q := range percentiles {
		n, need := r.stated(), quantile.SamplesFor(q)
		switch {
		case n >= need || r.Interrupted:
		case r.Offered == 0:
			because(TooFewSamples, "no call was due: raise the duration, or the rate")
			return reasons
		case r.Offered >= need && len(r.Failures) > 0:
			because(TooFewSamples, "p%g needs %d calls that are done; %d of %d failed, most often by %q: mend that first",
				100*q, need, r.Failed, r.Offered, r.Failures[0].Kind)
		default:
			because(TooFewSamples, "p%g needs %d calls, there were %d: raise the duration to %v, or the rate",
				100*q, need, n, lasting(need, r.Rate(), 1))
		}
	}
	return reasons
}

// round writes calls a second.
func round(perSecond float64) string {
	if perSecond >= 100 {
		return fmt.Sprintf("%.0f/s", perSecond)
	}
	return fmt.Sprintf("%.3g/s", perSecond)
}
