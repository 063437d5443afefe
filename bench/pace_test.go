package bench_test

import (
	"context"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

func TestAPaceIsFoundByItsName(t *testing.T) {
	for _, p := range pace.All() {
		if got, err := pace.Parse(p.String()); err != nil || got.String() != p.String() {
			t.Errorf("%v is %v, %v", p, got, err)
		}
	}
	if _, err := pace.Parse("fast"); err == nil || !strings.Contains(err.Error(),
		`pace "fast" is unknown: want one of auto, sleep, cheap, tight, yield, spin`) {
		t.Error(err)
	}
}

func TestThePaceIsChosenByRateWorkersAndProcessors(t *testing.T) {
	for name, c := range map[string]struct {
		perSecond           float64
		workers, processors int
		want                pace.Pace
	}{
		"one processor":                                {1000, 1, 1, pace.Sleep},
		"few calls, a processor to spare":              {1000, 1, 2, pace.Tight},
		"many calls, a processor to spare":             {1_000_000, 1, 2, pace.Tight},
		"few calls, a worker per processor":            {1000, 2, 2, pace.Tight},
		"many calls, a worker per processor":           {50_000, 2, 2, pace.Cheap},
		"many calls, far more workers than processors": {50_000, 1000, 8, pace.Cheap},
		"just too many calls for one that waits":       {10_001, 3, 2, pace.Cheap},
		"just few enough calls for one that waits":     {10_000, 3, 2, pace.Tight},
		"few calls, far more workers than processors":  {100, 1000, 8, pace.Tight},
		"few calls, eight workers and processors":      {100, 8, 8, pace.Tight},
		"many calls, eight workers and processors":     {1_000_000, 8, 8, pace.Cheap},
		"many calls, one of eight processors to spare": {1_000_000, 7, 8, pace.Tight},
	} {
		t.Run(name, func(t *testing.T) {
			if got := pace.Choose(c.perSecond, c.workers, c.processors); got.String() != c.want.String() {
				t.Errorf("%+v: %v", c, got)
			}
		})
	}
}

func TestTheRecordNamesThePaceThatWasChosen(t *testing.T) {
	run := bench.Run{Arrivals: constant(t, schedule.PerSecond(10_000), 10*ms), Target: sleeps(0), Workers: 1}
	r, err := run.Do(context.Background())
	if want := pace.Choose(10_000, 1, runtime.GOMAXPROCS(0)).String(); err != nil || r.Pace != want {
		t.Errorf("pace %q, %v; want %q", r.Pace, err, want)
	}
	run.Pace = pace.Spin
	if r, err := run.Do(context.Background()); err != nil || r.Pace != "spin" {
		t.Errorf("pace %q, %v", r.Pace, err)
	}
}

// The next call is due in an hour.
func TestNoPaceKeepsAnInterruptionWaiting(t *testing.T) {
	for i, p := range slices.Repeat(pace.All(), 2) {
		workers := 2
		if i >= len(pace.All()) {
			workers = runtime.GOMAXPROCS(0) + 3
		}
		ctx, cancel := context.WithCancel(t.Context())
		run := bench.Run{Arrivals: constant(t, schedule.Rate{Num: 1, Den: 3600}, 2*time.Hour), Workers: workers,
			Pace:   p,
			Target: bench.TargetFunc(func(context.Context, string) error { cancel(); return nil })}
		r, err := run.Do(ctx)
		if err != nil || !r.Interrupted || r.Done != 1 || r.Elapsed > time.Hour {
			t.Errorf("%v, %d workers: %v, done %d in %v", p, workers, err, r.Done, r.Elapsed)
		}
	}
}
