package bench

import (
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/quantile"
)

// lags hold the lag of calls, in its two parts, and values derived from it.
type lags struct {
	queue, generator *quantile.HDR
	whole            *quantile.HDR // nil unless Run.Lag is set
	trace            *trace
	windows          *windows
	from, to         time.Duration // the window of the previous call; both 0 at first
	lastDue          time.Duration // the latest due instant
	backlog          time.Duration // the queue lag of the call due at lastDue
	lastFree         time.Duration // the latest due instant of a call that did not wait for a worker
}

func newLags(t *trace, w *windows, whole bool) *lags {
	l := &lags{queue: quantile.NewHDR(), generator: quantile.NewHDR(), trace: t, windows: w}
	if whole {
		l.whole = quantile.NewHDR()
	}
	return l
}

// add adds a call that has ended.
func (l *lags) add(c *call) {
	if c.due >= l.lastDue {
		l.lastDue, l.backlog = c.due, c.ideal-c.due
	}
	if c.ideal == c.due {
		l.lastFree = max(l.lastFree, c.due)
	}
	l.queue.Add(c.ideal - c.due)
	l.generator.Add(c.begun - c.ideal)
	if l.whole != nil {
		l.whole.Add(c.begun - c.due)
	}
	if c.due >= l.to || c.due < l.from {
		l.from = c.due - c.due%l.windows.length
		l.to = l.from + l.windows.length
	}
	if c.begun >= l.to && c.ideal < l.to {
		l.windows.late(c.due)
	}
	if c.traced {
		l.trace.add(c)
	}
}

// merge adds the lag of other calls.
func (l *lags) merge(o *lags) {
	for _, pair := range [][2]*quantile.HDR{{l.queue, o.queue}, {l.generator, o.generator}, {l.whole, o.whole}} {
		if pair[0] == nil {
			continue // both are nil
		}
		if err := pair[0].Merge(pair[1]); err != nil {
			panic(err) // impossible: both have the same buckets
		}
	}
	if o.lastDue >= l.lastDue {
		l.lastDue, l.backlog = o.lastDue, o.backlog
	}
	l.lastFree = max(l.lastFree, o.lastFree)
}

// open is the end of a call that has not ended.
const open = time.Duration(-1)

// A lagAccount divides lag into queue lag and generator lag if several workers serve one queue.
//
// A generator without any lag would begin the calls in their order, each when it is released or when
// the first of the workers becomes free, whichever is later; and each call would be in the target for
// its measured service time. The time that a call waits in this model is queue lag. The time by which
// it really began later than in the model is generator lag.
//
// So the account of a call depends on all calls before it. Workers note calls in logs of their own,
// and hand in a log when it is full: workers share nothing from call to call, and no worker holds the lock
// while it is in the target. To settle a call is to compute when it would have begun. A call that is in the
// target for a long time does not delay the account of the calls after it: its worker would have
// become free no earlier than its time in the target after the instant at which it would have begun.
// But a call that a worker has taken and that is not in the target, because it is about to begin or
// has just ended, is not known. The calls after it wait in a ring. If the ring is full, because a
// worker is late by 16,384 calls, they are settled without it, and all the lag of the late call
// counts as generator lag.
type lagAccount struct {
	mu      sync.Mutex
	lags    *lags
	clock   pace.Clock
	workers []*worker
	ring    []call // the call with number seq is at seq&mask, if it is known
	mask    uint64
	next    uint64 // the first call that is not settled
	pending int    // the number of calls in the ring
	lookAt  int    // look at the workers when pending reaches this number

	before time.Duration // when the call before next would have begun
	free   freeTimes     // when the workers that are in no settled call would have become free
	lent   int           // the number of free times that were taken before they were known

	running int           // the number of settled calls that are open
	bound   time.Duration // no open settled call would have ended before it
}

const (
	leastRing   = 1 << 8
	mostRing    = 1 << 14
	logRoom     = 32 // calls of a log
	allLogsRoom = 1 << 12
	leastLook   = 128 // calls
)

