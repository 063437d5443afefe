package selftest

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/quantile"
)

// A witness is what the target saw of a run: when its calls began, in the order in
// which they did, by a clock that the generator does not read.
//
// The generator may make calls in any order. But if none is early, then n calls can
// have begun only once n calls were due.
type witness struct {
	once  sync.Once
	clock pace.Clock      // of the run, for those who sleep until an instant of it
	start time.Time       // of the schedule, or a little before: the witness's own clock
	n     atomic.Int64    // calls begun
	begun []time.Duration // of the first of them
}

// newWitness has room for the first calls of a run.
func newWitness(room uint64) *witness {
	w := &witness{begun: make([]time.Duration, room)}
	clear(w.begun) // touches the pages now rather than during a call
	return w
}

// enter notes that a call begins.
func (w *witness) enter() (n uint64, now time.Duration) {
	i := w.n.Add(1) - 1
	now = w.now() // after it was counted: by now i+1 calls have begun
	if i < int64(len(w.begun)) {
		w.begun[i] = now
	}
	return uint64(i), now
}

func (w *witness) now() time.Duration { return time.Since(w.start) }

// calls are how many began.
func (w *witness) calls() uint64 { return uint64(w.n.Load()) }

// seen are when they did, as far as there was room.
func (w *witness) seen() []time.Duration { return w.begun[:min(w.n.Load(), int64(len(w.begun)))] }

// lags are by how much calls were late that were due at even intervals, and early
// is how many had begun before they may have.
func (w *witness) lags(perSecond uint64) (lags *quantile.HDR, early uint64) {
	lags = quantile.NewHDR()
	for i, begun := range w.seen() {
		lag := begun - due(uint64(i), perSecond)
		if lag < 0 {
			early++
		}
		lags.Add(lag)
	}
	return lags, early
}

// gaps are the times between successive calls, sorted, in ns.
func (w *witness) gaps() []float64 {
	begun := slices.Sorted(slices.Values(w.seen())) // workers may overtake each other before they look at the clock
	var gaps []float64
	for i := 1; i < len(begun); i++ {
		gaps = append(gaps, float64(begun[i]-begun[i-1]))
	}
	slices.Sort(gaps)
	return gaps
}

// due is when call i is due if they are evenly spaced: worked out here, and not by
// the schedule under test.
func due(i, perSecond uint64) time.Duration {
	return time.Duration(i/perSecond)*time.Second + time.Duration(i%perSecond*uint64(time.Second)/perSecond)
}

// on is a pace that tells the witness when the schedule starts, which a run tells
// nobody but those who wait.
func (w *witness) on(p pace.Pace) pace.Pace { return &witnessed{p, w} }

type witnessed struct {
	pace.Pace
	witness *witness
}

func (p *witnessed) Waiter(c pace.Clock) pace.Waiter {
	p.witness.once.Do(func() { p.witness.synchronise(c) })
	return p.Pace.Waiter(c)
}

// synchronise sets the start so that it is no later than that of c, and a few tens
// of nanoseconds before: the latest of several estimates that all err to that side.
func (w *witness) synchronise(c pace.Clock) {
	w.clock = c
	for range 10 {
		now := time.Now()
		if start := now.Add(-c.Now()); w.start.IsZero() || start.After(w.start) {
			w.start = start
		}
	}
}

// A sleeper sleeps for the calls of a target.
type sleeper struct {
	pace    pace.Pace
	witness *witness
	free    sync.Pool // of pace.Waiter
}

// until sleeps until an instant of the run, or until ctx ends, and tells when it
// woke.
func (s *sleeper) until(ctx context.Context, at time.Duration) time.Duration {
	w, ok := s.free.Get().(pace.Waiter)
	if !ok {
		w = s.pace.Waiter(s.witness.clock)
	}
	defer s.free.Put(w)
	return w.Wait(ctx.Done(), at)
}
