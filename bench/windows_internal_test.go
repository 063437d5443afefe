package bench

import (
	"context"
	"math"
	"testing"
	"testing/synctest"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

// A window in which a run was interrupted is not judged, unless it was whole.
func TestOfAnInterruptedRunWholeWindowsAreJudged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), 3501*time.Millisecond)
		defer cancel()
		a, err := schedule.Constant(schedule.PerSecond(1000), 10*time.Second)
		if err != nil {
			t.Fatal(err)
		}
		s, err := record.ParseSLO("max < 5ms over every 1s")
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		r, err := (&Run{Arrivals: a, Workers: 100, Pace: pace.Sleep, SLOs: []record.SLO{s},
			Target: TargetFunc(func(context.Context, string) error {
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
		a, err := schedule.Constant(schedule.PerSecond(100), time.Second)
		if err != nil {
			t.Fatal(err)
		}
		n, slos := 0, []record.SLO{}
		for _, text := range []string{"achieved >= 99%", "achieved > 99%"} {
			s, err := record.ParseSLO(text)
			if err != nil {
				t.Fatal(err)
			}
			slos = append(slos, s)
		}
		r, err := (&Run{Arrivals: a, Workers: 1, Pace: pace.Sleep, SLOs: slos,
			Target: TargetFunc(func(context.Context, string) error {
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
		1: time.Millisecond, time.Millisecond: time.Millisecond, 50 * time.Millisecond: time.Millisecond,
		50*time.Millisecond + 1: 2 * time.Millisecond,
		100 * time.Millisecond:  2 * time.Millisecond, 101 * time.Millisecond: 5 * time.Millisecond,
		250 * time.Millisecond: 5 * time.Millisecond,
		251 * time.Millisecond: 10 * time.Millisecond, 10 * time.Second: 200 * time.Millisecond,
		time.Hour:     100 * time.Second,
		math.MaxInt64: 200_000_000 * time.Second,
	} {
		got := windowOf(duration)
		if got != want {
			t.Errorf("%v: %v, want %v", duration, got, want)
		}
		if n := len(newWindows(got, duration, new(Run)).all); n > wantWindows || n < 20 &&
			duration >= 20*time.Millisecond {
			t.Errorf("%v: %d windows", duration, n)
		}
	}
}
