package bench

import (
	"testing"
	"time"
)

// Counting the calls that an interruption leaves over must not take for ever.
func TestWhatAnInterruptionLeavesOverIsCountedUpToABound(t *testing.T) {
	a, err := Constant(PerSecond(maxRate), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, room := range []int{0, 10, 2 * mostLeft} {
		q := newQueue(a, room)
		q.stop(time.Hour - 1)
		waiting := uint64(min(room, mostLeft))
		if !q.cut || q.waiting != waiting || q.dropped != mostLeft-waiting || q.at != mostLeft {
			t.Errorf("room for %d: waiting %d, dropped %d, cut off at %d", room, q.waiting, q.dropped, q.at)
		}
		if _, _, ok := q.take(time.Hour); ok {
			t.Error("a call was handed out after the end")
		}
	}
}

func TestALongRowOfDropsEndsWithTheRun(t *testing.T) {
	a, err := Constant(PerSecond(maxRate), 24*time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	q := newQueue(a, 0)
	q.halt.Store(true) // stop was called, and waits for the lock
	if _, _, ok := q.take(24 * time.Hour); ok || q.dropped > 1 {
		t.Errorf("dropped %d", q.dropped)
	}
}
