//go:build unix

package quantiles

import (
	"time"

	"golang.org/x/sys/unix"
)

// ThreadCPU returns the clock of the CPU time of the calling thread, which does not include the time of other
// programs. If the system has no such clock, it returns the wall clock.
//
// The clock does not include garbage collection on other threads.
func ThreadCPU() Clock {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t); err != nil {
		return wallClock()
	}
	return Clock{"CPU time of the measuring thread", func() time.Duration {
		var t unix.Timespec
		// The first call of ClockGettime succeeded, so this one does, too.
		_ = unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
		return time.Duration(t.Nano())
	}}
}
