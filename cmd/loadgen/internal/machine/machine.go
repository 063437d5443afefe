// Package machine tells what a process has spent, and what the machine it runs on
// is and does besides.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/loadgen-go/loadgen/results"
)

// Usage is what this process has spent since it began, and the machine since it
// was started.
type Usage struct {
	cpu     time.Duration
	mem     runtime.MemStats
	peakRSS uint64
	ticks   ticks
	spends  bool // ticks are known
	quota   quota
}

// ticks are the machine's CPU time, of all processors together.
type ticks struct{ total, busy, stolen time.Duration }

// Read returns what has been spent by now. It stops all goroutines for a moment.
func Read() (Usage, error) {
	var u Usage
	var err error
	if u.cpu, err = processCPU(); err != nil {
		return u, fmt.Errorf("reading the CPU time of this process: %w", err)
	}
	runtime.ReadMemStats(&u.mem)
	u.peakRSS = peakRSS()
	u.ticks, u.spends = readTicks()
	u.quota = readQuota(system().root)
	return u, nil
}

// Since is what this process spent from before until now, except for its peak of
// memory, which it has had since it began. CPU is less the time that was spent on
// waiting.
func (u *Usage) Since(before *Usage, waiting time.Duration) results.Cost {
	return results.Cost{
		CPU:      max(u.cpu-before.cpu-waiting, 0),
		Bytes:    u.mem.TotalAlloc - before.mem.TotalAlloc,
		Allocs:   u.mem.Mallocs - before.mem.Mallocs,
		GCCycles: u.mem.NumGC - before.mem.NumGC,
		GCPause:  time.Duration(u.mem.PauseTotalNs - before.mem.PauseTotalNs),
		PeakRSS:  u.peakRSS,
	}
}

// Besides is what the machine did meanwhile that was not this process.
func (u *Usage) Besides(before *Usage) results.Machine {
	m := results.Machine{Quota: u.quota.cores, Throttled: u.quota.throttledSince(&before.quota)}
	total := u.ticks.total - before.ticks.total
	if !u.spends || !before.spends || total <= 0 {
		return m
	}
	share := func(d time.Duration) float64 { return min(max(float64(d)/float64(total), 0), 1) }
	m.Known = true
	m.Stolen = share(u.ticks.stolen - before.ticks.stolen)
	m.Others = share(u.ticks.busy - before.ticks.busy - (u.cpu - before.cpu))
	return m
}

// packageOf returns the import path of a program's main package, or the path of its module if it was built from a list
// of files. It returns "" if the program was built outside of any module.
func packageOf(info *debug.BuildInfo) string {
	if info.Path == "command-line-arguments" {
		return info.Main.Path
	}
	return info.Path
}

// Environment describes what runs where.
func Environment() results.Environment {
	e := results.Environment{
		GoVersion:  runtime.Version(),
		GOOS:       runtime.GOOS,
		GOARCH:     runtime.GOARCH,
		CPU:        cpuModel(),
		NumCPU:     runtime.NumCPU(),
		GOMAXPROCS: runtime.GOMAXPROCS(0),
		GOGC:       os.Getenv("GOGC"),
		GOMEMLIMIT: os.Getenv("GOMEMLIMIT"),
		CPUQuota:   readQuota(system().root).cores,
		Kernel:     kernel(),
		Version:    "unknown",
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		e.Version = info.Main.Version
		e.Package = packageOf(info)
		modified := ""
		for _, s := range info.Settings {
			switch s.Key {
			case "vcs.revision":
				e.Commit = s.Value
			case "vcs.modified":
				if s.Value == "true" {
					modified = "+changes"
				}
			}
		}
		if e.Commit != "" {
			e.Commit += modified
		}
	}
	return e
}
