//go:build !linux

package pace

import "time"

// kernelSleeps tells whether there is a better way to sleep than the runtime's
// timers.
const kernelSleeps = false

// A kernelSleeper is not known here.
type kernelSleeper struct{ spent time.Duration }

func newKernelSleeper(Clock) kernelSleeper { return kernelSleeper{} }

func (*kernelSleeper) sleep(until time.Duration) time.Duration { return until }
