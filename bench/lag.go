package bench

import (
	"sync"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/quantile"
)

// Lags are the lag of calls, in its two parts, and what follows from them.
type lags struct {
	queue, generator *quantile.HDR
	whole            *quantile.HDR // nil if it is not wanted
	trace            *trace
	windows          *windows
	from, to         time.Duration // of the window of the call before; nothing at first
	lastDue          time.Duration // when the call due last was due
	backlog          time.Duration // the queue lag of that call
	lastFree         time.Duration // when the last call was due that did not wait for a worker
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
			continue // neither has it
		}
		if err := pair[0].Merge(pair[1]); err != nil {
			panic(err) // histograms of one make merge
		}
	}
	if o.lastDue >= l.lastDue {
		l.lastDue, l.backlog = o.lastDue, o.backlog
	}
	l.lastFree = max(l.lastFree, o.lastFree)
}

// open is when calls end that have not ended.
const open = time.Duration(-1)

// A lagAccount tells the lag of the target from that of the generator where several workers
// serve one queue.
//
// A generator without any lag of its own begins each call, in their order, at the instant it
// is due (or, if calls catch up, is let go), or when the first of all workers becomes free,
// whichever is later; and it is in the target for as long as it was measured to be. What it
// waits then is queue lag. What it began later than that is the generator's lag.
//
// So the account of a call takes what became of all calls before it. Workers note calls in a
// log of their own, and hand it in when it is full: nothing is shared from call to call, and
// the lock is not held while anybody is in the target. A call that is in the target for long
// does not keep others waiting for their account: of its worker it is known that it would not
// have become free earlier than so long after the call would have begun. What is not known is
// who is about to begin a call, or has just ended one: calls after it wait, in a ring. If that
// is full, which takes a worker that is late by 16,384 calls, they are settled by what is known,
// and all the lag of that one is the generator's.
type lagAccount struct {
	mu      sync.Mutex
	lags    *lags
	clock   pace.Clock
	workers []*worker
	ring    []call // call seq is at seq&mask, if it is there
	mask    uint64
	next    uint64 // the first call that is not settled
	pending int    // calls in the ring
	lookAt  int    // so many: look at workers

	before time.Duration // when the call before next would have begun
	free   freeTimes     // of the workers that are in no call that is settled
	lent   int           // free times that were taken before they were known

	running int           // calls that are settled and open
	bound   time.Duration // none of them would have ended earlier
}

const (
	leastRing   = 1 << 8
	mostRing    = 1 << 14
	logRoom     = 32 // calls of a log
	allLogsRoom = 1 << 12
	leastLook   = 128 // calls
)

// newLagAccount returns one for so many workers at the most.
func newLagAccount(l *lags, workers int) *lagAccount {
	most := mostRing
	for most < 8*workers {
		most *= 2
	}
	return &lagAccount{lags: l, ring: make([]call, most), mask: leastRing - 1, next: 1, lookAt: leastLook,
		workers: make([]*worker, 0, workers), free: make(freeTimes, 0, workers)}
}

// join adds a worker, which could have begun a call at the start of the run.
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

// note notes the call of w that has ended. Its next one is to be in another place of the log.
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

// enter settles what it can, once w has handed its log in.
func (l *lagAccount) enter(w *worker) {
	l.read(w)
	l.settle()
	l.lookAt = min(l.lookAt, l.pending+max(leastLook, 2*len(l.workers)))
	if l.pending >= l.lookAt {
		l.look()
	}
}

// lookNow settles all that can be.
func (l *lagAccount) lookNow() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.look()
}

// close settles everything, once no worker is at work.
func (l *lagAccount) close() *lags {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, w := range l.workers {
		l.read(w)
	}
	for l.pending > 0 {
		l.force() // those that are not there were given back
	}
	return l.lags
}

// read reads the log of a worker, which must not be about to write it.
func (l *lagAccount) read(w *worker) {
	for i := range w.log[:w.noted] {
		c := &w.log[i]
		if c.seq != l.next {
			l.settle()
		}
		seen := l.ring[c.seq&l.mask].seq == c.seq // it was in the target when that was looked at
		if c.seq == l.next && !seen && l.known(c) {
			l.begin(c)
			l.next++
		} else {
			l.put(c)
		}
	}
	w.log[0], w.call, w.noted = *w.call, &w.log[0], 0
}

// look reads the logs of the workers that are in the target, and what they are in.
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

// limit takes account of the call that w was in when it was last seen in it.
func (l *lagAccount) limit(w *worker) {
	l.bound = min(l.bound, w.settled.ideal+w.seen-w.settled.begun)
}

// put puts a call into the ring, or ends one that is settled.
func (l *lagAccount) put(c *call) {
	if w := l.workers[c.worker]; c.seq == w.settled.seq {
		c.ideal, w.settled.seq = w.settled.ideal, 0
		l.end(c)
		l.running--
		return
	}
	if c.seq < l.next { // nobody knew of it when those after it had to be settled
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

// makeRoom sees to it that the ring has a place for a call.
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

// settle settles the calls of the ring, in their order, as long as it can.
func (l *lagAccount) settle() {
	for {
		if c := &l.ring[l.next&l.mask]; c.seq != l.next || !l.known(c) {
			return
		}
		l.force()
	}
}

// known reports whether it is known when the next call would have begun: who is in a call
// that is settled would not have been free before the first that is, or it does not matter.
func (l *lagAccount) known(c *call) bool {
	return len(l.free) > 0 && (l.running == 0 || l.free[0] <= l.bound || l.free[0] <= l.fair(c))
}

// force settles the next call by what is known, if it is.
func (l *lagAccount) force() {
	c := &l.ring[l.next&l.mask]
	if c.seq == l.next {
		l.begin(c)
		c.seq = 0
		l.pending--
	}
	l.next++
}

// fair is when the next call could begin if a worker was free.
func (l *lagAccount) fair(c *call) time.Duration { return max(c.due, l.before+c.step) }

// begin settles when a call would have begun.
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

// take takes the earliest free time that is known.
func (l *lagAccount) take() time.Duration {
	if len(l.free) == 0 {
		l.lent++
		return l.before
	}
	return l.free.pop()
}

// release returns a free time.
func (l *lagAccount) release(at time.Duration) {
	if l.lent > 0 {
		l.lent--
		return
	}
	l.free.push(at)
}

// FreeTimes are a heap, with the least at 0. (That of container/heap allocates.)
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

// replace takes the least away, and adds another.
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
