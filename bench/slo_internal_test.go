package bench

import (
	"context"
	"math"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// viewed is an account of calls with latencies, and of some without.
func viewed(failed, never, late uint64, latencies ...time.Duration) *account {
	a := &account{windowCounts: windowCounts{done: uint64(len(latencies)), failed: failed, late: late}, never: never}
	for _, d := range latencies {
		a.latency.add(d)
		a.latencySum += d
	}
	return a
}

// repeat is d, n times over.
func repeat(n int, d time.Duration) (all []time.Duration) {
	for range n {
		all = append(all, d)
	}
	return all
}

func TestAnObjectiveIsHeldUpToItsBound(t *testing.T) {
	const ms = time.Millisecond
	five := repeat(400, 5*ms)
	for _, c := range []struct {
		slo  string
		view *account
		want string // met, missed or unjudged
		says string
	}{
		{"p99 < 5ms", viewed(0, 0, 0, five...), "missed", "p99 is 5ms"},
		{"p99 <= 5ms", viewed(0, 0, 0, five...), "met", "p99 is 5ms"},
		{"p99 < 5.000001ms", viewed(0, 0, 0, five...), "met", ""},
		{"p99 <= 4.999999ms", viewed(0, 0, 0, five...), "missed", ""},
		{"p99 < 6ms", viewed(0, 0, 0, five[:367]...), "unjudged", "p99 needs 368 calls, there are 367"},
		{"p99 < 6ms", viewed(0, 0, 0, five[:368]...), "met", ""},
		{"p99 < 6ms", viewed(9, 0, 0, five[:367]...), "unjudged", "besides 9 that failed"},
		{"p99 < 6ms", viewed(0, 3, 0, repeat(397, 5*ms)...), "met", ""}, // rank 396 of 400
		{"p99 < 6ms", viewed(0, 5, 0, repeat(395, 5*ms)...), "missed", "p99 is infinite"},
		{"p99 < 6ms", viewed(0, 400, 0), "missed", "p99 is infinite"},
		{"p50 < 6ms", viewed(0, 0, 0, append(repeat(500, 5*ms), repeat(499, 7*ms)...)...), "met", ""},
		{"p50 < 6ms", viewed(0, 0, 0, append(repeat(499, 5*ms), repeat(500, 7*ms)...)...), "missed", ""},
		{"max < 7ms", viewed(0, 0, 0, 5*ms, 7*ms), "missed", "max is 7ms"},
		{"max <= 7ms", viewed(7, 0, 0, 5*ms, 7*ms), "met", ""},
		{"max <= 7ms", viewed(0, 1, 0, 5*ms), "missed", "max is infinite"},
		{"max <= 7ms", viewed(1, 0, 0), "unjudged", "no call was done"},
		{"mean < 6ms", viewed(0, 0, 0, 5*ms, 7*ms), "missed", "mean is 6ms"},
		{"mean <= 6ms", viewed(0, 0, 0, 5*ms, 7*ms), "met", ""},
		{"mean < 6ms", viewed(0, 1, 0, ms), "missed", "mean is infinite"},
		{"errors < 10%", viewed(1, 0, 0, repeat(9, ms)...), "missed", "errors is 10%"},
		{"errors <= 10%", viewed(1, 0, 0, repeat(9, ms)...), "met", ""},
		{"errors < 10%", viewed(1, 1, 0, repeat(9, ms)...), "met", "errors is 9.0909091%"},
		{"errors <= 0", viewed(0, 0, 0, ms), "met", "errors is 0%"},
		{"drops < 10%", viewed(0, 1, 0, repeat(9, ms)...), "missed", "drops is 10%"},
		{"drops <= 10%", viewed(0, 1, 0, repeat(9, ms)...), "met", ""},
		{"achieved > 80%", viewed(1, 1, 1, repeat(8, ms)...), "missed", "achieved is 80%"},
		{"achieved >= 80%", viewed(1, 1, 1, repeat(8, ms)...), "met", ""},
		{"errors < 1%", viewed(0, 0, 0), "unjudged", "no call was due"},
	} {
		s, err := ParseSLO(c.slo)
		if err != nil {
			t.Fatal(err)
		}
		r := s.judge(func(yield func(time.Duration, *sloView) bool) { yield(0, c.view.view()) })
		got := map[[2]bool]string{{true, true}: "met", {true, false}: "missed", {false, false}: "unjudged"}[[2]bool{r.Judged, r.Met}]
		if got != c.want || r.Missed() != (c.want == "missed") || !strings.Contains(r.Detail, c.says) || r.SLO != s.String() {
			t.Errorf("%s: %s, %+v; want %s that says %q", c.slo, got, r, c.want, c.says)
		}
	}
}

func TestTheWindowThatIsFarthestFromAnObjectiveIsShown(t *testing.T) {
	for _, c := range []struct {
		slo    string
		values []time.Duration
		want   string
		missed bool
	}{
		{"max < 5ms over every 1s", []time.Duration{1, 9, 7, 2}, "max is 9ms in the 1s from 1s on", true},
		{"max < 5ms over every 1s", []time.Duration{1, 4, 0, 3}, "max is 4ms in the 1s from 1s on", false}, // 0: no call
		{"max < 5ms over every 1s", []time.Duration{0, 0}, "cannot be judged: no call was due", false},
		{"max < 5ms over every 1s", nil, "cannot be judged: there is no whole window", false},
	} {
		s, err := ParseSLO(c.slo)
		if err != nil {
			t.Fatal(err)
		}
		r := s.judge(func(yield func(time.Duration, *sloView) bool) {
			for i, ms := range c.values {
				a := viewed(0, 0, 0)
				if ms > 0 {
					a = viewed(0, 0, 0, ms*time.Millisecond)
				}
				if !yield(time.Duration(i)*time.Second, a.view()) {
					return
				}
			}
		})
		if r.Detail != c.want || r.Missed() != c.missed {
			t.Errorf("%v: %+v; want %q", c.values, r, c.want)
		}
	}
	s, _ := ParseSLO("achieved > 90% over every 1s")
	r := s.judge(func(yield func(time.Duration, *sloView) bool) {
		for i, late := range []uint64{0, 5, 3} {
			yield(time.Duration(i)*time.Second, viewed(0, 0, late, repeat(10, 1)...).view())
		}
	})
	if r.Detail != "achieved is 50% in the 1s from 1s on" || !r.Missed() {
		t.Errorf("%+v", r)
	}
}

func TestAnObjectiveAboutWindowsIsJudgedByThoseThatAreWhole(t *testing.T) {
	const ms = time.Millisecond
	s, err := ParseSLO("max < 5ms over every 200ms")
	if err != nil {
		t.Fatal(err)
	}
	w := newWindows(100*ms, time.Second)
	for i := range w.all {
		w.all[i].done = 1
		w.all[i].latency.add(time.Duration(i+1) * ms)
	}
	for _, c := range []struct {
		from, to int
		want     string
	}{
		{0, 10, "max is 10ms in the 200ms from 800ms on"}, {0, 9, "max is 8ms in the 200ms from 600ms on"}, {0, 3, "max is 2ms in the 200ms from 0s on"},
		{0, 1, "cannot be judged: there is no whole window"},
		// Of those that were whole before, nothing is said again.
		{5, 7, "max is 6ms in the 200ms from 400ms on"}, {6, 7, "cannot be judged: there is no whole window"}, {6, 10, "max is 10ms in the 200ms from 800ms on"},
	} {
		if r := w.judge(s, c.from, c.to); r.Detail != c.want {
			t.Errorf("from %d to %d: %q, want %q", c.from, c.to, r.Detail, c.want)
		}
	}
}

// Whatever a run was interrupted in is not judged, unless it was whole.
func TestOfAnInterruptedRunWholeWindowsAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3501*time.Millisecond)
		defer cancel()
		a, err := Constant(PerSecond(1000), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ParseSLO("max < 5ms over every 1s")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r, err := (&Run{Arrivals: a, Workers: 100, Pace: Sleep, SLOs: []SLO{s}, Target: TargetFunc(func(context.Context, string) error {
			if at := time.Since(start); at > 3*time.Second {
				time.Sleep(20 * time.Millisecond)
			}
			return nil
		})}).Do(ctx)
		if err != nil || !r.Interrupted || r.Aborted != "" || r.Scheduled != 3500*time.Millisecond {
			t.Fatalf("%v; interrupted %v, aborted %q after %v", err, r.Interrupted, r.Aborted, r.Scheduled)
		}
		// The call due at 2.999 s begins 1 ms later by this clock, at 3 s sharp.
		if got := r.SLOs[0]; !got.Met || got.Detail != "max is 0s in the 1s from 0s on" {
			t.Errorf("%+v", got)
		}
	})
}

