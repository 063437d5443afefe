package bench

import (
	"errors"
	"fmt"
	"sync/atomic"
	"time"
)

// A Closed loop makes every worker call again once its call before has ended and
// it has thought for a while, as so many users would who wait for their answers.
//
// The load then follows the target: a stall keeps calls from being due at all, and
// latency under it is not that of a load that comes from elsewhere. It tells
// throughput at a number of calls at once, which fits of capacity need. Every
// output of a closed loop says that it is one.
type Closed struct {
	Duration time.Duration `json:"duration_ns"` // no call is due after it
	Think    time.Duration `json:"think_ns"`    // from the end of a call until its worker's next is due
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

// A closedLoop gives workers calls that are due when they have thought.
type closedLoop struct {
	Closed
	windows *windows
	calls   atomic.Uint64
	dueSum  atomic.Uint64 // in ns, modulo 2^64
	cut     atomic.Bool   // stop was called
	at      atomic.Int64  // when that was
}

// take gives the next call to a worker whose last one ended at now, or has made none.
func (l *closedLoop) take(own *worker, now time.Duration) bool {
	due := time.Duration(0)
	if own.made {
		if l.Think >= l.Duration-now { // which is no sum that might be too large
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

// giveBack takes back a call that has not begun, and no longer counts it.
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
