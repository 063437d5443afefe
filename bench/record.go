package bench

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A Record is the account of a run. Every call that was due is in it once:
//
//	Offered = Done + Failed + Dropped + Missed
type Record struct {
	Loop     string `json:"loop"`     // open or closed
	Pace     string `json:"pace"`     // how workers waited
	Overload string `json:"overload"` // the policy; "" in a closed loop
	Workers  int    `json:"workers"`  // how many there were at the end

	Offered uint64 `json:"offered"` // calls due
	Done    uint64 `json:"done"`    // ended without an error
	Failed  uint64 `json:"failed"`  // ended with one, or by a panic, or were given up
	Dropped uint64 `json:"dropped"` // found the queue full
	Missed  uint64 `json:"missed"`  // had not begun when the run was interrupted

	// GivenUp are the calls, of Failed, that had not returned: see Run.Timeout, and [Run.Do].
	GivenUp uint64 `json:"given_up,omitempty"`

	// Scheduled is the length of the schedule, or of the part of it before the run
	// was interrupted. Elapsed is from the start until the schedule was over and the
	// last call had ended.
	Scheduled   time.Duration `json:"scheduled_ns"`
	Elapsed     time.Duration `json:"elapsed_ns"`
	Interrupted bool          `json:"interrupted"`
	// FailedApart is what Run.FailedApart was: failed calls are left out of percentiles.
	FailedApart bool `json:"failed_apart,omitempty"`
	// Aborted is the SLO that ended the run, if it was to end it.
	Aborted string `json:"aborted,omitempty"`

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

	// InSystem is the mean number of calls between due and ended, over the time that
	// was elapsed, of those that ended (Little's law makes it their rate times their
	// mean latency, and every run is checked for that).
	InSystem float64 `json:"in_system"`

	Windows  []Window    `json:"windows"`
	Fidelity *Fidelity   `json:"fidelity,omitempty"` // nil if too few calls were traced
	Trend    *Trend      `json:"trend,omitempty"`    // nil if too few windows have enough calls
	SLOs     []SLOResult `json:"slos,omitempty"`
	// Intervals are those of percentiles that can be stated: see [Record.Interval].
	Intervals []Interval `json:"intervals,omitempty"`

	Slowest []SlowCall    `json:"slowest,omitempty"` // slowest first
	Hiccups *quantile.HDR `json:"hiccups"`           // how late a goroutine woke that sleeps 1 ms at a time
	Runtime Runtime       `json:"runtime"`           // what the runtime and the machine did meanwhile

	// Kept are the first latencies of calls done, in the order in which they
	// ended, as many as Run.Keep asked for.
	Kept []time.Duration `json:"-"`

	slos   []SLO
	inTime uint64 // calls that ended while the schedule lasted
	// Lag is from due to begun, of all calls begun; nil unless Run.Lag is set.
	Lag *quantile.HDR `json:"-"`

	// Waiting is the CPU time that the generator spent on waiting.
	Waiting time.Duration `json:"waiting_cpu_ns"`
}

// Names of loops.
const (
	OpenLoop   = "open"   // calls are due when the schedule says
	ClosedLoop = "closed" // calls are due when the one before has ended
)

// A Window is the account of the calls that were due in a part of a run.
type Window struct {
	From    time.Duration `json:"from_ns"`
	Length  time.Duration `json:"length_ns"`
	Offered uint64        `json:"offered"`
	Done    uint64        `json:"done"`
	Failed  uint64        `json:"failed,omitempty"`
	Dropped uint64        `json:"dropped,omitempty"`
	Missed  uint64        `json:"missed,omitempty"`
	Late    uint64        `json:"late,omitempty"` // begun after the window's end, by the generator's own fault
	// Percentiles of latency as [Record.Percentile] has them, to 2 %; 0 if the calls do
	// not allow to state them, or if they are infinite.
	P50 time.Duration `json:"p50_ns,omitempty"`
	P99 time.Duration `json:"p99_ns,omitempty"`
	Max time.Duration `json:"max_ns,omitempty"` // of calls done

	Runtime *RuntimeWindow `json:"runtime,omitempty"` // nil if it is told with that of another window
}

