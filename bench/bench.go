// Package bench calls a target at a set rate and accounts for every call.
//
// The load is open loop: the schedule alone decides when a call is due, so a slow target does not
// delay the calls after it. A call has three instants, due, begun and ended, and three durations
// between them:
//
//	latency       due to ended: how long a caller would have waited
//	service time  begun to ended: how long the target took
//	lag           due to begun, in two parts:
//	              queue      all workers were busy in the target
//	              generator  the rest, which the generator caused
//
// Latency starts at the due instant, so that a stall of the target counts for every call that it
// delays. (There is no coordinated omission.)
//
// Instant n of a schedule is an exact function of n and a seed. Any free worker takes the next call.
// Calls that find no free worker wait in a bounded queue; calls that find the queue full are dropped
// and counted. [Overload] has other policies, and a [Closed] loop has no schedule.
//
// In percentiles and objectives, a call that fails, is dropped, or is given up counts as infinitely
// slow: "p99 < 5ms" is a budget of 1% of the calls due, and every bad call is counted. Calls that do
// not return are reported, and may time out.
//
// Every run checks itself. Its [record.Record] holds the generator's own lag, how well the calls
// followed their schedule, whether latency drifted, and the activity of the runtime and the machine;
// [record.Record.Verdict] lists the reasons why the run is not valid, if there are any. Independent
// counts check, in every run, that each call is accounted for and that Little's law holds.
//
// The path of a call does not allocate, and holds no lock while the target runs. The generator uses
// some 0.1 us of CPU time per call, two to three times the cost of reading the clock once, plus the
// cost of waiting, which it measures and reports. Its memory does not grow with the number of calls.
package bench

import (
	"context"
	"time"
)

// A Target is the thing under load. A call that returns an error or panics counts as failed.
type Target interface {
	// Call makes one call. It may be called by many goroutines at once, and should return soon
	// after ctx ends: a call that does not is given up (see [Run.Do]).
	Call(ctx context.Context, key string) error
}

// A TargetFunc is a function that implements [Target].
type TargetFunc func(ctx context.Context, key string) error

var _ Target = TargetFunc(nil)

// Call calls f.
func (f TargetFunc) Call(ctx context.Context, key string) error { return f(ctx, key) }

// A Timed target knows more about a call than when it began and returned. A run calls CallTimed instead
// of Call, and its record has [record.Record.Phases].
type Timed interface {
	Target
	// CallTimed makes one call, as Call does. It may write to the last fields of at until it returns.
	CallTimed(ctx context.Context, key string, at *Instants) error
}

// Instants describe one call of a [Timed] target. The run sets N, Begun and Lag; the target sets the others.
type Instants struct {
	N     uint64        // the number of the call in the schedule, from 0
	Begun time.Time     // when the call began; the instants below count from it
	Lag   time.Duration // from when the call was due until it began

	// Wrote is when the request was sent, and First when the first byte of the response arrived; 0
	// if they are not known. Ended is when the call ended, if the target does more after that, such
	// as checking the response; 0 if the call ended when it returned.
	Wrote, First, Ended time.Duration
}
