package selftest

import (
	"testing"
	"time"
)

const ms = time.Millisecond

// The table was computed call by call in integer nanoseconds, without the formula. The formula is exact for unlimited
// workers, and otherwise exact to within one service time.
func TestTheFormulaOfTheStallIsRightToOneServiceTime(t *testing.T) {
	for _, c := range []struct {
		workers                  int
		p50, p90, p95, p99, p999 time.Duration
	}{
		{unlimited, 1, 1, 501, 901, 991},
		{16, 1, 63, 532, 907, 991},
		{8, 1, 126, 563, 913, 992},
		{4, 1, 251, 626, 926, 993},
		{2, 1, 501, 751, 951, 996},
	} {
		s := stall{perSecond: 1000, duration: 10 * time.Second, from: 5 * time.Second, length: time.Second,
			service: ms, workers: c.workers, unlimited: c.workers == unlimited}
		for q, want := range map[float64]time.Duration{0.5: c.p50, 0.9: c.p90, 0.95: c.p95, 0.99: c.p99,
			0.999: c.p999, 1: 1001} {
			got, err := s.latency(q, ms)
			off := ms
			if s.unlimited {
				off = time.Microsecond // rounding of floating-point numbers
			}
			if err != nil || (got-want*ms).Abs() > off {
				t.Errorf("%d workers: q%v is %v, %v; want %v", c.workers, q, got, err, want*ms)
			}
		}
	}
}

func TestABacklogThatDoesNotDrainHasNoFormula(t *testing.T) {
	s := stall{perSecond: 1000, duration: 10 * time.Second, from: 5 * time.Second, length: time.Second, workers: 1}
	for service, drains := range map[time.Duration]bool{ms: false, 2 * ms: false, 500 * time.Microsecond: true,
		799 * time.Microsecond: true, 801 * time.Microsecond: false} {
		if _, err := s.latency(0.99, service); (err == nil) != drains {
			t.Errorf("service of %v: %v", service, err)
		}
	}
}

func TestTimesWhenCallsAreDueAreExact(t *testing.T) {
	for _, c := range []struct {
		i, perSecond uint64
		want         time.Duration
	}{{0, 3, 0}, {1, 3, 333_333_333}, {2, 3, 666_666_666}, {3, 3, time.Second}, {2_999_999, 1_000_000,
		2_999_999 * time.Microsecond}, {1 << 40, 1_000_000, (1 << 40) * time.Microsecond}} {
		if got := due(c.i, c.perSecond); got != c.want {
			t.Errorf("call %d at %d/s is due at %d, want %d", c.i, c.perSecond, got, c.want)
		}
	}
}
