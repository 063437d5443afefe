package bench

import (
	"math"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// windows hold the account of a run in windows of equal length, by the due instants of the calls.
type windows struct {
	length  time.Duration
	plan    record.Plan
	apart   bool            // Run.FailedApart
	longest []time.Duration // for each objective, the longest latency of a good call
	least   time.Duration   // the least of longest
	mu      sync.Mutex
	all     []window
}

// A window is the account of the calls that were due in it.
type window struct {
	counts
	latency         record.Buckets // for calls done
	dropped, missed atomic.Uint64  // rare events, counted at once
	late            atomic.Uint64  // calls that began after the window's end because of the generator
	taken           atomic.Uint64  // calls that the workers of a closed loop have taken
}

// counts are the counts of calls that ended.
type counts struct {
	done, failed uint64
	latencySum   time.Duration // for calls done
	slow         []uint64      // for each objective, calls done that took longer than it allows
}

func (c *counts) add(o *counts) {
	c.done += o.done
	c.failed += o.failed
	c.latencySum += o.latencySum
	for i, n := range o.slow {
		c.slow[i] += n
	}
}

// reset sets all counts to 0, and keeps the memory.
func (c *counts) reset() {
	clear(c.slow)
	*c = counts{slow: c.slow}
}

// wantWindows is the largest number of windows of the default length. There are at least 20, if the
// run lasts for at least 20 ms.
const wantWindows = 50

// windowOf returns the default length of windows: 1, 2 or 5 times a power of ten.
func windowOf(duration time.Duration) time.Duration {
	for step := time.Millisecond; ; step *= 10 {
		for _, times := range []time.Duration{1, 2, 5} {
			if times*step >= (duration-1)/wantWindows+1 { // rounded up without overflow
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

// slow returns, for each window, a count for each objective.
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

// index returns the index of the window of an instant.
func (w *windows) index(due time.Duration) int {
	return min(max(int(due/w.length), 0), len(w.all)-1)
}

func (w *windows) dropped(due time.Duration) { w.all[w.index(due)].dropped.Add(1) }
func (w *windows) missed(due time.Duration)  { w.all[w.index(due)].missed.Add(1) }
func (w *windows) late(due time.Duration)    { w.all[w.index(due)].late.Add(1) }

// take counts a call that a worker of a closed loop takes.
func (w *windows) take(due time.Duration) { w.all[w.index(due)].taken.Add(1) }

// A windowTally is the part of a window that one recorder has counted.
type windowTally struct {
	windows  *windows
	from, to time.Duration // the window; both 0 at first
	counts
	latency record.Buckets
}

// add adds a call to the window in which it was due. Calls come nearly in the order in which they are
// due, so the tally is passed on whenever the window changes.
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

// addSlow counts a latency for each objective for which it is too long.
func (t *windowTally) addSlow(latency time.Duration) {
	for i, longest := range t.windows.longest {
		if latency > longest {
			t.slow[i]++
		}
	}
}

// turn passes on the counts, and starts counting for the window of an instant.
func (t *windowTally) turn(due time.Duration) {
	t.pass()
	t.from = due - due%t.windows.length
	t.to = t.from + t.windows.length
}

// pass adds the counts to their window and resets them.
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
