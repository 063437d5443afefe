//go:build unix

package bench

import (
	"time"

	"golang.org/x/sys/unix"
)

// processCPU returns the CPU time that all threads of this process have used, or 0 if the system does
// not report it.
func processCPU() time.Duration {
	var usage unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &usage); err != nil {
		return 0 // 0 is what Runtime.CPU says then
	}
	return time.Duration(usage.Utime.Nano() + usage.Stime.Nano())
}
