package bench

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// Closed describes a closed loop: each worker calls again after its previous call has ended and a
// think time has passed, like a user who waits for an answer.
//
// The load then follows the target: during a stall no calls are due, so latency is not the latency
// of an independent load. A closed loop measures the throughput at a number of concurrent calls,
// which fitting a law of capacity needs. Every output of a closed loop says that it is closed.
type Closed struct {
	Duration time.Duration `json:"duration_ns"` // no call is due after it
	Think    time.Duration `json:"think_ns"`    // the time from the end of a call until the worker's next is due
}

func (c *Closed) check() error {
	var errs []error
	if c.Duration <= 0 {
		errs = append(errs, fmt.Errorf("Run.Closed.Duration is %v: want one above 0", c.Duration))
	}
	if c.Think < 0 {
		errs = append(errs, fmt.Errorf("Run.Closed.Think is %v: want 0 or more", c.Think))
	}
	return errors.Join(errs...)
}

// A closedLoop is the source of the calls of a closed loop.
type closedLoop struct {
	Closed
	windows *windows
	calls   atomic.Uint64
	dueSum  atomic.Uint64 // the sum of due instants, in ns, modulo 2^64
	cut     atomic.Bool   // stop was called
	at      atomic.Int64  // when stop was called
}

// take returns the next call of a worker whose previous call ended at now, or that has made none.
func (l *closedLoop) take(own *worker, now time.Duration) bool {
	due := time.Duration(0)
	if own.made {
		if l.Think >= l.Duration-now { // now+Think might overflow
			return false
		}
		due = now + l.Think
	}
	if l.cut.Load() {
		return false
	}
	l.dueSum.Add(uint64(due))
	l.windows.take(due)
	c := own.call
	c.due, c.release, c.n = due, due, l.calls.Add(1)-1
	return true
}

func (l *closedLoop) stop(now time.Duration) {
	if l.cut.CompareAndSwap(false, true) {
		l.at.Store(int64(max(now, 0)))
	}
}

// giveBack takes back a call that has not begun, and stops counting it.
func (l *closedLoop) giveBack(c *call, now time.Duration) {
	l.stop(now)
	l.calls.Add(^uint64(0))
	l.dueSum.Add(-uint64(c.due))
}

func (l *closedLoop) outcome() outcome {
	o := outcome{offered: l.calls.Load(), dueSum: l.dueSum.Load(), scheduled: l.Duration}
	if at := time.Duration(l.at.Load()); l.cut.Load() && at < l.Duration {
		o.scheduled, o.cut = at, true
	}
	return o
}
