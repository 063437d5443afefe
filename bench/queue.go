package bench

import (
	"sync"
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
	mu       sync.Mutex
	instants Instants
	next     uint64          // number of the next call
	taken    []time.Duration // when the last q admitted calls were taken, in a ring; empty: none may wait
	admitted uint64
	dropped  uint64
	stopped  bool // no more calls
}

func newQueue(a Arrivals, room int) *queue {
	return &queue{instants: a.From(0), taken: make([]time.Duration, room)}
}

// take gives the next call to a worker that is free at now. ok is false if there
// are no more.
func (q *queue) take(now time.Duration) (n uint64, due time.Duration, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for !q.stopped {
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

// stop hands out no more calls. It counts those that were due by now and not
// taken, and tells whether the schedule had more.
func (q *queue) stop(now time.Duration) interruption {
	q.mu.Lock()
	defer q.mu.Unlock()
	cut := interruption{at: now}
	for !q.stopped {
		due, ok := q.instants.Next()
		q.stopped = !ok || due > now
		cut.short = cut.short || ok
		if ok && due <= now {
			cut.waiting++
		}
	}
	return cut
}

// An interruption is when a run's context ended, and what that cut off.
type interruption struct {
	at      time.Duration
	waiting uint64 // calls that were due and had not been taken
	short   bool   // calls of the schedule were left out
}
