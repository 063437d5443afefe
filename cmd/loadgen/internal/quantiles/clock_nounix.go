//go:build !unix

package quantiles

// ThreadCPU returns the wall clock, since this system has no CPU clock per thread.
func ThreadCPU() Clock { return wallClock() }
