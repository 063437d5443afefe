package bench

import (
	"context"
	"runtime"
	"testing"
	"time"
)

// A run touches the memory of all recorders before it starts, so their number must not follow the number of
// connections of a service.
func TestWorkersShareRecordersBeyondFourPerProcessor(t *testing.T) {
	for _, c := range []struct {
		name                      string
		workers, processors, want int
	}{
		{"one worker", 1, 8, 1},
		{"a worker per processor has its own", 8, 8, 8},
		{"as many as four per processor", 32, 8, 32},
		{"more", 33, 8, 32},
		{"many workers on one processor", 100_000, 1, 4},
		{"many processors", 1000, 128, 64},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := recordersFor(c.workers, c.processors); got != c.want {
				t.Errorf("%d workers on %d processors have %d recorders: want %d", c.workers, c.processors, got,
					c.want)
			}
		})
	}
	workers := recordersPerProcessor*runtime.GOMAXPROCS(0) + 1
	c := newCrew(t.Context(), &Run{Closed: &Closed{Duration: time.Second}, Workers: workers,
		Target: TargetFunc(func(context.Context, string) error { return nil })})
	if len(c.recorders) != recordersFor(workers, runtime.GOMAXPROCS(0)) || !c.recorders[0].shared {
		t.Errorf("%d workers have %d recorders, shared is %t: want %d that are shared", workers, len(c.recorders),
			c.recorders[0].shared, recordersFor(workers, runtime.GOMAXPROCS(0)))
	}
}
