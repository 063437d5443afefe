//go:build unix

package sockets

import "syscall"

// descriptors returns how many descriptors a process may have open, or 0 if that is not known. Go raises the soft
// limit to the hard limit when a process starts.
func descriptors() uint64 {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil {
		return 0
	}
	return uint64(limit.Cur) // signed on FreeBSD
}
