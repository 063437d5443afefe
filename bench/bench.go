// Package bench calls a target at a set rate and accounts for every call.
//
// The load is open loop: when a call is due is decided by the schedule alone,
// and a slow target delays none of the calls after it. A call has three instants,
// due, begun and ended, and three durations between them:
//
//	latency  due to ended: what a caller would have waited
//	service  begun to ended: what the target took
//	lag      due to begun, in two parts:
//	         queue      all workers were in the target: the target's fault
//	         generator  the rest: the generator's own lateness
//
// Latency is taken from due, so that a stall of the target counts for every call
// that it delays (what is called coordinated omission elsewhere is not possible).
//
// Instant n of a schedule is a function of n and a seed, computed exactly. Any
// free worker takes the next call; calls that find no worker free wait in a
// bounded queue, and those that find it full are dropped, and counted. (What becomes
// of them is a policy: see [Overload]. A [Closed] loop is there, too.)
//
// A call that fails, is dropped, or is given up counts as one that took for ever, in
// percentiles and objectives alike: "p99 < 5ms" is a budget of 1% of the calls due, and every
// bad call is counted. Calls that do not return are told, and may time out.
//
// A run certifies itself. Its [record.Record] carries the generator's own lag, how well the
// calls followed their schedule, whether latency drifted, what the runtime and the
// machine did meanwhile, and [record.Record.Verdict] says why it is not to be believed, if
// so. That every call is accounted for, and Little's law, are checked in every run by
// counts that are kept apart.
//
// On the path of a call nothing allocates, and no lock is held across the call. The
// generator costs two to three times what reading the clock once does, some 0.1 us of
// CPU a call, besides what waiting costs, which is measured and reported; its memory does
// not grow with the number of calls.
package bench

import "context"

// A Target is what is under load. Call may be called by many goroutines at once.
// An error, and a panic, count as a failed call. A call should end soon once its
// context does: one that does not is given up (see [Run.Do]).
type Target interface {
	Call(ctx context.Context, key string) error
}

// A TargetFunc is a function that is a [Target].
type TargetFunc func(ctx context.Context, key string) error

var _ Target = TargetFunc(nil)

// Call calls f.
func (f TargetFunc) Call(ctx context.Context, key string) error { return f(ctx, key) }
