//go:build !linux && !darwin

package machine

import "os"

// system returns a host that tells nothing.
func system() host { return host{root: none{}, pid: os.Getpid(), load: func() float64 { return -1 }} }

// peakRSS returns 0: the peak of memory is not known here.
func peakRSS() uint64 { return 0 }

// cpuModel returns "": the model of the processor is not known here.
func cpuModel() string { return "" }
