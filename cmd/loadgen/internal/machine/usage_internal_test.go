package machine

import (
	"math"
	"testing"
	"time"
)

// The CPU time of a service that loadgen started is no other process's.
func TestWhatIsMeasuredIsNotAmongOtherProcesses(t *testing.T) {
	before := Usage{spends: true}
	after := Usage{spends: true, cpu: time.Second, ticks: ticks{total: 10 * time.Second, busy: 6 * time.Second}}
	for name, c := range map[string]struct {
		known time.Duration
		want  float64
	}{"nothing else": {0, 0.5}, "a service": {3 * time.Second, 0.2}, "more than was busy": {time.Minute, 0}} {
		t.Run(name, func(t *testing.T) {
			if got := after.Besides(&before, c.known).Others; math.Abs(got-c.want) > 1e-9 {
				t.Errorf("others used %v, want %v", got, c.want)
			}
		})
	}
}
