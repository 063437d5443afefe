// Package record holds the results of a run and draws conclusions from them.
//
// A [Record] accounts for every call that was due. It consists of plain counts, histograms and
// [Window] values, so that any load generator can fill one in; [Record.Complete] computes the rest
// from them. [Record.Percentile] returns a percentile of the offered load, or the reason why there
// is none; an [SLO] is a budget of bad calls; [Record.Verdict] lists the reasons why a run is not
// valid. [Merge] merges the records of several runs of one load. A record read from a file gives
// the same answers as the record that was written.
//
// [Failures] counts failed calls by stable kinds, whatever package reported the error.
//
// Reading a record is safe for concurrent use; changing one is not.
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
	Overload string `json:"overload"` // the overload policy; "" in a closed loop
	Workers  int    `json:"workers"`  // the number of workers at the end

	Offered uint64 `json:"offered"` // calls due
	Done    uint64 `json:"done"`    // calls that ended without an error
	Failed  uint64 `json:"failed"`  // calls that ended with an error or a panic, or were given up
	Dropped uint64 `json:"dropped"` // calls that found the queue full
	Missed  uint64 `json:"missed"`  // calls that had not begun when the run was interrupted

	// GivenUp is the number of failed calls that did not return. See Run.Timeout and Run.Do of
	// package bench.
	GivenUp uint64 `json:"given_up,omitempty"`

	// Scheduled is the length of the schedule, or of its part before the run was interrupted.
	// Elapsed is the time from the start until the schedule was over and the last call had ended.
	Scheduled time.Duration `json:"scheduled_ns"`
	Elapsed   time.Duration `json:"elapsed_ns"`
	// InTime is the number of calls that ended before the end of the schedule.
	InTime      uint64 `json:"in_time,omitempty"`
	Interrupted bool   `json:"interrupted"`
	// FailedApart is true if failed calls are left out of percentiles. See Run.FailedApart of
	// package bench.
	FailedApart bool `json:"failed_apart,omitempty"`
	// Aborted is the SLO that ended the run early, or "".
	Aborted string `json:"aborted,omitempty"`

	Latency *quantile.HDR `json:"latency"` // due to ended, for calls done
	Service *quantile.HDR `json:"service"` // begun to ended, for calls done
	// Queue and Generator are the two parts of lag, for all calls begun. Queue is the time in
	// which every worker was busy in the target; Generator is the rest, which the generator caused.
	Queue         *quantile.HDR `json:"queue_lag"`
	Generator     *quantile.HDR `json:"generator_lag"`
	FailedLatency *quantile.HDR `json:"failed_latency"` // due to ended, for failed calls
	// Phases are the parts of service time; nil if the target does not report them.
	Phases *Phases `json:"phases,omitempty"`

	// Backlog is the queue lag of the last call: how far behind the target was when the schedule
	// ended. Behind is how long the target had been behind by then: the time since a call last
	// found a free worker.
	Backlog time.Duration `json:"backlog_ns"`
	Behind  time.Duration `json:"behind_ns"`

	Failures []Failure `json:"failures,omitempty"` // by kind, most frequent first

	// InSystem is the mean number of calls between due and ended over the elapsed time, counting
	// the calls that ended. By Little's law it is their rate times their mean latency.
	InSystem float64 `json:"in_system"`

	// WindowLength is the length of each window except the last, which may be shorter.
	WindowLength time.Duration `json:"window_length_ns,omitempty"`
	Windows      []Window      `json:"windows"`

	Fidelity *Fidelity   `json:"fidelity,omitempty"` // nil if too few calls were traced
	Trend    *Trend      `json:"trend,omitempty"`    // nil if too few windows have enough calls
	SLOs     []SLOResult `json:"slos,omitempty"`
	// Intervals are the intervals of percentiles; see [Record.Interval].
	Intervals []Interval `json:"intervals,omitempty"`

	Slowest []SlowCall    `json:"slowest,omitempty"` // slowest first
	Hiccups *quantile.HDR `json:"hiccups"`           // how late a goroutine that sleeps for 2 ms at a time woke
	Runtime Runtime       `json:"runtime"`           // the activity of the runtime and the machine during the run

	// Kept holds the first latencies of calls done, in the order in which the calls ended. See
	// Run.Keep of package bench.
	Kept []time.Duration `json:"-"`

	// Lag is due to begun, for all calls begun; nil unless Run.Lag of package bench is set.
	Lag *quantile.HDR `json:"-"`

	// Waiting is the CPU time that the workers spent on waiting.
	Waiting time.Duration `json:"waiting_cpu_ns"`
}

