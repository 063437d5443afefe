package bench_test

import (
	"context"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
)

func TestAPaceIsFoundByItsName(t *testing.T) {
	for _, p := range bench.Paces() {
		if got, err := bench.ParsePace(p.String()); err != nil || got.String() != p.String() {
			t.Errorf("%v is %v, %v", p, got, err)
		}
	}
	if _, err := bench.ParsePace("fast"); err == nil || !strings.Contains(err.Error(), `pace "fast" is unknown: want one of auto, sleep, cheap, tight, yield, spin`) {
		t.Error(err)
	}
}

func TestThePaceIsChosenByRateWorkersAndProcessors(t *testing.T) {
	for _, c := range []struct {
		perSecond           float64
		workers, processors int
		want                bench.Pace
	}{
		{1000, 1, 1, bench.Sleep},
		{1000, 1, 2, bench.Tight},
		{1_000_000, 1, 2, bench.Tight},
		{1000, 2, 2, bench.Tight},
		{50_000, 2, 2, bench.Cheap},
		{50_000, 1000, 8, bench.Sleep},
		{100, 1000, 8, bench.Sleep},
		{100, 8, 8, bench.Tight},
		{1_000_000, 8, 8, bench.Cheap},
		{1_000_000, 7, 8, bench.Tight},
	} {
		if got := bench.Choose(c.perSecond, c.workers, c.processors); got.String() != c.want.String() {
			t.Errorf("%+v: %v", c, got)
		}
	}
}

func TestTheRecordNamesThePaceThatWasChosen(t *testing.T) {
	run := bench.Run{Arrivals: constant(t, bench.PerSecond(10_000), 10*ms), Target: sleeps(0), Workers: 1}
	r, err := run.Do(context.Background())
	if want := bench.Choose(10_000, 1, runtime.GOMAXPROCS(0)).String(); err != nil || r.Pace != want {
		t.Errorf("pace %q, %v; want %q", r.Pace, err, want)
	}
	run.Pace = bench.Spin
	if r, err := run.Do(context.Background()); err != nil || r.Pace != "spin" {
		t.Errorf("pace %q, %v", r.Pace, err)
	}
}

// A run takes as much memory for many calls as for few.
func TestTheMemoryOfARunDoesNotGrowWithItsCalls(t *testing.T) {
	allocated := func(calls int) (bytes, mallocs uint64) {
		run := bench.Run{Arrivals: constant(t, bench.PerSecond(1_000_000_000), time.Duration(calls)), Workers: 2, Queue: 1 << 22, Window: time.Duration(calls),
			SLOs:   []bench.SLO{slo(t, "p99 < 1h")},
			Target: bench.TargetFunc(func(context.Context, string) error { return nil })}
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		r, err := run.Do(context.Background())
		runtime.ReadMemStats(&after)
		if err != nil || r.Done != uint64(calls) {
			t.Fatalf("done %d, %v", r.Done, err)
		}
		return after.TotalAlloc - before.TotalAlloc, after.Mallocs - before.Mallocs
	}
	allocated(1000)
	few, fewObjects := allocated(100_000)
	many, manyObjects := allocated(2_000_000)
	if many > few+64<<10 || manyObjects > fewObjects+200 {
		t.Errorf("2,000,000 calls take %d B in %d objects, 100,000 take %d in %d", many, manyObjects, few, fewObjects)
	}
}
