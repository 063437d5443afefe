//go:build !linux

package pace

import "time"

// kernelSleeps reports whether kernelSleeper is more precise than the runtime's timers.
const kernelSleeps = false

// A kernelSleeper does nothing on this system.
type kernelSleeper struct{ spent time.Duration }

func newKernelSleeper(Clock) kernelSleeper { return kernelSleeper{} }

func (*kernelSleeper) sleep(until time.Duration) time.Duration { return until }
