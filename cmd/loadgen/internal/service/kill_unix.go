//go:build unix

package service

import "golang.org/x/sys/unix"

// killProcess kills a process, if it still exists.
func killProcess(pid int) { _ = unix.Kill(pid, unix.SIGKILL) }

// killGroup kills the processes of a group that still exist.
func killGroup(group int) { _ = unix.Kill(-group, unix.SIGKILL) }

// pauseProcess stops a process until resumeProcess. The process cannot notice it.
func pauseProcess(pid int) error { return unix.Kill(pid, unix.SIGSTOP) }

// resumeProcess continues a process that was paused.
func resumeProcess(pid int) error { return unix.Kill(pid, unix.SIGCONT) }
