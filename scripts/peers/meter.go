package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

var base = time.Now()

// now is the clock of everything measured here: the time since the program began,
// by the monotonic clock, in one read.
func now() time.Duration { return time.Since(base) }

// A reading is what this process has spent by an instant.
type reading struct {
	at, cpu time.Duration
	mallocs uint64
	err     error
}

// read takes half a microsecond.
func read() reading {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return reading{at: now(), err: fmt.Errorf("reading the CPU time of this process: %w", err)}
	}
	return reading{at: now(), cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
}

// readAll counts allocations too, for which it stops all goroutines for some time.
func readAll() reading {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	r := read()
	r.mallocs = mem.Mallocs
	return r
}

// cores is how many processors were busy from one reading to another, on average.
func cores(from, to reading) float64 {
	if to.at <= from.at {
		return missing
	}
	return float64(to.cpu-from.cpu) / float64(to.at-from.at)
}

// heap is the bytes in use, without what could be collected.
func heap() float64 {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return float64(mem.HeapAlloc)
}

// rss is the memory that this process has in use, in bytes, as Linux tells it
// (proc_pid_statm(5)); missing elsewhere.
func rss() float64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return missing // not Linux
	}
	return parseStatm(data, os.Getpagesize())
}

func parseStatm(data []byte, page int) float64 {
	fields := bytes.Fields(data)
	if len(fields) < 2 {
		return missing
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return missing
	}
	return float64(pages) * float64(page)
}
