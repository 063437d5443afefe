//go:build !linux

package bench

import "time"

// A kernelSleeper has no better way to sleep here: its worker gives way instead.
type kernelSleeper struct {
	Clock
	spent time.Duration
}

func newKernelSleeper(c Clock) kernelSleeper { return kernelSleeper{Clock: c} }

func (k *kernelSleeper) sleep(time.Duration) time.Duration { return k.Now() }
