//go:build !linux && !darwin

package machine

import "os"

// system returns a host without files or load.
func system() host { return host{root: none{}, pid: os.Getpid(), load: func() float64 { return -1 }} }

// peakRSS returns 0, since the peak of memory is unknown on this system.
func peakRSS() uint64 { return 0 }

// cpuModel returns "", since the model of the processor is unknown on this system.
func cpuModel() string { return "" }
