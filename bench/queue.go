package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A queue hands calls to workers in the order in which they are due, and drops the calls that find
// too many others waiting.
//
// No goroutine puts calls into the queue. A call waits from the instant at which it is due until a
// worker takes it, so the worker that takes it can compute how many were waiting when it became due.
// With room for q calls, call n finds the queue full if the q-th call admitted before it had not been
// taken by then.
//
// If the account stays exact, workers take calls in batches of the calls that are due within the next
// 20 us: at high rates the lock is then taken rarely, while at low rates any free worker takes the
// next call. A free worker takes over calls that another worker has claimed but not begun before it
// takes calls that are due later. So at most one batch has calls in it, calls begin in the order in
// which they are due, and no call waits while a worker is free.
type queue struct {
	halt atomic.Bool // stop was called; ends a long series of drops

	mu       sync.Mutex
	instants schedule.Instants
	ahead    time.Duration // the next instant, if hasAhead
	hasAhead bool
	next     uint64 // number of the next call
	overload Overload
	taken    []time.Duration // when the last q admitted calls were taken, in a ring; empty if none may wait
	batches  []*batch        // the batches of all workers; nil if they take one call at a time
	catching call            // for CatchUp: the call before
	admitted uint64          // number of calls admitted
	trace    *trace
	windows  *windows

	offered uint64
	place   int // index in taken for the next call
	dropped uint64
	missed  uint64 // calls admitted, but not begun before the run was interrupted
	dueSum  uint64 // the sum of the due instants of admitted calls, in ns, modulo 2^64
	stopped bool   // there are no more calls

	interrupted bool
	at          time.Duration // when the run was interrupted
	cut         bool          // the interruption left calls out
}

func newQueue(a schedule.Arrivals, o Overload, room int, t *trace, w *windows) *queue {
	q := &queue{instants: a.From(0), overload: o, trace: t, windows: w}
	if o.policy != policyDrop {
		q.taken = make([]time.Duration, room)
		clear(q.taken) // touches the pages now rather than when calls are due
	}
	return q
}

// take sets the call of a worker that is free at now to the next call, and may put the calls after it
// into the worker's batch, which must be empty. It returns false if there are no more calls.
func (q *queue) take(w *worker, now time.Duration) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	c := w.call
	if q.takeOver(w.batch, c) {
		return true
	}
	if !q.draw(c, now) {
		return false
	}
	if q.batches != nil {
		q.fill(w.batch, now, min(c.due, now)+batchSpan)
	}
	return true
}

// peek draws the next instant into ahead, unless it is there already or there are no more.
func (q *queue) peek() {
	if !q.hasAhead {
		q.ahead, q.hasAhead = q.instants.Next()
	}
}

// draw draws the next call that finds room into c, for a worker that is free at now.
func (q *queue) draw(c *call, now time.Duration) bool {
	for !q.stopped && !q.halt.Load() {
		q.peek()
		if !q.hasAhead {
			q.stopped = true
			break
		}
		c.due, c.release, c.n = q.ahead, q.ahead, q.next
		q.offer()
		if q.overload.policy == policyCatchUp {
			c.step = q.step(c.due)
			c.release = max(c.due, q.catching.release+c.step)
		}
		if q.admit(c.due, max(now, c.release)) {
			q.catching.due, q.catching.release = c.due, max(c.release, now)
			q.admitted++
			c.seq, c.traced = q.admitted, q.trace.wants(c.due)
			q.dueSum += uint64(c.due)
			return true
		}
		q.catching.due = c.due // a dropped call does not delay the next one
		q.drop(c.due)
	}
	return false
}

// offer counts the call that is due at ahead.
func (q *queue) offer() {
	q.hasAhead = false
	q.next++
	q.offered++
}

func (q *queue) drop(due time.Duration) {
	q.dropped++
	q.windows.dropped(due)
}

func (q *queue) miss(due time.Duration) {
	q.missed++
	q.windows.missed(due)
}

// step returns the least time between the releases of a call that has to catch up and the call before
// it: 1/k of the time between their due instants.
func (q *queue) step(due time.Duration) time.Duration {
	return time.Duration(float64(due-q.catching.due) / q.overload.factor)
}

// admit reports whether a call due at due, which a worker can take at now, found room, and if so
// notes that it is taken.
func (q *queue) admit(due, now time.Duration) bool {
	if len(q.taken) == 0 {
		return now <= due // a worker was free
	}
	slot := &q.taken[q.place]
	if *slot > due { // the slot is 0 until the ring has been filled once
		return false
	}
	*slot = max(now, due)
	if q.place++; q.place == len(q.taken) {
		q.place = 0
	}
	return true
}

// overdue returns how long the next call has been waiting for a worker, and an estimate of the number
// of waiting calls, at the mean rate of the calls before them. Since is 0 if the call is not waiting.
func (q *queue) overdue(now time.Duration) (since time.Duration, calls int) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.stopped {
		return 0, 0
	}
	if q.peek(); !q.hasAhead {
		return 0, 0
	}
	ready := q.ahead
	if q.overload.policy == policyCatchUp {
		ready = max(ready, q.catching.release+q.step(ready))
	}
	since = max(now-ready, 0)
	return since, 1 + int(float64(since)*float64(q.next)/float64(max(q.ahead, 1)))
}

// never is later than every instant of a run.
const never = time.Duration(math.MaxInt64)

// mostLeft is the largest number of calls that stop counts, which takes some 10 ms.
const mostLeft = 1 << 20

// stop interrupts the run: no more calls are handed out, and the calls that were due before now count
// as missed, or as dropped if they found no room. If there are more than mostLeft, the account ends at
// the last one counted. It may be called more than once.
func (q *queue) stop(now time.Duration) {
	q.halt.Store(true)
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.interrupted {
		return
	}
	q.interrupted, q.at = true, max(now, 0)
	if q.stopped {
		return
	}
	q.stopped = true
	for left := 0; ; left++ {
		if q.peek(); !q.hasAhead {
			return
		}
		due := q.ahead
		q.hasAhead = false
		if due >= q.at || left == mostLeft {
			q.cut, q.at = true, min(due, q.at)
			return
		}
		q.cut = true
		q.offered++
		if q.admit(due, never) {
			q.miss(due)
		} else {
			q.drop(due)
		}
	}
}

// giveBack takes back a call that was taken, but did not begin because of an interruption at now.
func (q *queue) giveBack(c *call, now time.Duration) {
	q.stop(now)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cut = true
	q.dueSum -= uint64(c.due)
	if c.due < q.at {
		q.miss(c.due)
	} else {
		q.offered-- // the schedule ends before it
	}
}

// An outcome holds the counts of a source after a run.
type outcome struct {
	offered, dropped, missed uint64
	dueSum                   uint64 // the sum of the due instants of calls begun, in ns, modulo 2^64
	scheduled                time.Duration
	cut                      bool // the run was interrupted before its end
}

func (q *queue) outcome(duration time.Duration) outcome {
	q.mu.Lock()
	defer q.mu.Unlock()
	o := outcome{q.offered, q.dropped, q.missed, q.dueSum, duration, q.cut}
	if q.cut {
		o.scheduled = min(duration, q.at)
	}
	return o
}
