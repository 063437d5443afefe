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

// now returns the time since the program began, by the monotonic clock, with a single read. All times of this program
// are readings of it.
func now() time.Duration { return time.Since(base) }

// A reading is what this process has used until a time.
type reading struct {
	time, cpu time.Duration
	mallocs   uint64
	err       error
}

// read returns a reading without allocations. It takes half a microsecond.
func read() reading {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return reading{time: now(), err: fmt.Errorf("reading the CPU time of this process: %w", err)}
	}
	return reading{time: now(), cpu: time.Duration(usage.Utime.Nano() + usage.Stime.Nano())}
}

// readAll returns a reading with allocations. It stops all goroutines for a short time.
func readAll() reading {
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	r := read()
	r.mallocs = mem.Mallocs
	return r
}

// cores returns how many processors were busy between two readings, on average.
func cores(first, last reading) float64 {
	if last.time <= first.time {
		return missing
	}
	return float64(last.cpu-first.cpu) / float64(last.time-first.time)
}

// heap returns the bytes in use after a garbage collection.
func heap() float64 {
	runtime.GC()
	var mem runtime.MemStats
	runtime.ReadMemStats(&mem)
	return float64(mem.HeapAlloc)
}

// rss returns the resident memory of this process in bytes, on Linux (proc_pid_statm(5)), and missing on other
// systems.
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
