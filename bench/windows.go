package bench

import (
	"sync"
	"sync/atomic"
	"time"
)

// windows are the account of a run cut into equal lengths of time, by the instants
// at which calls were due.
type windows struct {
	length time.Duration
	mu     sync.Mutex
	all    []window

	// What follows belongs to whoever hands out calls.
	open  int           // the window of the last call handed out
	until time.Duration // where it ends
	count uint64        // calls of it so far

	known atomic.Int64 // windows before this one will get no more calls
	whole int          // every call of those before this one has ended; for one goroutine
}

// A window is the account of the calls that were due in it.
type window struct {
	windowCounts
	latency         coarse        // of calls done
	offered         uint64        // once known
	dropped, missed atomic.Uint64 // rare, and counted at once
}

type windowCounts struct {
	done, failed uint64
	late         uint64        // of both: begun after the window's end, by the generator's own fault
	latencySum   time.Duration // of calls done
}

const (
	// wantWindows is about how many a run has that does not say how long they are.
	wantWindows = 50
)

// windowOf is how long the windows of a run are that does not say: 1, 2 or 5 times
// a power of ten.
func windowOf(duration time.Duration) time.Duration {
	for step := time.Millisecond; ; step *= 10 {
		for _, times := range []time.Duration{1, 2, 5} {
			if times*step*wantWindows >= duration {
				return times * step
			}
		}
	}
}

func newWindows(length, duration time.Duration) *windows {
	return &windows{length: length, until: length, all: make([]window, (duration+length-1)/length)}
}

func (w *windows) index(due time.Duration) int {
	return min(max(int(due/w.length), 0), len(w.all)-1)
}

// offer counts a call that is handed out, in the order in which they are due.
func (w *windows) offer(due time.Duration) {
	if due >= w.until {
		w.all[w.open].offered = w.count
		w.open, w.count = w.index(due), 0
		w.until = time.Duration(w.open+1) * w.length
		w.known.Store(int64(w.open))
	}
	w.count++
}

func (w *windows) dropped(due time.Duration) { w.all[w.index(due)].dropped.Add(1) }
func (w *windows) missed(due time.Duration)  { w.all[w.index(due)].missed.Add(1) }

// complete tells whether there are more windows than before whose calls have all
// ended.
func (w *windows) complete() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	before := w.whole
	for ; w.whole < int(w.known.Load()); w.whole++ {
		if v := &w.all[w.whole]; v.done+v.failed+v.dropped.Load() < v.offered {
			break
		}
	}
	return w.whole > before
}

// judge judges objectives by the first n windows.
func (w *windows) judge(slos []SLO, n int) (all []SLOResult) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, s := range slos {
		size := n
		if s.every > 0 {
			size = int(s.every / w.length)
		}
		var views []sloView
		for i := 0; size > 0 && i+size <= n; i += size {
			views = append(views, view(w.all[i:i+size]))
		}
		all = append(all, s.judge(views, func(i int) time.Duration { return time.Duration(i*size) * w.length }))
	}
	return all
}

// view is the account of several windows together.
func view(windows []window) sloView {
	all := &manyWindows{}
	v := sloView{latency: all}
	late := uint64(0)
	for i := range windows {
		w := &windows[i]
		v.done += w.done
		v.failed += w.failed
		v.never += w.dropped.Load() + w.missed.Load()
		late += w.late
		all.latency.merge(&w.latency)
		all.sum += w.latencySum
	}
	v.offered = v.done + v.failed + v.never
	v.achieved = float64(v.done+v.failed-late) / float64(max(v.offered, 1))
	return v
}

type manyWindows struct {
	latency coarse
	sum     time.Duration
}

func (m *manyWindows) Quantile(q float64) time.Duration { return m.latency.quantile(q) }
func (m *manyWindows) Max() time.Duration               { return m.latency.max }
func (m *manyWindows) Mean() time.Duration {
	return m.sum / time.Duration(max(m.latency.count(), 1))
}

// A windowTally is one recorder's part of a window.
type windowTally struct {
	windows  *windows
	from, to time.Duration // of the window; nothing at first
	windowCounts
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
	t.done++
	t.latencySum += c.ended - c.due
	t.latency.add(c.ended - c.due)
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
	t.windowCounts, t.latency = windowCounts{}, coarse{}
}
