package pace

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"
)

// A waiter whose kernel sleeps are late by an exponential time learns to wake early enough for
// 99 calls in 100.
func TestAWaiterLearnsHowEarlyIsEarlyEnough(t *testing.T) {
	for name, c := range map[string]struct{ mean, least, most time.Duration }{
		"4.6 times the mean": { // -ln(0.01) is 4.6
			10 * time.Microsecond, 38 * time.Microsecond, 54 * time.Microsecond},
		"at least 5 us":  {time.Microsecond, yieldLeast, yieldLeast + 3*time.Microsecond},
		"at most 150 us": {time.Millisecond, yieldMost - 2*time.Microsecond, yieldMost},
	} {
		t.Run(name, func(t *testing.T) {
			random := rand.New(rand.NewPCG(1, 1))
			w := &waiter{early: yieldFree, pace: pace{turn: runtime.Gosched}}
			sum, n := time.Duration(0), 0
			for i := range 20_000 {
				const due = time.Second
				w.learn(due-w.early+time.Duration(random.ExpFloat64()*float64(c.mean)), due)
				if i > 5000 {
					sum, n = sum+w.early, n+1
				}
			}
			if got := sum / time.Duration(n); got < c.least || got > c.most {
				t.Errorf("late by %v in the mean: awake %v before, want %v to %v", c.mean, got, c.least, c.most)
			}
		})
	}
}
