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

// A witness records what the target saw of a run: when its calls began, in their order, by a clock that the generator
// does not read.
//
// The generator may make calls in any order. But if no call is early, n calls can have begun only after n calls were
// due.
type witness struct {
	once  sync.Once
	clock pace.Clock      // of the run, for targets that sleep
	start time.Time       // of the schedule or slightly earlier, by the witness's own clock
	n     atomic.Int64    // calls begun
	begun []time.Duration // when the first calls began
}

// newWitness returns a witness with room for the first calls of a run.
func newWitness(room uint64) *witness {
	w := &witness{begun: make([]time.Duration, room)}
	clear(w.begun) // touches the pages now and not during a call
	return w
}

// enter records that a call begins. It returns the number of the call, from 0, and the time.
func (w *witness) enter() (n uint64, now time.Duration) {
	i := w.n.Add(1) - 1
	now = w.now() // after the call was counted, so that i+1 calls have begun by now
	if i < int64(len(w.begun)) {
		w.begun[i] = now
	}
	return uint64(i), now
}

func (w *witness) now() time.Duration { return time.Since(w.start) }

// calls returns how many calls began.
func (w *witness) calls() uint64 { return uint64(w.n.Load()) }

// seen returns when calls began, as far as there was room.
func (w *witness) seen() []time.Duration { return w.begun[:min(w.n.Load(), int64(len(w.begun)))] }

// lags returns by how much calls were late that were due at even intervals, and how many were early.
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

// gaps returns the times between successive calls, sorted, in ns.
func (w *witness) gaps() []float64 {
	begun := slices.Sorted(slices.Values(w.seen())) // workers may overtake each other before they read the clock
	var gaps []float64
	for i := 1; i < len(begun); i++ {
		gaps = append(gaps, float64(begun[i]-begun[i-1]))
	}
	slices.Sort(gaps)
	return gaps
}

// due returns when call i is due if calls are evenly spaced. It does not use the schedule under test.
func due(i, perSecond uint64) time.Duration {
	return time.Duration(i/perSecond)*time.Second + time.Duration(i%perSecond*uint64(time.Second)/perSecond)
}

// on returns a pace that tells the witness when the schedule starts. A run tells only its pace.
func (w *witness) on(p pace.Pace) pace.Pace { return &witnessed{p, w} }

type witnessed struct {
	pace.Pace
	witness *witness
}

func (p *witnessed) Waiter(c pace.Clock) pace.Waiter {
	p.witness.once.Do(func() { p.witness.synchronise(c) })
	return p.Pace.Waiter(c)
}

// synchronise sets the start to at most a few tens of nanoseconds before that of c, and never after it: to the latest
// of several estimates, all of which are early.
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

// until sleeps until a time of the run, or until ctx ends. It returns when it woke.
func (s *sleeper) until(ctx context.Context, at time.Duration) time.Duration {
	w, ok := s.free.Get().(pace.Waiter)
	if !ok {
		w = s.pace.Waiter(s.witness.clock)
	}
	defer s.free.Put(w)
	return w.Wait(ctx.Done(), at)
}
