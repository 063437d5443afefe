package work_test

import (
	"context"
	"math"
	"runtime"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/work"
)

// allocated returns the bytes and objects that n calls of f allocate.
func allocated(n int, f func()) (bytes, objects float64) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range n {
		f()
	}
	runtime.ReadMemStats(&after)
	return float64(after.TotalAlloc - before.TotalAlloc), float64(after.Mallocs - before.Mallocs)
}

func TestWorkAllocatesItsMeanAndTheSameForTheSameSeed(t *testing.T) {
	const calls = 1024
	for _, d := range work.Distributions() {
		t.Run(string(d), func(t *testing.T) {
			w := work.Work{Allocate: 4096, Distribution: d, Seed: 7}
			if err := w.Check(); err != nil {
				t.Fatal(err)
			}
			handler := w.Handler(context.Background(), "key", 1)
			first, objects := allocated(calls, handler)
			second, _ := allocated(calls, w.Handler(context.Background(), "key", 1))
			// Size classes round up, by an eighth at most; the counters themselves may allocate.
			if mean := first / calls; mean < 4096 || mean > 4096*1.13 {
				t.Errorf("%s: %.0f bytes per call, want about 4,096", d, mean)
			}
			if math.Abs(first-second) > 200_000 || objects < calls*0.99 || objects > calls+100 {
				t.Errorf("%s: %v and %v bytes, %v objects", d, first, second, objects)
			}
		})
	}
}

// A turn is three operations that depend on each other: two turns per nanosecond would take a clock
// of 6 GHz.
func TestTheSpeedOfAMachineIsPossible(t *testing.T) {
	if turns := work.Calibrate(); turns <= 0 || turns > 2 {
		t.Errorf("%v turns a nanosecond", turns)
	}
}

func TestWorkReportsAllThatIsWrong(t *testing.T) {
	err := work.Work{Spin: -1, Allocate: -1, Distribution: "normal"}.Check()
	for _, word := range []string{"Spin is -1ns", "Allocate is -1 bytes", "exponential"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
}
