package bench

import (
	"sync/atomic"
	"time"
)

// A batch holds calls that a worker has claimed but not begun. They are released when they are due,
// and their numbers are consecutive.
type batch struct {
	head   uint64 // place of the next call to begin; changes atomically if other workers may take calls
	tail   uint64 // place after the last call
	first  uint64 // number of the call in place 0
	seq    uint64 // call.seq of the call in place 0
	traced uint64 // bit i says whether the call in place i is traced
	due    [maxBatch]time.Duration
	_      [64]byte // keeps the heads of different workers on different cache lines
}

const (
	// maxBatch is the largest number of calls in a batch.
	maxBatch = 64
	// batchSpan is the longest time between the due instants in a batch, and how far ahead of now
	// calls are claimed.
	batchSpan = 20 * time.Microsecond
	// roomForBatches is the smallest room of a queue that uses batches. The calls of a batch count
	// as taken when the batch is claimed; in a smaller queue that error would matter.
	roomForBatches = 64 * maxBatch
)

// pop moves the next call of the batch into c, and reports whether there was one. It may be called by
// the worker that owns the batch, and, if the batch is shared, by a worker that holds queue.mu.
func (b *batch) pop(shared bool, c *call) bool {
	h := atomic.LoadUint64(&b.head)
	for h != b.tail {
		if !shared {
			b.head = h + 1
		} else if !atomic.CompareAndSwapUint64(&b.head, h, h+1) {
			h = atomic.LoadUint64(&b.head)
			continue
		}
		b.read(h, c) // the call is still there: only the owner fills the batch, holding queue.mu
		return true
	}
	return false
}

// read copies the call in a place into c.
func (b *batch) read(place uint64, c *call) {
	due := b.due[place%maxBatch]
	c.due, c.release = due, due
	c.n, c.seq, c.traced = b.first+place, b.seq+place, b.traced>>place&1 != 0
}

// inBatches lets workers claim several calls at a time, if the queue is large enough. Batches must
// have one for every worker that may be added.
func (q *queue) inBatches(batches []*batch) {
	if q.overload.policy == policyQueue && len(q.taken) >= roomForBatches {
		q.batches = batches
	}
}

// fill claims the calls that are due up to until and find room, for a worker whose batch is empty.
func (q *queue) fill(b *batch, now, until time.Duration) {
	var n, traced uint64
	b.first, b.seq = q.next, q.admitted+1
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
	q.admitted += n
	b.traced, b.tail = traced, n
	atomic.StoreUint64(&b.head, 0)
}

// takeOver takes the earliest call that another worker has claimed but not begun.
func (q *queue) takeOver(own *batch, c *call) bool {
	for _, b := range q.batches {
		if b != own && b.pop(true, c) {
			return true
		}
	}
	return false
}
