package bench_test

import (
	"context"
	"math"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
)

// allocated is the bytes and objects that n calls of f allocate.
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
	for _, d := range bench.Distributions {
		w := bench.Work{Allocate: 4096, Distribution: d, Seed: 7}
		if err := w.Check(); err != nil {
			t.Fatal(err)
		}
		handler := w.Handler(context.Background(), "key", 1)
		first, objects := allocated(calls, handler)
		second, _ := allocated(calls, w.Handler(context.Background(), "key", 1))
		// Size classes round up, by an eighth at most; the counters themselves may allocate.
		if mean := first / calls; mean < 4096 || mean > 4096*1.13 {
			t.Errorf("%s: %.0f bytes a call, want about 4,096", d, mean)
		}
		if math.Abs(first-second) > 200_000 || objects < calls*0.99 || objects > calls+100 {
			t.Errorf("%s: %v and %v bytes, %v objects", d, first, second, objects)
		}
	}
}

func TestWorkSpinsAsLongAsItSays(t *testing.T) {
	// In turns of the loop rather than in time, which a busy machine stretches: a
	// handler of twice the work takes about twice as long, at best.
	turns := bench.Calibrate()
	if turns <= 0 || turns > 100 {
		t.Fatalf("%v turns a nanosecond", turns)
	}
	best := func(spin time.Duration) time.Duration {
		h := bench.Work{Spin: spin}.Handler(context.Background(), "key", turns)
		least := time.Duration(math.MaxInt64)
		for range 200 {
			start := time.Now()
			h()
			least = min(least, time.Since(start))
		}
		return least
	}
	for _, spin := range []time.Duration{20 * time.Microsecond, 100 * time.Microsecond} {
		if got := best(spin); got < spin*8/10 {
			t.Errorf("a handler that is to spin %v took %v", spin, got)
		}
	}
}

func TestWorkIsCutShortOnceItsContextEnds(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	// A minute of work, or for ever at a wrong speed: the test's own limit tells.
	bench.Work{Spin: time.Minute}.Handler(ctx, "key", 1000)()
}

func TestWorkReportsAllThatIsWrong(t *testing.T) {
	err := bench.Work{Spin: -1, Allocate: -1, Distribution: "normal"}.Check()
	for _, word := range []string{"spins", "allocates", "exponential"} {
		if err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("%q is not in: %v", word, err)
		}
	}
}
