package pace

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// A waiter whose kernel sleeps are late by an exponential time of 10 us learns to wake
// early enough for 99 of 100.
func TestAWaiterLearnsHowEarlyIsEarlyEnough(t *testing.T) {
	for mean, want := range map[time.Duration][2]time.Duration{
		10 * time.Microsecond: {38 * time.Microsecond, 54 * time.Microsecond}, // -ln(0.01) is 4.6
		time.Microsecond:      {giveWayLeast, giveWayLeast + 3*time.Microsecond},
		time.Millisecond:      {giveWayMost - 2*time.Microsecond, giveWayMost},
	} {
		random := rand.New(rand.NewPCG(1, 1))
		w := &waiter{early: giveWayFree, pace: pace{turn: runtime.Gosched}}
		sum, n := time.Duration(0), 0
		for i := range 20_000 {
			const due = time.Second
			w.learn(due-w.early+time.Duration(random.ExpFloat64()*float64(mean)), due)
			if i > 5000 {
				sum, n = sum+w.early, n+1
			}
		}
		if got := sum / time.Duration(n); got < want[0] || got > want[1] {
			t.Errorf("late by %v in the mean: awake %v before, want %v to %v", mean, got, want[0], want[1])
		}
	}
}
