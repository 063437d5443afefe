//go:build !linux

package service

import (
	"runtime"
	"strconv"
)

// threadCPUs returns none, since this system has no processor sets.
func threadCPUs() CPUSet { return nil }

// siblings returns nil, since this system has no processor sets.
func siblings(int) CPUSet { return nil }

// goProcs returns the value of GOMAXPROCS that gives a Go service as many processors as the set has, or "" for the
// empty set.
func (c CPUSet) goProcs() string {
	if len(c) == 0 {
		return ""
	}
	return strconv.Itoa(len(c))
}

// confineThread does nothing, since this system has no processor sets: see goProcs.
func confineThread(CPUSet) error { return nil }

// Confine sets GOMAXPROCS of this process, since this system has no processor sets. The empty set changes nothing.
func (c CPUSet) Confine() error {
	if len(c) > 0 {
		runtime.GOMAXPROCS(len(c))
	}
	return nil
}
