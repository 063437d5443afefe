package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// windows are the account of a run cut into equal lengths of time, by the instants
// at which calls were due.
type windows struct {
	length  time.Duration
	slos    []SLO
	longest []time.Duration // of each objective: a longer latency makes a call bad
	least   time.Duration   // of longest
	mu      sync.Mutex
	all     []window

	// What follows belongs to whoever hands out calls.
	open  int           // the window of the last call handed out
	until time.Duration // where it ends
	count uint64        // calls of it so far

	known atomic.Int64 // windows before this one will get no more calls

	// What follows belongs to whoever watches the run.
	whole int     // every call of the windows before this one has ended
	sofar account // of those windows
}

// A window is the account of the calls that were due in it.
type window struct {
	windowCounts
	slow            []uint64      // calls done that took longer than each objective allows
	latency         coarse        // of calls done
	offered         atomic.Uint64 // calls, which are all once the window is known
	dropped, missed atomic.Uint64 // rare, and counted at once
}

type windowCounts struct {
	done, failed uint64
	late         uint64        // of both: begun after the window's end, by the generator's own fault
	latencySum   time.Duration // of calls done
}

// wantWindows is how many a run has at most that does not say how long they are; it
// has 20 at least, if it lasts for 20 ms.
const wantWindows = 50

// windowOf is how long the windows of a run are that does not say: 1, 2 or 5 times
// a power of ten.
func windowOf(duration time.Duration) time.Duration {
	for step := time.Millisecond; ; step *= 10 {
		for _, times := range []time.Duration{1, 2, 5} {
			if times*step >= (duration-1)/wantWindows+1 { // which does not overflow
				return times * step
			}
		}
	}
}

func newWindows(length, duration time.Duration, slos []SLO) *windows {
	w := &windows{length: length, until: length, all: make([]window, (duration-1)/length+1), slos: slos, least: math.MaxInt64}
	for _, s := range slos {
		w.longest = append(w.longest, s.longest())
		w.least = min(w.least, s.longest())
	}
	slow := make([]uint64, len(slos)*len(w.all))
	clear(slow) // touches the pages now rather than during a run
	for i := range w.all {
		w.all[i].slow = slow[i*len(slos) : (i+1)*len(slos)]
	}
	w.sofar.slow = make([]uint64, len(slos))
	return w
}

func (w *windows) index(due time.Duration) int {
	return min(max(int(due/w.length), 0), len(w.all)-1)
}

// offer counts a call that is handed out, in the order in which they are due.
func (w *windows) offer(due time.Duration) {
	if due >= w.until {
		w.all[w.open].offered.Store(w.count)
		w.open, w.count = w.index(due), 0
		w.until = time.Duration(w.open+1) * w.length
		w.known.Store(int64(w.open))
	}
	w.count++
}

// offerAny counts a call that is handed out, in any order, by any goroutine.
func (w *windows) offerAny(due time.Duration) { w.all[w.index(due)].offered.Add(1) }

// ended is how many windows are over by now and get no more calls.
func (w *windows) ended(now time.Duration) int {
	return max(min(int(now/w.length), int(w.known.Load())), 0)
}

func (w *windows) dropped(due time.Duration) { w.all[w.index(due)].dropped.Add(1) }
func (w *windows) missed(due time.Duration)  { w.all[w.index(due)].missed.Add(1) }

// complete adds up those of the first n windows, which get no more calls, whose calls
// have all ended, and tells whether there are more of them than before.
func (w *windows) complete(n int) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.whole
	for ; w.whole < n; w.whole++ {
		v := &w.all[w.whole]
		if v.done+v.failed+v.dropped.Load() < v.offered.Load() {
			break
		}
		w.sofar.add(v)
	}
	return w.whole > before
}

// judge judges the i-th objective, which is about windows, by those that end after from and
// by to, which are numbers of windows.
func (w *windows) judge(i, from, to int) SLOResult {
	w.mu.Lock()
	defer w.mu.Unlock()
	size := int(w.slos[i].every / w.length)
	return w.slos[i].judge(func(yield func(time.Duration, *sloView) bool) {
		for at := from / size * size; at+size <= to; at += size {
			if !yield(time.Duration(at)*w.length, w.together(at, at+size).view(i)) {
				return
			}
		}
	})
}

// together returns the account of the windows from one number to another.
func (w *windows) together(from, to int) *account {
	a := &account{slow: make([]uint64, len(w.slos))}
	for i := range w.all[from:to] {
		a.add(&w.all[from+i])
	}
	return a
}

// sofarOf judges the i-th objective by the windows that are complete: one about windows
// by those that were not at a time when there were as many as before.
func (w *windows) sofarOf(i, before int) SLOResult {
	if w.slos[i].every > 0 {
		return w.judge(i, before, w.whole)
	}
	return w.slos[i].judge(func(yield func(time.Duration, *sloView) bool) { yield(0, w.sofar.view(i)) })
}

// An account is that of several windows together.
type account struct {
	windowCounts
	slow    []uint64
	never   uint64 // dropped or missed
	latency coarse
}

func (a *account) add(w *window) {
	a.done += w.done
	a.failed += w.failed
	a.late += w.late
	a.latencySum += w.latencySum
	a.never += w.dropped.Load() + w.missed.Load()
	a.latency.merge(&w.latency)
	for i, n := range w.slow {
		a.slow[i] += n
	}
}

// view is a as the i-th objective is judged by. A call has been achieved unless it never
// began, or is late.
func (a *account) view(i int) *sloView {
	return &sloView{due: a.done + a.failed + a.never, done: a.done, failed: a.failed, never: a.never, slow: a.slow[i],
		late: a.late + a.never, sum: a.latencySum, latency: a}
}

func (a *account) Quantile(q float64) time.Duration { return a.latency.quantile(q) }
func (a *account) Max() time.Duration               { return a.latency.max }

// A windowTally is one recorder's part of a window.
type windowTally struct {
	windows  *windows
	from, to time.Duration // of the window; nothing at first
	windowCounts
	slow    []uint64
	latency coarse
}

// add adds a call to the window in which it was due. Calls come nearly in the
// order in which they are due: the tally is passed on when the window changes.
func (t *windowTally) add(c *call, failed bool) {
	if c.due >= t.to || c.due < t.from {
		t.turn(c.due)
	}
	if c.begun >= t.to && c.ideal < t.to {
		t.late++
	}
	if failed {
		t.failed++
		return
	}
	latency := c.ended - c.due
	t.done++
	t.latencySum += latency
	t.latency.add(latency)
	if latency > t.windows.least {
		t.addSlow(latency)
	}
}

// addSlow counts a latency against the objectives that it is too long for.
func (t *windowTally) addSlow(latency time.Duration) {
	for i, longest := range t.windows.longest {
		if latency > longest {
			t.slow[i]++
		}
	}
}

// turn passes on what was counted, and goes on with the window of calls due at due.
func (t *windowTally) turn(due time.Duration) {
	t.pass()
	t.from = due - due%t.windows.length
	t.to = t.from + t.windows.length
}

func (t *windowTally) pass() {
	if t.done+t.failed == 0 {
		return
	}
	t.windows.mu.Lock()
	defer t.windows.mu.Unlock()
	w := &t.windows.all[t.windows.index(t.from)]
	w.done += t.done
	w.failed += t.failed
	w.late += t.late
	w.latencySum += t.latencySum
	w.latency.merge(&t.latency)
	for i, n := range t.slow {
		w.slow[i] += n
	}
	clear(t.slow)
	t.windowCounts, t.latency = windowCounts{}, coarse{}
}
