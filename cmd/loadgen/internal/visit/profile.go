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
	CPUProfile     = "cpu"   // pprof: where CPU time went
	HeapProfile    = "heap"  // pprof: what was allocated, and is in use
	ExecutionTrace = "trace" // go tool trace: what every goroutine did
)

// Profiles are all kinds.
var Profiles = []string{CPUProfile, HeapProfile, ExecutionTrace}

// A Profile asks a visit to be profiled. What is measured then is what profiling
// makes of it.
type Profile struct {
	Kinds  []string `json:"kinds"`
	Prefix string   `json:"prefix"` // of the files' paths
}

// path is where a kind of profile is kept: pprof files end in .pprof.
func (p *Profile) path(kind string) string {
	if kind == ExecutionTrace {
		return p.Prefix + ".trace"
	}
	return p.Prefix + "." + kind + ".pprof"
}

// start begins to profile; without a Profile it does nothing. What stop returns is what went wrong; the
// files are whole once it has been called.
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

func begin(kind string, f *os.File) (end func() error, err error) {
	switch kind {
	case CPUProfile:
		return func() error { pprof.StopCPUProfile(); return nil }, pprof.StartCPUProfile(f)
	case HeapProfile:
		return func() error {
			runtime.GC() // what is in use is known as of the last collection
			return pprof.Lookup("heap").WriteTo(f, 0)
		}, nil
	case ExecutionTrace:
		return func() error { trace.Stop(); return nil }, trace.Start(f)
	}
	return func() error { return nil }, fmt.Errorf("is unknown: want one of %v", Profiles)
}
