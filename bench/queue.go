package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// A queue hands calls to workers in the order they are due, and drops those that
// would have found too many waiting.
//
// Nobody puts calls in: a call waits from the instant it is due until a worker
// takes it, so who takes it can work out who was waiting when it came. With room
// for q calls, call n finds the queue full if the q-th call admitted before it
// had not been taken by then.
type queue struct {
	halt atomic.Bool // stop was called: ends a long row of drops

	mu       sync.Mutex
	instants Instants
	next     uint64          // number of the next call
	taken    []time.Duration // when the last q admitted calls were taken, in a ring; empty: none may wait
	admitted uint64
	dropped  uint64
	waiting  uint64 // were admitted, and not taken before the run was interrupted
	stopped  bool   // no more calls

	interrupted bool
	at          time.Duration // when that was
	cut         bool          // it left calls out
}

func newQueue(a Arrivals, room int) *queue {
	return &queue{instants: a.From(0), taken: make([]time.Duration, room)}
}

// take gives the next call to a worker that is free at now. ok is false if there
// are no more.
func (q *queue) take(now time.Duration) (n uint64, due time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped && !q.halt.Load() {
		due, ok := q.instants.Next()
		if !ok {
			q.stopped = true
			break
		}
		n := q.next
		q.next++
		if q.admit(due, now) {
			return n, due, true
		}
		q.dropped++
	}
	return 0, 0, false
}

// admit tells whether a call due at due, which a worker could take at now, found
// room, and if so notes that it is taken.
func (q *queue) admit(due, now time.Duration) bool {
	room := uint64(len(q.taken))
	if room == 0 {
		return now <= due // a worker was free
	}
	slot := &q.taken[q.admitted%room]
	if q.admitted >= room && *slot > due {
		return false
	}
	*slot = max(now, due)
	q.admitted++
	return true
}

// never is later than any call is taken.
const never = time.Duration(math.MaxInt64)

// mostLeft bounds how long it takes to account for what an interruption leaves
// over: some 10 ms.
const mostLeft = 1 << 20

// stop interrupts the run: no more calls are handed out, and those that were due
// before now count as waiting, or as dropped if they found no room. If they are
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
		due, ok := q.instants.Next()
		switch {
		case !ok:
			return
		case due >= q.at || left == mostLeft:
			q.cut, q.at = true, min(due, q.at)
			return
		}
		q.cut = true
		if q.admit(due, never) {
			q.waiting++
		} else {
			q.dropped++
		}
	}
}

// giveBack returns a call that was taken, and that an interruption at now kept
// from beginning.
func (q *queue) giveBack(due, now time.Duration) {
	q.stop(now)
	q.mu.Lock()
	defer q.mu.Unlock()
	q.cut = true
	if due < q.at {
		q.waiting++
	}
}
