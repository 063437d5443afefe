// Package record is what a run leaves behind, and what can be said by it.
//
// A [Record] accounts for every call that was due. It is made of plain counts, histograms and
// [Window] values, so that anything that drives a load can fill one in; [Record.Complete] adds
// what follows from these. [Record.Percentile] states a percentile of the load that was
// offered, or says why it cannot; an [SLO] is a budget of bad calls; [Record.Verdict] says why
// a run is not to be believed, if so. A record that was read from a file says the same as the
// one that was written.
//
// [Failures] names what made calls fail by stable kinds, whatever package reported it.
//
// Reading a record is safe for concurrent use, and changing one is not.
package record

import (
	"fmt"
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
	Scheduled time.Duration `json:"scheduled_ns"`
	Elapsed   time.Duration `json:"elapsed_ns"`
	// InTime is the number of calls that ended by the end of the schedule.
	InTime      uint64 `json:"in_time,omitempty"`
	Interrupted bool   `json:"interrupted"`
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

	// WindowLength is the length of each window but the last, which may be shorter.
	WindowLength time.Duration `json:"window_length_ns,omitempty"`
	Windows      []Window      `json:"windows"`

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

	Runtime *RuntimeWindow `json:"runtime,omitempty"` // nil if another window includes it

	// Latency and LatencySum are of calls done. Slow counts, for each of Record.SLOs, calls done
	// that took longer than it allows.
	Latency    *Buckets      `json:"latency,omitempty"`
	LatencySum time.Duration `json:"latency_sum_ns,omitempty"`
	Slow       []uint64      `json:"slow,omitempty"`
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
