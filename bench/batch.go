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
	seq    uint64 // call.seq of it
	traced uint64 // bit i is for the call in place i
	due    [maxBatch]time.Duration
	_      [64]byte // keeps the heads of workers on lines of their own
}

const (
	// maxBatch bounds the calls of a batch.
	maxBatch = 64
	// batchSpan is how far the calls of a batch are apart, and how far ahead they are
	// claimed.
	batchSpan = 20 * time.Microsecond
	// roomForBatches is the least room of a queue that is kept exactly enough, if
	// the calls of a batch count as taken when the batch is.
	roomForBatches = 64 * maxBatch
)

// pop takes the next call of the batch into c, and reports whether there was one. Only the worker
// that owns the batch may call it, or, if the batch is shared, another that holds queue.mu.
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
	c.due, c.release = due, due
	c.n, c.seq, c.traced = b.first+place, b.seq+place, b.traced>>place&1 != 0
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

// takeOver takes the earliest call that another worker has claimed and not begun.
func (q *queue) takeOver(own *batch, c *call) bool {
	for _, b := range q.batches {
		if b != own && b.pop(true, c) {
			return true
		}
	}
	return false
}
