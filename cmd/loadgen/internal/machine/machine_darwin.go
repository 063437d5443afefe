package machine

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// system returns a host with only the load average, since the rest is not available without other programs.
func system() host { return host{root: none{}, pid: os.Getpid(), load: loadAverage} }

// loadAverage returns the first number of struct loadavg, or -1 if it is unknown. The struct has three numbers of 32
// bits, and a number of 64 bits to divide them by.
func loadAverage() float64 {
	raw, err := unix.SysctlRaw("vm.loadavg")
	if err != nil || len(raw) < 24 {
		return -1
	}
	return float64(binary.LittleEndian.Uint32(raw)) / float64(max(binary.LittleEndian.Uint64(raw[16:]), 1))
}

// peakRSS returns the largest resident memory of this process so far, in bytes, or 0 if it is unknown.
func peakRSS() uint64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return uint64(u.Maxrss)
}

// cpuModel returns the model of the processor, or "" if it is unknown.
func cpuModel() string {
	model, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return ""
	}
	return model
}
