package machine

import (
	"bufio"
	"io/fs"
	"os"
	"strconv"
	"strings"
	"time"
)

// readTicks reads the first line of /proc/stat (proc_stat(5)): user, nice, system,
// idle, iowait, irq, softirq and steal, in hundredths of a second.
func readTicks() (ticks, bool) {
	data, err := os.ReadFile("/proc/stat")
	if err != nil {
		return ticks{}, false
	}
	line, _, _ := strings.Cut(string(data), "\n")
	return parseTicks(line)
}

// parseTicks parses the first line of /proc/stat.
func parseTicks(line string) (ticks, bool) {
	fields := strings.Fields(line)
	if len(fields) < 9 || fields[0] != "cpu" {
		return ticks{}, false
	}
	var t ticks
	for i, f := range fields[1:9] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return ticks{}, false
		}
		d := time.Duration(n) * 10 * time.Millisecond
		t.total += d
		switch i {
		case 3, 4: // idle, waiting for a disk
		case 7:
			t.stolen = d
		default:
			t.busy += d
		}
	}
	return t, true
}

// peakRSS returns the largest resident memory of this process so far, in bytes, or 0 if it is unknown. Getrusage is
// not used, since a process inherits the peak of its parent when it starts.
func peakRSS() uint64 {
	kb, ok := procField("/proc/self/status", "VmHWM")
	if !ok {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSuffix(kb, " kB"), 10, 64)
	if err != nil {
		return 0
	}
	return n << 10
}

// cpuModel returns the model of the processor, or "" if it is unknown.
func cpuModel() string {
	model, _ := procField("/proc/cpuinfo", "model name")
	return model
}

// procField returns the value of a "name: value" line.
func procField(path, name string) (string, bool) {
	f, err := os.Open(path)
	if err != nil {
		return "", false
	}
	defer f.Close()
	for s := bufio.NewScanner(f); s.Scan(); {
		if key, value, ok := strings.Cut(s.Text(), ":"); ok && strings.TrimSpace(key) == name {
			return strings.TrimSpace(value), true
		}
	}
	return "", false
}

// system returns the host of this process.
func system() host { return linux(os.DirFS("/"), os.Getpid()) }

// linux returns the host of a process, from the files below root.
func linux(root fs.FS, pid int) host {
	return host{root, pid, func() float64 { return parseLoad(readLine(root, "proc/loadavg")) }}
}
