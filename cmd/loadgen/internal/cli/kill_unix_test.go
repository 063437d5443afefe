//go:build unix

package cli

import "syscall"

// kill sends a signal to a process, or to the group of -pid.
func kill(pid int, s syscall.Signal) error { return syscall.Kill(pid, s) }
