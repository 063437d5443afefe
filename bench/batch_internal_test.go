package bench

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/internal/property"
)

// listed is a schedule given as a list of instants.
type listed []time.Duration

func (l listed) Duration() time.Duration { return l[len(l)-1] + 1 }

func (l listed) From(n uint64) schedule.Instants {
	l = l[n:]
	return &l
}

func (l *listed) Next() (time.Duration, bool) {
	if len(*l) == 0 {
		return 0, false
	}
	due := (*l)[0]
	*l = (*l)[1:]
	return due, true
}

// A simulation has workers that take calls from a queue, without goroutines and with a clock of its own.
type simulation struct {
	queue   *queue
	batches []*batch
	workers []simulated
	service func() time.Duration
	begun   map[uint64]time.Duration // when, by number
	due     map[uint64]time.Duration
	sleeps  []interval
}

type simulated struct {
	hand   call
	asleep bool // until hand is due
	done   bool
	next   time.Duration // when it does something
}

func simulate(a schedule.Arrivals, workers int, service func() time.Duration) *simulation {
	s := &simulation{service: service, begun: map[uint64]time.Duration{}, due: map[uint64]time.Duration{},
		workers: make([]simulated, workers)}
	s.queue = newQueue(a, Queue, DefaultQueue, newTrace(a.Duration()), newWindows(time.Second, a.Duration(), new(Run)))
	for i := range s.workers {
		s.batches = append(s.batches, new(batch))
		s.workers[i].next = -time.Duration(i)
	}
	s.queue.inBatches(s.batches)
	return s
}

// take lets a free worker take its next call.
func (s *simulation) take(i int, now time.Duration) bool {
	w := &worker{batch: s.batches[i], call: new(call)}
	if !w.batch.pop(true, w.call) && !s.queue.take(w, now) {
		return false
	}
	s.workers[i].hand = *w.call
	return true
}

// step lets the worker whose turn it is act. It returns false if no worker can act before stop.
func (s *simulation) step(t *rapid.T, stop time.Duration) bool {
	at := -1
	for i := range s.workers {
		if w := &s.workers[i]; !w.done && w.next < stop && (at < 0 || w.next < s.workers[at].next) {
			at = i
		}
	}
	if at < 0 {
		return false
	}
	w := &s.workers[at]
	if !w.asleep {
		if !s.take(at, w.next) {
			w.done = true
			return true
		}
		if release := w.hand.release; release > w.next {
			s.sleeps = append(s.sleeps, interval{w.next, release})
			w.asleep, w.next = true, release
			return true
		}
	}
	w.asleep = false
	if _, twice := s.begun[w.hand.n]; twice {
		t.Fatalf("call %d begun twice", w.hand.n)
	}
	if w.next < w.hand.due {
		t.Fatalf("call %d begun at %v, due at %v", w.hand.n, w.next, w.hand.due)
	}
	s.begun[w.hand.n], s.due[w.hand.n] = w.next, w.hand.due
	w.next += s.service()
	return true
}

// interrupt lets the workers notice that the run is interrupted.
func (s *simulation) interrupt(order []int, now time.Duration) {
	for _, i := range order {
		w := &s.workers[i]
		if w.done {
			continue
		}
		for ok := w.asleep || s.take(i, now); ok; ok = s.batches[i].pop(true, &w.hand) {
			s.queue.giveBack(&w.hand, now)
		}
	}
}

// schedules draws calls in clumps of all sizes.
func schedules(t *rapid.T) listed {
	gap := rapid.SampledFrom([]time.Duration{0, 100, time.Microsecond, 10 * time.Microsecond, 19 * time.Microsecond,
		21 * time.Microsecond, 50 * time.Microsecond, time.Millisecond})
	all, due := listed{}, time.Duration(0)
	for _, row := range rapid.SliceOfN(rapid.IntRange(1, 100), 1, 20).Draw(t, "rows") {
		gap := gap.Draw(t, "gap")
		for range row {
			all = append(all, due)
			due += gap
		}
		due += time.Duration(rapid.IntRange(0, int(time.Millisecond)).Draw(t, "pause"))
	}
	return all
}

func services(t *rapid.T) func() time.Duration {
	length := rapid.SampledFrom([]time.Duration{0, 300, 5 * time.Microsecond, 70 * time.Microsecond,
		3 * time.Millisecond})
	usual := length.Draw(t, "service")
	n, every := 0, rapid.IntRange(1, 50).Draw(t, "every")
	return func() time.Duration {
		if n++; n%every == 0 {
			return length.Draw(t, "service of one")
		}
		return usual
	}
}

func TestInBatchesEveryCallIsMadeOnceAndNeverEarlyNorKeptFromAWorkerThatIsFree(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		all := schedules(t)
		s := simulate(all, rapid.IntRange(1, 6).Draw(t, "workers"), services(t))
		for s.step(t, never) {
		}
		if len(s.begun) != len(all) || s.queue.offered != uint64(len(all)) {
			t.Fatalf("%d calls begun, %d offered, of %d", len(s.begun), s.queue.offered, len(all))
		}
		for n, due := range all {
			if s.due[uint64(n)] != due {
				t.Fatalf("call %d is due at %v, and was made as one due at %v", n, due, s.due[uint64(n)])
			}
		}
		for n, begun := range s.begun {
			for _, sleep := range s.sleeps {
				if idle := min(begun, sleep.to) - max(all[n], sleep.from); idle > 0 {
					t.Fatalf("call %d, due at %v, began at %v, and a worker slept from %v to %v", n, all[n], begun,
						sleep.from, sleep.to)
				}
			}
		}
	})
}

