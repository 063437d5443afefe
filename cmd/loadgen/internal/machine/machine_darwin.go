package machine

import "golang.org/x/sys/unix"

// readTicks is not known here.
func readTicks() (ticks, bool) { return ticks{}, false }

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
