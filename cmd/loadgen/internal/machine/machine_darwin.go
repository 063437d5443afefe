package machine

import (
	"encoding/binary"
	"os"

	"golang.org/x/sys/unix"
)

// system is the load average: nothing else is to be had without other programs.
func system() host { return host{root: none{}, pid: os.Getpid(), load: loadAverage} }

// loadAverage is the first of struct loadavg: three numbers of 32 bits, and what they are
// to be divided by, of 64.
func loadAverage() float64 {
	raw, err := unix.SysctlRaw("vm.loadavg")
	if err != nil || len(raw) < 24 {
		return -1
	}
	return float64(binary.LittleEndian.Uint32(raw)) / float64(max(binary.LittleEndian.Uint64(raw[16:]), 1))
}

// peakRSS is the most memory that this process has had in use, in bytes; 0 if it
// is not known.
func peakRSS() uint64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return uint64(u.Maxrss)
}

func cpuModel() string {
	model, err := unix.Sysctl("machdep.cpu.brand_string")
	if err != nil {
		return ""
	}
	return model
}