func TestAchievedAreTheCallsThatEndedWhileTheScheduleLasted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, err := Constant(PerSecond(100), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		n, slos := 0, []SLO{}
		for _, text := range []string{"achieved >= 99%", "achieved > 99%"} {
			s, err := ParseSLO(text)
			if err != nil {
				t.Fatal(err)
			}
			slos = append(slos, s)
		}
		r, err := (&Run{Arrivals: a, Workers: 1, Pace: Sleep, SLOs: slos, Target: TargetFunc(func(context.Context, string) error {
			if n++; n == 100 {
				time.Sleep(time.Minute) // one call, which is no lower rate of all
			}
			return nil
		})}).Do(t.Context())
		if err != nil || r.SLOs[0].Detail != "achieved is 99%" || !r.SLOs[0].Met || r.SLOs[1].Met {
			t.Errorf("%v, %+v", err, r.SLOs)
		}
	})
}

func TestWindowsThatAreNotAskedForAreOneTwoOrFiveTimesAPowerOfTen(t *testing.T) {
	for duration, want := range map[time.Duration]time.Duration{
		1: time.Millisecond, time.Millisecond: time.Millisecond, 50 * time.Millisecond: time.Millisecond, 50*time.Millisecond + 1: 2 * time.Millisecond,
		100 * time.Millisecond: 2 * time.Millisecond, 101 * time.Millisecond: 5 * time.Millisecond, 250 * time.Millisecond: 5 * time.Millisecond,
		251 * time.Millisecond: 10 * time.Millisecond, 10 * time.Second: 200 * time.Millisecond, time.Hour: 100 * time.Second,
		math.MaxInt64: 200_000_000 * time.Second,
	} {
		got := windowOf(duration)
		if got != want {
			t.Errorf("%v: %v, want %v", duration, got, want)
		}
		if n := len(newWindows(got, duration).all); n > wantWindows || n < 20 && duration >= 20*time.Millisecond {
			t.Errorf("%v: %d windows", duration, n)
		}
	}
}
