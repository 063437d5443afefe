//go:build unix

package quantiles

import (
	"time"

	"golang.org/x/sys/unix"
)

// ThreadCPU is the CPU time of the thread that asks, which time taken by other
// programs is no part of. Where the system does not tell, it is the wall clock.
//
// What the garbage collector does on other threads meanwhile is not in it.
func ThreadCPU() Clock {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return wallClock()
	}
	return Clock{"CPU time of the measuring thread", func() time.Duration {
		var t unix.Timespec
		// It did not fail above.
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
		return time.Duration(t.Nano())
	}}
}