// Names of loops.
const (
	OpenLoop   = "open"   // the schedule says when calls are due
	ClosedLoop = "closed" // a call is due when the previous call of its worker has ended
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
	Late    uint64        `json:"late,omitempty"` // calls that began after the window's end because of the generator
	// P50 and P99 are percentiles as [Record.Percentile] returns them, to within 2%; 0 if there
	// are too few calls, or if they are infinite.
	P50 time.Duration `json:"p50_ns,omitempty"`
	P99 time.Duration `json:"p99_ns,omitempty"`
	Max time.Duration `json:"max_ns,omitempty"` // for calls done

	Runtime *RuntimeWindow `json:"runtime,omitempty"` // nil if another window includes it

	// Latency and LatencySum hold the latencies of calls done. Slow has, for each of Record.SLOs,
	// the number of calls done that took longer than the SLO allows.
	Latency    *Buckets      `json:"latency,omitempty"`
	LatencySum time.Duration `json:"latency_sum_ns,omitempty"`
	Slow       []uint64      `json:"slow,omitempty"`
}

// Rate returns the offered load in calls per second, or 0 if nothing was scheduled.
func (r *Record) Rate() float64 { return perSecond(r.Offered, r.Scheduled) }

// Achieved returns the rate of calls that ended, in calls per second.
func (r *Record) Achieved() float64 { return perSecond(r.Done+r.Failed, r.Elapsed) }

func perSecond(n uint64, d time.Duration) float64 {
	if d <= 0 {
		return 0
	}
	return float64(n) / d.Seconds()
}

// A TooFewError reports that there are too few calls for a percentile: its 95% interval would be
// infinite.
type TooFewError struct {
	Quantile   float64
	Have, Need uint64 // calls
	Failed     uint64 // failed calls, which Have leaves out
}

func (e *TooFewError) Error() string {
	s := fmt.Sprintf("%s needs %d calls, there are %d", PercentileName(e.Quantile), e.Need, e.Have)
	if e.Failed > 0 {
		s += fmt.Sprintf(", not counting %d that failed", e.Failed)
	}
	return s
}

// A NotServedError reports that a percentile lies among the calls that failed or never began.
type NotServedError struct {
	Quantile                         float64
	Failed, Dropped, Missed, Offered uint64 // calls; Failed is 0 if they are left out of Offered
}

// Error returns the shares of calls that make the percentile infinite, as in
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
	return fmt.Sprintf("%s is infinite: %s", PercentileName(e.Quantile), strings.Join(why, ", "))
}

// Percentile returns the q-quantile of the latency of the offered load: a call that failed, was
// dropped, or had not begun when the run was interrupted counts as infinitely slow. Failed calls
// are left out if FailedApart is set. The error is a [*TooFewError] or a [*NotServedError].
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

// Unserved returns the number of calls that count as infinitely slow: calls that were dropped or
// never began, and failed calls unless FailedApart is set. If there are any, the mean and the
// maximum of latency are infinite.
func (r *Record) Unserved() uint64 { return r.stated() - r.Done }

// stated returns the number of calls that percentiles count.
func (r *Record) stated() uint64 {
	n := r.Done + r.Dropped + r.Missed
	if !r.FailedApart {
		n += r.Failed
	}
	return n
}
