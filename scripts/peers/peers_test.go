package main

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// everyPeer returns all ways of making calls that a section uses.
func everyPeer() []peer {
	return []peer{
		ours(pace.Tight, 1), ours(pace.Sleep, 2), fortio(1, true), fortio(1, false), fortio(fortioThreads, true),
		uber(), xTimeRate("burst 1", func(*load) int { return 1 }, false),
		xTimeRate("burst 10 ms", func(l *load) int { return l.perSecond() / 100 }, false),
		xTimeRate("never empty", func(l *load) int { return l.calls }, true),
		sleepLoop(), spinLoop(1), spinLoop(2), clockLoop(),
	}
}

func TestEveryPeerMakesEachCallOnceAndNoneOfOursBeforeItIsDue(t *testing.T) {
	for i, p := range everyPeer() {
		t.Run(fmt.Sprint(i, " ", p.name), func(t *testing.T) {
			l := newLoad(10_000, 10*time.Millisecond)
			made, began := make([]atomic.Int32, l.calls), newTimeline(l.calls)
			l.call = func(n int) {
				began[n] = now()
				made[n].Add(1)
			}
			r, err := p.run(t.Context(), l, time.Minute, began)
			if err != nil {
				t.Fatal(err)
			}
			for n := range made {
				if got := made[n].Load(); got != 1 {
					t.Errorf("call %d was made %d times: want once", n, got)
				}
			}
			if r.made != l.calls || r.cut != 0 {
				t.Errorf("%d calls made, cut off after %v: want %d, and not to be cut off", r.made, r.cut, l.calls)
			}
			if _, early := r.late(began, r.end); r.known && early > 0 {
				t.Errorf("%d calls began before they were due: want none", early)
			}
			if first := began.first(r.end); !r.known && r.origin != first {
				t.Errorf("the schedule starts at %v: want the first call, at %v", r.origin, first)
			}
		})
	}
}

func TestEveryPeerStopsWhenItsTimeIsUp(t *testing.T) {
	for i, p := range everyPeer() {
		t.Run(fmt.Sprint(i, " ", p.name), func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			l := newLoad(1000, time.Minute)
			var made atomic.Int32
			l.call = func(int) {
				if made.Add(1) == 5 {
					cancel()
					for !l.over.Load() {
						runtime.Gosched()
					}
				}
			}
			r, err := p.run(ctx, l, time.Hour, nil)
			if err != nil {
				t.Fatal(err)
			}
			if r.made >= l.calls || r.cut <= 0 {
				t.Errorf("%d of %d calls made, cut off after %v: want fewer calls, and a time", r.made, l.calls, r.cut)
			}
		})
	}
}

func TestALoadIsAMultipleOfTheThreadsOfEveryPeer(t *testing.T) {
	for _, c := range []struct {
		name      string
		perSecond int
		d         time.Duration
		want      int
	}{
		{"a multiple already", 1000, time.Second, 1000},
		{"rounded down", 1000, 407 * time.Millisecond, 404},
		{"a million calls", 1_000_000, time.Second, 1_000_000},
		{"at least two per thread", 1000, 0, 8},
		{"1 ns apart", never, time.Microsecond, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLoad(c.perSecond, c.d)
			if l.calls != c.want || l.perSecond() != c.perSecond {
				t.Errorf("newLoad(%d, %v) is %d calls at %d/s: want %d", c.perSecond, c.d, l.calls, l.perSecond(),
					c.want)
			}
		})
	}
}

func TestTheKeyOfACallIsAsLongAsItsNumber(t *testing.T) {
	keys := numbers("    ")
	for n := range 5 {
		if got := len(keys.Key(uint64(n))); got != n {
			t.Errorf("key %d has %d bytes: want %d", n, got, n)
		}
	}
}

// If the origin were too late, it would hide lag, and calls would look early.
func TestTheOriginOfATapIsNeverTooLate(t *testing.T) {
	arrivals, err := schedule.Constant(schedule.PerSecond(1000), 5*time.Millisecond)
	if err != nil {
		t.Fatal(err)
	}
	tapped := &tap{Pace: pace.Sleep}
	target := bench.TargetFunc(func(context.Context, string) error {
		since := tapped.clock.Now()
		if moment := now(); moment-tapped.origin < since {
			t.Errorf("%v since the start by the clock of the run, %v by the tap: want at least as much", since,
				moment-tapped.origin)
		}
		return nil
	})
	if _, err := (&bench.Run{Arrivals: arrivals, Target: target, Workers: 2,
		Pace: tapped}).Do(t.Context()); err != nil {
		t.Fatal(err)
	}
}

func TestARunFlatOutMakesMoreCallsThanTheQueueHasRoomForAndDropsNone(t *testing.T) {
	const calls = 2 * bench.DefaultQueue
	f, err := growth(t.Context(), calls, time.Minute)
	if err != nil || f.cut != 0 {
		t.Fatalf("growth of %d calls: %v, cut off after %v", calls, err, f.cut)
	}
}
