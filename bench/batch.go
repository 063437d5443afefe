package bench

import (
	"sync/atomic"
	"time"
)

// A batch is calls that a worker has claimed and not begun. They are released when
// they are due, and their numbers follow one another.
type batch struct {
	head   uint64 // place of the next to begin; changes atomically if others may take calls over
	tail   uint64 // place past the last
	first  uint64 // number of the call in place 0
	traced uint64 // bit i is for the call in place i
	due    [maxBatch]time.Duration
	_      [64]byte // keeps the heads of workers on lines of their own
}

const (
	// maxBatch bounds the calls of a batch.
	maxBatch = 64
	// batchSpan is how far the calls of a batch are apart, and how far ahead they are
	// claimed. A call may find its worker stuck, and be late by some of these until
	// another takes it over: not by more, as long as any worker is free.
	batchSpan = 20 * time.Microsecond
	// roomForBatches is the least room of a queue that is kept exactly enough, if
	// the calls of a batch count as taken when the batch is.
	roomForBatches = 64 * maxBatch
)

// pop takes the next call of the batch, which is the worker's own and nobody
// else's if it is not shared. Others than the owner must hold queue.mu.
func (b *batch) pop(shared bool, c *call) bool {
	h := atomic.LoadUint64(&b.head)
	for h != b.tail {
		if !shared {
			b.head = h + 1
		} else if !atomic.CompareAndSwapUint64(&b.head, h, h+1) {
			h = atomic.LoadUint64(&b.head)
			continue
		}
		b.read(h, c) // still there: only the owner fills the batch, and with queue.mu held
		return true
	}
	return false
}

func (b *batch) read(place uint64, c *call) {
	due := b.due[place%maxBatch]
	c.due, c.release, c.fair = due, due, due
	c.n, c.traced = b.first+place, b.traced>>place&1 != 0
}

// inBatches lets workers take several calls at a time, if the queue is large
// enough. Batches must be those of all workers there will ever be.
func (q *queue) inBatches(batches []*batch) {
	if q.overload.policy == policyQueue && len(q.taken) >= roomForBatches {
		q.batches = batches
	}
}

// fill claims the calls that are due until then and find room, for a worker whose
// batch is empty.
func (q *queue) fill(b *batch, now, until time.Duration) {
	var n, traced uint64
	b.first = q.next
	for ; n < maxBatch; n++ {
		if q.peek(); !q.hasAhead || q.ahead > until || !q.admit(q.ahead, now) {
			break
		}
		due := q.ahead
		q.offer()
		q.dueSum += uint64(due)
		if q.trace.wants(due) {
			traced |= 1 << n
		}
		b.due[n] = due
	}
	b.traced, b.tail = traced, n
	atomic.StoreUint64(&b.head, 0)
}

// before tells until when calls are to be due that are taken over rather than the
// next one drawn: until now, or until that one is due if it is not so soon that it
// may as well be waited for, or for ever if there is none.
func (q *queue) before(now time.Duration) time.Duration {
	switch {
	case q.batches == nil:
		return now
	case !q.stopped:
		q.peek()
	}
	switch {
	case !q.hasAhead:
		return never
	case q.ahead > now+batchSpan:
		return q.ahead
	}
	return now
}

// takeOver takes the earliest call that is due by then from a worker that has not
// begun it.
func (q *queue) takeOver(own *batch, by time.Duration, c *call) bool {
	for {
		var from *batch
		earliest := by
		for _, b := range q.batches {
			h := atomic.LoadUint64(&b.head)
			if b == own || h == b.tail {
				continue
			}
			if due := b.due[h%maxBatch]; due < earliest || due == earliest && from == nil {
				from, earliest = b, due
			}
		}
		if from == nil {
			return false
		}
		if from.pop(true, c) { // or its owner was faster
			return true
		}
	}
}
