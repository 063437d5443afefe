package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A queue hands calls to workers in the order they are due, and drops those that
// would have found too many waiting.
//
// Nobody puts calls in: a call waits from the instant it is due until a worker
// takes it, so who takes it can work out who was waiting when it came. With room
// for q calls, call n finds the queue full if the q-th call admitted before it
// had not been taken by then.
//
// Workers take calls in batches of those that are due within the next 20 us, where
// that leaves the account exact: the lock is then taken rarely at high rates, while
// at low rates any free worker takes the next call. What a worker has taken and not
// begun, another that is free takes over before it takes any that is due later. So
// there is one batch at a time with calls in it, calls begin in the order in which they
// are due, and none is kept waiting while a worker is free.
type queue struct {
	halt atomic.Bool // stop was called: ends a long row of drops

	mu       sync.Mutex
	instants schedule.Instants
	ahead    time.Duration // drawn and not handed out: due after the batch before it
	hasAhead bool
	next     uint64 // number of the next call
	overload Overload
	taken    []time.Duration // when the last q admitted calls were taken, in a ring; empty: none may wait
	batches  []*batch        // of all workers, if they take more than one call at a time
	catching call            // the one before, of CatchUp
	admitted uint64          // calls
	trace    *trace
	windows  *windows

	offered uint64
	place   int // in taken, of the next call
	dropped uint64
	missed  uint64 // were admitted, and not begun before the run was interrupted
	dueSum  uint64 // of the instants of admitted calls, in ns, modulo 2^64
	stopped bool   // no more calls

	interrupted bool
	at          time.Duration // when that was
	cut         bool          // it left calls out
}

func newQueue(a schedule.Arrivals, o Overload, room int, t *trace, w *windows) *queue {
	q := &queue{instants: a.From(0), overload: o, trace: t, windows: w}
	if o.policy != policyDrop {
		q.taken = make([]time.Duration, room)
		clear(q.taken) // touches the pages now rather than when calls are due
	}
	return q
}

// take gives the next call to a worker that is free at now, and may put the calls
// after it into the worker's batch, which must be empty. It is false if there are
// no more.
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

// peek sees to it that the next instant is in ahead, if there is one.
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
		q.catching.due = c.due // the next one does not have to wait for its turn
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

// step is how long after the call before it a call may begin that has to catch up: the k-th
// part at least of the time between the instants at which both were due.
func (q *queue) step(due time.Duration) time.Duration {
	return time.Duration(float64(due-q.catching.due) / q.overload.factor)
}

// admit tells whether a call due at due, which a worker could take at now, found
// room, and if so notes that it is taken.
func (q *queue) admit(due, now time.Duration) bool {
	if len(q.taken) == 0 {
		return now <= due // a worker was free
	}
	slot := &q.taken[q.place]
	if *slot > due { // 0 as long as the ring has not come round
		return false
	}
	*slot = max(now, due)
	if q.place++; q.place == len(q.taken) {
		q.place = 0
	}
	return true
}

// overdue tells since when the next call has been waiting for a worker, and about how
// many have, if they come as those before them did; 0 if it
// has not.
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

// never is later than any call is taken.
const never = time.Duration(math.MaxInt64)

// mostLeft bounds how long it takes to account for what an interruption leaves
// over: some 10 ms.
const mostLeft = 1 << 20

// stop interrupts the run: no more calls are handed out, and those that were due
// before now count as missed, or as dropped if they found no room. If they are
// very many, the schedule ends for the account where counting them does. It may be
// called more than once.
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

// giveBack returns a call that was taken, and that an interruption at now kept
// from beginning.
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

// An outcome is what a source has to say of a run that is over.
type outcome struct {
	offered, dropped, missed uint64
	dueSum                   uint64 // of the instants of calls begun, in ns, modulo 2^64
	scheduled                time.Duration
	cut                      bool // interrupted before its end
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
