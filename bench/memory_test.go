package bench_test

import (
	"context"
	"io"
	"runtime"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/schedule"
)

type someKeys [4]string

func (k *someKeys) Key(n uint64) string { return k[n%4] }

// allocatedBy returns the number and the bytes of the allocations of a run of a number of calls, made as
// fast as possible, with all features on.
func allocatedBy(t *testing.T, run bench.Run, calls int) (mallocs, bytes uint64) {
	t.Helper()
	const perSecond = 5_000_000
	duration := time.Duration(calls) * time.Second / perSecond
	run.Arrivals, run.Window = constant(t, schedule.PerSecond(perSecond), duration), duration/20
	run.Keys, run.Activities = &someKeys{"a", "b", "c", "d"}, []*bench.Activity{bench.NewActivity("some")}
	for _, text := range []string{"p99 < 1h", "errors <= 100%"} {
		run.SLOs = append(run.SLOs, slo(t, text))
	}
	runtime.GC() // or one that the last run has begun ends in this one
	var before, after runtime.MemStats
	run.Began, run.Ended = func() { runtime.ReadMemStats(&before) }, func() { runtime.ReadMemStats(&after) }
	r, err := run.Do(context.Background())
	if err != nil || r.Offered != uint64(calls) {
		t.Fatalf("%d calls offered of %d, %v", r.Offered, calls, err)
	}
	return after.Mallocs - before.Mallocs, after.TotalAlloc - before.TotalAlloc
}

func TestOnThePathOfACallNothingIsAllocated(t *testing.T) {
	nothing := bench.TargetFunc(func(context.Context, string) error { return nil })
	fails := bench.TargetFunc(func(context.Context, string) error { return io.EOF })
	timed := timedFunc(func(_ context.Context, at *bench.Instants) error {
		at.Wrote, at.First, at.Ended = 1, 2, 3
		return nil
	})
	for name, run := range map[string]bench.Run{
		"timed":        {Workers: 2, Target: timed},
		"one worker":   {Workers: 1, Target: nothing},
		"two workers":  {Workers: 2, Target: nothing, Keep: 1000},
		"more workers": {Workers: runtime.GOMAXPROCS(0) + 1, Target: nothing}, // no batches
		"drop":         {Workers: 2, Target: nothing, Overload: bench.Drop},
		"catch up":     {Workers: 2, Target: nothing, Overload: bench.CatchUp(2)},
		"failures":     {Workers: 2, Target: fails},
	} {
		t.Run(name, func(t *testing.T) {
			allocatedBy(t, run, 1000)
			few, _ := allocatedBy(t, run, 1000)
			many, _ := allocatedBy(t, run, 101_000)
			if many > few+100 {
				t.Errorf("%s: %d allocations for 100,000 calls more", name, many-few)
			}
		})
	}
}

func TestARunTakesAsMuchMemoryHoweverManyCallsItMakes(t *testing.T) {
	run := bench.Run{Workers: 2, Target: bench.TargetFunc(func(context.Context, string) error { return nil })}
	_, few := allocatedBy(t, run, 1_000_000)
	_, many := allocatedBy(t, run, 5_000_000)
	if more := int64(many) - int64(few); more > 64<<10 {
		t.Errorf("5 million calls allocate %d B, 1 million %d B", many, few)
	}
}
