package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// windows are the account of a run cut into equal lengths of time, by the instants
// at which calls were due.
type windows struct {
	length  time.Duration
	plan    record.Plan
	apart   bool            // Run.FailedApart
	longest []time.Duration // of each objective: a longer latency makes a call bad
	least   time.Duration   // of longest
	mu      sync.Mutex
	all     []window
}

// A window is the account of the calls that were due in it.
type window struct {
	counts
	latency         record.Buckets // of calls done
	dropped, missed atomic.Uint64  // rare, and counted at once
	late            atomic.Uint64  // so is: calls begun after the window's end, by the generator's own fault
	taken           atomic.Uint64  // calls that workers of a closed loop have taken
}

// counts are of calls that ended.
type counts struct {
	done, failed uint64
	latencySum   time.Duration // of calls done
	slow         []uint64      // calls done that took longer than each objective allows
}

func (c *counts) add(o *counts) {
	c.done += o.done
	c.failed += o.failed
	c.latencySum += o.latencySum
	for i, n := range o.slow {
		c.slow[i] += n
	}
}

// reset sets c to nothing, and keeps its memory.
func (c *counts) reset() {
	clear(c.slow)
	*c = counts{slow: c.slow}
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

func newWindows(length, duration time.Duration, r *Run) *windows {
	w := &windows{length: length, all: make([]window, (duration-1)/length+1),
		apart: r.FailedApart, least: math.MaxInt64}
	w.plan = record.Plan{SLOs: r.SLOs, Windows: len(w.all)}
	for _, s := range r.SLOs {
		w.longest = append(w.longest, s.Longest())
		w.least = min(w.least, s.Longest())
	}
	for i, slow := range w.slow() {
		w.all[i].slow = slow
	}
	return w
}

// slow returns a count for each objective and window.
func (w *windows) slow() [][]uint64 {
	n := len(w.plan.SLOs)
	all, memory := make([][]uint64, len(w.all)), make([]uint64, n*len(w.all))
	clear(memory) // touches the pages now rather than during a run
	for i := range all {
		all[i] = memory[i*n : (i+1)*n : (i+1)*n]
	}
	return all
}

// planDue counts the calls that a schedule has in each window.
func (w *windows) planDue(a schedule.Arrivals) {
	w.plan.Due = make([]uint64, len(w.all))
	instants := a.From(0)
	for due, ok := instants.Next(); ok; due, ok = instants.Next() {
		w.plan.Due[w.index(due)]++
	}
}

func (w *windows) index(due time.Duration) int {
	return min(max(int(due/w.length), 0), len(w.all)-1)
}

func (w *windows) dropped(due time.Duration) { w.all[w.index(due)].dropped.Add(1) }
func (w *windows) missed(due time.Duration)  { w.all[w.index(due)].missed.Add(1) }
func (w *windows) late(due time.Duration)    { w.all[w.index(due)].late.Add(1) }

// take counts a call that a worker of a closed loop takes.
func (w *windows) take(due time.Duration) { w.all[w.index(due)].taken.Add(1) }

// A windowTally is one recorder's part of a window.
type windowTally struct {
	windows  *windows
	from, to time.Duration // of the window; nothing at first
	counts
	latency record.Buckets
}

// add adds a call to the window in which it was due. Calls come nearly in the
// order in which they are due: the tally is passed on when the window changes.
func (t *windowTally) add(c *call, failed bool) {
	if c.due >= t.to || c.due < t.from {
		t.turn(c.due)
	}
	if failed {
		t.failed++
		return
	}
	latency := c.ended - c.due
	t.done++
	t.latencySum += latency
	t.latency.Add(latency)
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
	w.counts.add(&t.counts)
	w.latency.Merge(&t.latency)
	t.counts.reset()
	t.latency = record.Buckets{}
}
