// Package machine measures what a process uses, and describes the machine and its other load.
package machine

import (
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"time"

	"github.com/loadgen-go/loadgen/results"
)

// A Usage holds what this process has used since it began, and the CPU time of the machine since it
// was started.
type Usage struct {
	cpu     time.Duration
	mem     runtime.MemStats
	peakRSS uint64
	ticks   ticks
	spends  bool // whether ticks are known
	quota   quota
}

// ticks is the machine's CPU time, summed over all processors.
type ticks struct{ total, busy, stolen time.Duration }

// Read returns the usage so far. It stops all goroutines for a moment.
func Read() (Usage, error) {
	var u Usage
	var err error
	if u.cpu, err = CPU(); err != nil {
		return u, err
	}
	runtime.ReadMemStats(&u.mem)
	u.peakRSS = peakRSS()
	u.ticks, u.spends = readTicks()
	u.quota = readQuota(system().root)
	return u, nil
}

// CPU returns the CPU time of all threads of this process so far. Unlike Read, it stops nothing.
func CPU() (time.Duration, error) {
	d, err := processCPU()
	if err != nil {
		return 0, fmt.Errorf("reading the CPU time of this process: %w", err)
	}
	return d, nil
}

// Since returns what this process used between before and u. The peak of memory is the peak since the process
// began. CPU does not include waiting, the CPU time of waiting for due calls.
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

// Besides returns what the machine did besides this process between before and u. Known is the CPU time of other
// processes that belong to what is measured.
func (u *Usage) Besides(before *Usage, known time.Duration) results.Machine {
	m := results.Machine{Quota: u.quota.cores, Throttled: u.quota.throttledSince(&before.quota)}
	total := u.ticks.total - before.ticks.total
	if !u.spends || !before.spends || total <= 0 {
		return m
	}
	share := func(d time.Duration) float64 { return min(max(float64(d)/float64(total), 0), 1) }
	m.Known = true
	m.Stolen = share(u.ticks.stolen - before.ticks.stolen)
	m.Others = share(u.ticks.busy - before.ticks.busy - (u.cpu - before.cpu) - known)
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
