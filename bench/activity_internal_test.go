package bench

import (
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

const msec = time.Millisecond

func TestAnActivityIsSeenHoweverShortItIs(t *testing.T) {
	a := NewActivity("span export")
	w := activityWatch{Activity: a}
	see := func(want bool, when string) {
		t.Helper()
		if got := w.since(); got != want {
			t.Errorf("%s: %v, want %v", when, got, want)
		}
	}
	see(false, "before it begins")
	a.Begin()()
	see(true, "begun and ended between two looks")
	see(false, "after that")
	end := a.Begin()
	see(true, "begun")
	see(true, "going on")
	second := a.Begin()
	end()
	see(true, "going on twice, and ended once")
	see(true, "going on still")
	second()
	see(true, "ended since the last look")
	see(false, "over")
	if a.Name() != "span export" {
		t.Errorf("name %q", a.Name())
	}
}

func TestAnActivityAllocatesNothing(t *testing.T) {
	a := NewActivity("span export")
	if n := testing.AllocsPerRun(100, func() { a.Begin()() }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestManyGoroutinesMayTakePartInAnActivity(t *testing.T) {
	a := NewActivity("span export")
	first, second := activityWatch{Activity: a}, activityWatch{Activity: a}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				a.Begin()()
			}
		})
	}
	first.since()
	wg.Wait()
	first.since()
	if first.since() {
		t.Error("it is going on after all have ended")
	}
	if !second.since() || second.last != 8000 {
		t.Errorf("another observer saw %d of 8,000", second.last)
	}
}

func TestIntervalsThatTouchBecomeOne(t *testing.T) {
	r := newIntervals(4)
	r.add(1*msec, 2*msec)
	r.add(2*msec, 3*msec)
	r.add(5*msec, 6*msec)
	if r.n != 2 || *r.at(0) != (interval{1 * msec, 3 * msec}) || *r.at(1) != (interval{5 * msec, 6 * msec}) {
		t.Errorf("%d intervals: %v", r.n, r.ring)
	}
	r.add(0, 7*msec) // a long wait that is counted when it is over
	if r.n != 1 || *r.at(0) != (interval{0, 7 * msec}) {
		t.Errorf("%d intervals: %v", r.n, r.ring)
	}
}

func TestWhatEndsWhenACallIsDueIsNotMet(t *testing.T) {
	r := newIntervals(4)
	r.add(2*msec, 4*msec)
	for _, c := range []struct {
		due, ended time.Duration
		want       bool
	}{{1 * msec, 2 * msec, false}, {1 * msec, 2*msec + 1, true}, {3 * msec, 3 * msec, true},
		{4*msec - 1, 5 * msec, true}, {4 * msec, 5 * msec, false}, {1 * msec, 5 * msec, true}} {
		if got := r.overlaps(c.due, c.ended); got != c.want {
			t.Errorf("%v to %v: %v, want %v", c.due, c.ended, got, c.want)
		}
	}
}

// The ring must agree with a list of all intervals.
func TestIntervalsKnowWhatTheyOverlap(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		room := rapid.IntRange(1, 40).Draw(t, "room")
		r, now, all := newIntervals(room), time.Duration(0), []interval(nil)
		forgotten := time.Duration(-10) // nothing is promised of what lies before
		for range rapid.IntRange(0, 60).Draw(t, "ticks") {
			last := now
			now += time.Duration(rapid.IntRange(1, 3).Draw(t, "tick"))
			if rapid.Bool().Draw(t, "happened") {
				from := last - time.Duration(rapid.SampledFrom([]int{0, 0, 0, 5}).Draw(t, "earlier"))
				first, oldest := r.first, *r.at(0)
				if r.add(from, now); r.first != first || room == 1 {
					forgotten = oldest.to
				}
				all = append(all, interval{from, now})
			}
		}
		from := time.Duration(rapid.IntRange(-6, 200).Draw(t, "from"))
		to := from + time.Duration(rapid.IntRange(1, 20).Draw(t, "length"))
		from, to = max(from, forgotten), max(to, forgotten+1)
		want := false
		for _, i := range all {
			want = want || i.to > from && i.from < to
		}
		if got := r.overlaps(from, to); got != want {
			t.Errorf("%v to %v: %v, want %v\n%v", from, to, got, want, all)
		}
	})
}

func TestWhatCallsMetIsRememberedForSixteenSeconds(t *testing.T) {
	r := newIntervals(remembered)
	const end = time.Minute
	for now := time.Duration(0); now < end; now += 2 * tickLength { // every other tick, the worst there is
		r.add(now, now+tickLength)
	}
	if r.n != remembered || len(r.ring) != remembered {
		t.Errorf("%d intervals in a ring of %d", r.n, len(r.ring))
	}
	for _, c := range []struct {
		ago  time.Duration
		want bool
	}{{2 * tickLength, true}, {16 * time.Second, true}, {17 * time.Second, false}} {
		if got := r.overlaps(end-c.ago, end-c.ago+tickLength); got != c.want {
			t.Errorf("%v ago: %v, want %v", c.ago, got, c.want)
		}
	}
}
