package quantiles

import "time"

// A Clock tells the time that measurements are made with.
type Clock struct {
	Name string // what it tells, for readers
	Now  func() time.Duration
}

// wallClock returns the clock of systems that do not tell the CPU time of a thread.
func wallClock() Clock {
	start := time.Now()
	return Clock{"wall-clock time", func() time.Duration { return time.Since(start) }}
}
