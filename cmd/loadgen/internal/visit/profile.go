package visit

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"runtime/pprof"
	"runtime/trace"
	"slices"
)

// Kinds of profiles.
const (
	cpuProfile     = "cpu"   // pprof: CPU time
	heapProfile    = "heap"  // pprof: allocations and memory in use
	executionTrace = "trace" // go tool trace: the activity of every goroutine
)

// Profiles returns all kinds of profiles.
func Profiles() []string { return []string{cpuProfile, heapProfile, executionTrace} }

// A Profile asks a visit to be profiled. The measurements of that visit then include the cost of profiling.
type Profile struct {
	Kinds  []string `json:"kinds"`
	Prefix string   `json:"prefix"` // of the files' paths
}

// path returns the path of a profile. The names of pprof files end in .pprof.
func (p *Profile) path(kind string) string {
	if kind == executionTrace {
		return p.Prefix + ".trace"
	}
	return p.Prefix + "." + kind + ".pprof"
}

// start starts profiling. The function stop ends it, completes the files, and returns any error.
func (p *Profile) start() (stop func() error, err error) {
	if p == nil {
		return func() error { return nil }, nil
	}
	var stops []func() error
	stop = func() error {
		var errs []error
		for _, f := range slices.Backward(stops) {
			errs = append(errs, f())
		}
		return errors.Join(errs...)
	}
	for _, kind := range p.Kinds {
		f, err := os.Create(p.path(kind))
		if err == nil {
			var end func() error
			end, err = begin(kind, f)
			stops = append(stops, func() error { return errors.Join(end(), f.Close()) })
		}
		if err != nil {
			return nil, errors.Join(fmt.Errorf("profile %s: %w", kind, err), stop())
		}
	}
	return stop, nil
}

// begin starts one kind of profile. The function end ends it.
func begin(kind string, f *os.File) (end func() error, err error) {
	switch kind {
	case cpuProfile:
		return func() error { pprof.StopCPUProfile(); return nil }, pprof.StartCPUProfile(f)
	case heapProfile:
		return func() error {
			runtime.GC() // memory in use is known as of the last collection
			return pprof.Lookup("heap").WriteTo(f, 0)
		}, nil
	case executionTrace:
		return func() error { trace.Stop(); return nil }, trace.Start(f)
	}
	return func() error { return nil }, fmt.Errorf("is unknown: want one of %v", Profiles())
}
