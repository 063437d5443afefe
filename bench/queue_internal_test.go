package bench

import (
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// Counting the calls that an interruption leaves out must end.
func TestWhatAnInterruptionLeavesOverIsCountedUpToABound(t *testing.T) {
	a, err := schedule.Constant(schedule.PerSecond(1e9), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 10, 2 * mostLeft} {
		q := newQueue(a, policy(room), room, newTrace(time.Hour), newWindows(time.Minute, time.Hour, new(Run)))
		q.stop(time.Hour - 1)
		waiting := uint64(min(room, mostLeft))
		if !q.cut || q.missed != waiting || q.dropped != mostLeft-waiting || q.at != mostLeft {
			t.Errorf("room for %d: waiting %d, dropped %d, cut off at %d", room, q.missed, q.dropped, q.at)
		}
		if q.take(&worker{batch: &noBatch, call: new(call)}, time.Hour) {
			t.Error("a call was handed out after the end")
		}
	}
}

func policy(room int) Overload {
	if room == 0 {
		return Drop
	}
	return Queue
}

func TestALongRowOfDropsEndsWithTheRun(t *testing.T) {
	a, err := schedule.Constant(schedule.PerSecond(1e9), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(a, Drop, 0, newTrace(24*time.Hour), newWindows(time.Hour, 24*time.Hour, new(Run)))
	q.halt.Store(true) // stop was called, and waits for the lock
	if q.take(&worker{batch: &noBatch, call: new(call)}, 24*time.Hour) || q.dropped > 1 {
		t.Errorf("dropped %d", q.dropped)
	}
}
