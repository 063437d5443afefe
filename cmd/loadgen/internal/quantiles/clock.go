package quantiles

import "time"

// A Clock is the clock of measurements.
type Clock struct {
	Name string // describes the clock for readers
	Now  func() time.Duration
}

// wallClock returns the clock for systems without a CPU clock per thread.
func wallClock() Clock {
	start := time.Now()
	return Clock{"wall-clock time", func() time.Duration { return time.Since(start) }}
}
