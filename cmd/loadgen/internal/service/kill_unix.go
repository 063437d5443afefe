//go:build unix

package service

import "golang.org/x/sys/unix"

// killProcess kills a process, if it still exists.
func killProcess(pid int) { _ = unix.Kill(pid, unix.SIGKILL) }

// killGroup kills the processes of a group that still exist.
func killGroup(group int) { _ = unix.Kill(-group, unix.SIGKILL) }