// newLagAccount returns a lagAccount for at most the given number of workers.
func newLagAccount(l *lags, workers int) *lagAccount {
	most := mostRing
	for most < 8*workers {
		most *= 2
	}
	return &lagAccount{lags: l, ring: make([]call, most), mask: leastRing - 1, next: 1, lookAt: leastLook,
		workers: make([]*worker, 0, workers), free: make(freeTimes, 0, workers)}
}

// join adds a worker, as if it had been free since the start of the run.
func (l *lagAccount) join(w *worker) {
	l.mu.Lock()
	defer l.mu.Unlock()
	w.lagAccount = l
	w.log = make([]call, 1+min(max(allLogsRoom/cap(l.workers), 1), logRoom))
	for i := range w.log {
		w.log[i].worker = int32(len(l.workers))
	}
	w.call = &w.log[0]
	l.workers = append(l.workers, w)
	l.release(0)
}

// note adds the ended call of w to its log, and moves w.call to the next place of the log.
func (w *worker) note() {
	w.noted++
	w.call = &w.log[w.noted]
	if left := len(w.log) - 1 - w.noted; left == 0 {
		w.lagAccount.mu.Lock()
	} else if left > logRoom/2 || !w.lagAccount.mu.TryLock() {
		return
	}
	defer w.lagAccount.mu.Unlock()
	w.lagAccount.enter(w)
}

// enter reads the log of w and settles the calls that it can.
func (l *lagAccount) enter(w *worker) {
	l.read(w)
	l.settle()
	l.lookAt = min(l.lookAt, l.pending+max(leastLook, 2*len(l.workers)))
	if l.pending >= l.lookAt {
		l.look()
	}
}

// lookNow settles all calls that it can, including calls in the target.
func (l *lagAccount) lookNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
}

// close settles all calls, after all workers have finished.
func (l *lagAccount) close() *lags {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.workers {
		l.read(w)
	}
	for l.pending > 0 {
		l.force() // the missing calls were given back
	}
	return l.lags
}

// read reads and empties the log of a worker, which must not write to it meanwhile.
func (l *lagAccount) read(w *worker) {
	for i := range w.log[:w.noted] {
		c := &w.log[i]
		if c.seq != l.next {
			l.settle()
		}
		seen := l.ring[c.seq&l.mask].seq == c.seq // look found it in the target
		if c.seq == l.next && !seen && l.known(c) {
			l.begin(c)
			l.next++
		} else {
			l.put(c)
		}
	}
	w.log[0], w.call, w.noted = *w.call, &w.log[0], 0
}

// look reads the logs and the current calls of the workers that are in the target.
func (l *lagAccount) look() {
	now := l.clock.Now()
	for _, w := range l.workers {
		if since, ok := w.inside.since(); ok {
			w.inside.hold(since, func() {
				l.read(w)
				w.seen = now
				if c := *w.call; c.seq >= l.next {
					c.ended = open
					l.put(&c)
				}
			})
		}
	}
	l.bound = never
	for _, w := range l.workers {
		if w.settled.seq != 0 {
			l.limit(w)
		}
	}
	l.settle()
	l.lookAt = l.pending + max(leastLook, 2*len(l.workers))
}

// limit updates bound with the open settled call of w.
func (l *lagAccount) limit(w *worker) {
	l.bound = min(l.bound, w.settled.ideal+w.seen-w.settled.begun)
}

// put puts a call into the ring, or ends it if it is settled.
func (l *lagAccount) put(c *call) {
	if w := l.workers[c.worker]; c.seq == w.settled.seq {
		c.ideal, w.settled.seq = w.settled.ideal, 0
		l.end(c)
		l.running--
		return
	}
	if c.seq < l.next { // it was not known when the calls after it had to be settled
		l.take()
		c.ideal = c.due
		l.end(c)
		return
	}
	l.makeRoom(c.seq)
	at := &l.ring[c.seq&l.mask]
	if at.seq == 0 {
		l.pending++
	}
	*at = *c
}

