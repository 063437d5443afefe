//go:build !unix

package machine

import (
	"runtime"
	"time"
)

// processCPU returns an error, since this system has no getrusage(2).
func processCPU() (time.Duration, error) { return 0, Measures(runtime.GOOS) }

// kernel returns "", since this system has no uname(2).
func kernel() string { return "" }
