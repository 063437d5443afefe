//go:build !unix

package machine

import (
	"runtime"
	"time"
)

// processCPU returns an error: there is no getrusage(2) here.
func processCPU() (time.Duration, error) { return 0, Measures(runtime.GOOS) }

// kernel returns "": there is no uname(2) here.
func kernel() string { return "" }