func TestInBatchesEveryCallIsAccountedForWhenTheRunIsInterrupted(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		all := schedules(t)
		s := simulate(all, rapid.IntRange(1, 6).Draw(t, "workers"), services(t))
		at := time.Duration(rapid.IntRange(0, int(all.Duration())).Draw(t, "interrupted at"))
		for s.step(t, at) {
		}
		order := rapid.Permutation(slices.Collect(upTo(len(s.workers)))).Draw(t, "order")
		s.interrupt(order, at)
		s.queue.stop(at)
		due := 0
		for _, d := range all {
			if d < at {
				due++
			}
		}
		if q := s.queue; q.offered != uint64(due) || uint64(len(s.begun))+q.missed+q.dropped != q.offered {
			t.Fatalf("%d calls offered, want %d: %d begun, %d missed, %d dropped", q.offered, due, len(s.begun),
				q.missed, q.dropped)
		}
		sum := uint64(0)
		for _, d := range s.due {
			sum += uint64(d)
		}
		if sum != s.queue.dueSum {
			t.Fatalf("calls begun were due at %d in all, and the queue says %d", sum, s.queue.dueSum)
		}
		for i, b := range s.batches {
			if b.pop(true, new(call)) {
				t.Fatalf("worker %d has a call left", i)
			}
		}
	})
}

func upTo(n int) func(func(int) bool) {
	return func(yield func(int) bool) {
		for i := range n {
			if !yield(i) {
				return
			}
		}
	}
}

// Each batch takes the lock only once, so that the lock does not limit high rates.
func TestCallsThatAreDueTogetherAreTakenTogether(t *testing.T) {
	for _, c := range []struct {
		gap   time.Duration
		now   time.Duration
		calls int
	}{
		{0, 0, 1 + maxBatch},
		{time.Microsecond, 0, 21},                      // due from 0 to 20 us
		{time.Microsecond, time.Second, 21},            // long due: the same
		{time.Microsecond, -10 * time.Microsecond, 11}, // no further ahead
		{time.Microsecond, -time.Second, 1},
		{20 * time.Microsecond, 0, 2},
		{21 * time.Microsecond, 0, 1},
	} {
		t.Run(fmt.Sprintf("%v apart, at %v", c.gap, c.now), func(t *testing.T) {
			all := make(listed, 1000)
			for i := range all {
				all[i] = time.Duration(i) * c.gap
			}
			s := simulate(all, 2, nil)
			if !s.queue.take(&worker{batch: s.batches[0], call: new(call)}, c.now) {
				t.Fatal("no call")
			}
			if got := 1 + int(s.batches[0].tail-s.batches[0].head); got != c.calls {
				t.Errorf("%d calls are taken, want %d", got, c.calls)
			}
		})
	}
}

// The account of a small queue, and of policies that depend on when each call is taken, is exact only if
// workers take one call at a time.
func TestCallsAreTakenOneAtATimeWhereBatchesWouldNotBeExact(t *testing.T) {
	target := TargetFunc(func(context.Context, string) error { return nil })
	for _, c := range []struct {
		run     Run
		batches bool
	}{
		{Run{Workers: 1}, true},
		{Run{Workers: 1, Queue: roomForBatches}, true},
		{Run{Workers: 1, Queue: roomForBatches - 1}, false},
		{Run{Workers: 1, Overload: Drop}, false},
		{Run{Workers: 1, Overload: CatchUp(2)}, false},
		{Run{Workers: 1000}, false},
		{Run{Workers: 1, MaxWorkers: 1000}, false},
	} {
		c.run.Arrivals, c.run.Target = listed{0}, target
		name := fmt.Sprintf("%d workers of up to %d, queue of %d, policy %v", c.run.Workers, c.run.MaxWorkers,
			c.run.Queue, c.run.Overload)
		t.Run(name, func(t *testing.T) {
			if got := newCrew(t.Context(), &c.run).queue.batches != nil; got != c.batches {
				t.Errorf("batches: %v", got)
			}
		})
	}
}

// If the first calls were due when the workers first look, no lag would be seen.
func TestTheFirstCallsOfAClosedLoopAreDueAtItsStartHoweverLateTheirWorkersAre(t *testing.T) {
	l := &closedLoop{Closed: Closed{Duration: time.Second, Think: 10 * time.Millisecond},
		windows: newWindows(time.Second, time.Second, new(Run))}
	w := &worker{batch: &noBatch, call: new(call)}
	for _, now := range []time.Duration{-time.Millisecond, 0, 7 * time.Millisecond} {
		if c := w.call; !l.take(w, now) || c.due != 0 || c.release != 0 {
			t.Errorf("the first call of a worker that is free at %v is due at %v", now, c.due)
		}
	}
	w.made = true
	if !l.take(w, 7*time.Millisecond) || w.call.due != 17*time.Millisecond {
		t.Errorf("the next is due at %v", w.call.due)
	}
	if l.take(w, 990*time.Millisecond) {
		t.Error("a call is due after the end")
	}
}