// makeRoom makes sure that the ring has a place for the call with number seq.
func (l *lagAccount) makeRoom(seq uint64) {
	for seq-l.next > l.mask {
		old := l.mask + 1
		if old == uint64(len(l.ring)) {
			l.settle()
			for seq-l.next > l.mask {
				l.force()
			}
			return
		}
		l.mask = 2*old - 1
		for i := range l.ring[:old] {
			if c := &l.ring[i]; c.seq&old != 0 {
				l.ring[uint64(i)+old], *c = *c, call{}
			}
		}
	}
}

// settle settles the calls in the ring, in their order, until it finds one that it cannot settle.
func (l *lagAccount) settle() {
	for {
		if c := &l.ring[l.next&l.mask]; c.seq != l.next || !l.known(c) {
			return
		}
		l.force()
	}
}

// known reports whether it is known when call c, the next one, would have begun. It is if no worker in
// an open settled call could have become free before the first free worker, or if that would not
// matter because the first worker is free in time.
func (l *lagAccount) known(c *call) bool {
	return len(l.free) > 0 && (l.running == 0 || l.free[0] <= l.bound || l.free[0] <= l.fair(c))
}

// force settles the next call if it is in the ring, and moves on to the call after it.
func (l *lagAccount) force() {
	c := &l.ring[l.next&l.mask]
	if c.seq == l.next {
		l.begin(c)
		c.seq = 0
		l.pending--
	}
	l.next++
}

// fair returns when the next call, c, could begin if a worker was free.
func (l *lagAccount) fair(c *call) time.Duration { return max(c.due, l.before+c.step) }

// begin settles the next call, c.
func (l *lagAccount) begin(c *call) {
	if len(l.free) > 0 && c.ended != open {
		l.before = min(max(l.fair(c), l.free[0]), c.begun)
		c.ideal = l.before
		l.free.replace(c.ideal + c.ended - c.begun)
		l.lags.add(c)
		return
	}
	l.before = min(max(l.fair(c), l.take()), c.begun)
	c.ideal = l.before
	if c.ended != open {
		l.end(c)
		return
	}
	w := l.workers[c.worker]
	w.settled = *c
	l.running++
	l.limit(w)
}

// end accounts for a call that has ended.
func (l *lagAccount) end(c *call) {
	l.release(c.ideal + c.ended - c.begun)
	l.lags.add(c)
}

// take removes and returns the earliest free time. If none is known, it borrows one.
func (l *lagAccount) take() time.Duration {
	if len(l.free) == 0 {
		l.lent++
		return l.before
	}
	return l.free.pop()
}

// release adds a free time, or repays one that take borrowed.
func (l *lagAccount) release(at time.Duration) {
	if l.lent > 0 {
		l.lent--
		return
	}
	l.free.push(at)
}

// freeTimes are a heap with the earliest time at index 0. (container/heap would allocate.)
type freeTimes []time.Duration

func (f *freeTimes) push(at time.Duration) {
	h := append(*f, at)
	i := len(h) - 1
	for parent := (i - 1) / 2; i > 0 && h[parent] > at; parent = (i - 1) / 2 {
		h[i], i = h[parent], parent
	}
	h[i], *f = at, h
}

func (f *freeTimes) pop() time.Duration {
	h := *f
	least, last := h[0], h[len(h)-1]
	*f = h[:len(h)-1]
	if len(*f) > 0 {
		f.replace(last)
	}
	return least
}

// replace removes the earliest time and adds another.
func (f freeTimes) replace(at time.Duration) {
	i := 0
	for child := 1; child < len(f); child = 2*i + 1 {
		if child+1 < len(f) && f[child+1] < f[child] {
			child++
		}
		if f[child] >= at {
			break
		}
		f[i], i = f[child], child
	}
	f[i] = at
}
