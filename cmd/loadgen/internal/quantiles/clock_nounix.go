//go:build !unix

package quantiles

// ThreadCPU returns the wall clock: the CPU time of a thread is not known here.
func ThreadCPU() Clock { return wallClock() }