func newRecord(c *crew, all *recorder, o outcome) *Record {
	r := &Record{
		Loop:          OpenLoop,
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
		Failures:      all.failures.list(),
		Kept:          c.kept.latencies(),
		Waiting:       c.spent(),
		Slowest:       c.slowest.list(),
		Hiccups:       c.observer.hiccups,
		Runtime:       c.observer.total,
		slos:          c.run.SLOs,
		Lag:           all.lags.whole,
	}
	if c.closed != nil {
		r.Loop, r.Overload = ClosedLoop, ""
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
	rows := c.trace.rows()
	if c.closed == nil {
		r.Fidelity = fidelity(rows)
	}
	r.Trend = trend(r.Windows)
	r.Intervals = c.windows.intervals(r)
	r.inTime = all.inTime
	for i := range r.slos {
		r.SLOs = append(r.SLOs, c.windows.judge(i, r))
	}
	return r
}

// list is the windows that began before the end of the schedule.
func (w *windows) list(usage []RuntimeWindow, scheduled time.Duration) (all []Window) {
	for i := range w.all {
		v := &w.all[i]
		one := Window{
			From: time.Duration(i) * w.length, Length: w.length,
			Done: v.done, Failed: v.failed, Dropped: v.dropped.Load(), Missed: v.missed.Load(), Late: v.late.Load(), Max: v.latency.max,
		}
		one.Offered = one.Done + one.Failed + one.Dropped + one.Missed
		if one.From >= scheduled {
			if one.Offered == 0 {
				break
			}
		} else {
			one.Length = min(one.Length, scheduled-one.From)
		}
		for q, to := range map[float64]*time.Duration{0.5: &one.P50, 0.99: &one.P99} {
			n := one.Offered
			if w.apart {
				n -= one.Failed
			}
			if rank := quantile.Rank(q, n); n >= quantile.SamplesFor(q) && rank <= one.Done {
				*to = v.latency.Quantile(float64(rank) / float64(one.Done))
			}
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
func checkAccount(r *Record, all *recorder, o outcome) error {
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
	Have, Need uint64 // calls
	Failed     uint64 // calls besides, which are left out
}

func (e *TooFewError) Error() string {
	s := fmt.Sprintf("p%g needs %d calls, there are %d", 100*e.Quantile, e.Need, e.Have)
	if e.Failed > 0 {
		s += fmt.Sprintf(", besides %d that failed", e.Failed)
	}
	return s
}

// A NotServedError is a percentile that lies among the calls that failed or never began.
type NotServedError struct {
	Quantile                         float64
	Failed, Dropped, Missed, Offered uint64 // calls; Failed is 0 if they are left out of Offered
}

// Error says what share of calls makes the percentile infinite, as in
// "p99 is infinite: 3% failed".
func (e *NotServedError) Error() string {
	var why []string
	for _, part := range []struct {
		n    uint64
		what string
	}{{e.Failed, "failed"}, {e.Dropped, "were dropped"}, {e.Missed, "had not begun when the run was interrupted"}} {
		if part.n > 0 {
			why = append(why, fmt.Sprintf("%.3g%% %s", 100*float64(part.n)/float64(e.Offered), part.what))
		}
	}
	return fmt.Sprintf("p%g is infinite: %s", 100*e.Quantile, strings.Join(why, ", "))
}

// Percentile returns the q-quantile of the latency of the load that was offered: a call that
// failed, was dropped, or had not begun when the run was interrupted counts as infinitely
// slow. Failed calls are left out if FailedApart is set. The error is a [*TooFewError] or a
// [*NotServedError].
func (r *Record) Percentile(q float64) (time.Duration, error) {
	n, failed, apart := r.stated(), r.Failed, uint64(0)
	if r.FailedApart {
		failed, apart = 0, r.Failed
	}
	if need := quantile.SamplesFor(q); n < need {
		return 0, &TooFewError{q, n, need, apart}
	}
	rank := quantile.Rank(q, n)
	if rank > r.Done {
		return 0, &NotServedError{q, failed, r.Dropped, r.Missed, n}
	}
	return r.Latency.Quantile(float64(rank) / float64(r.Done)), nil
}

// Unserved returns how many of the calls that percentiles are about were not served: they
// failed, unless FailedApart is set, were dropped, or never began. If there are any, the mean
// and the maximum of latency are infinite.
func (r *Record) Unserved() uint64 { return r.stated() - r.Done }

// stated returns how many calls percentiles are about.
func (r *Record) stated() uint64 {
	n := r.Done + r.Dropped + r.Missed
	if !r.FailedApart {
		n += r.Failed
	}
	return n
}
