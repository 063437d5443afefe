package main

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// startOn starts a command on a processor of one side, if this process may use two or more.
func startOn(command *exec.Cmd, side int) (err error) {
	// A child inherits the processors of the thread that starts it.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	// A server that is stopped would outlive this process. The thread lives on, because it is unlocked.
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var all unix.CPUSet
	if err := unix.SchedGetaffinity(0, &all); err != nil {
		return fmt.Errorf("reading the processors of this process: %w", err)
	}
	if one, ok := processor(&all, side); ok {
		if err := unix.SchedSetaffinity(0, &one); err != nil {
			return fmt.Errorf("choosing a processor: %w", err)
		}
		defer func() { err = errors.Join(err, unix.SchedSetaffinity(0, &all)) }()
	}
	return command.Start()
}

// processor returns the processor of a side: the first of all, or the second. ok is false if there are not two.
func processor(all *unix.CPUSet, side int) (one unix.CPUSet, ok bool) {
	if all.Count() < 2 {
		return one, false
	}
	for cpu := 0; ; cpu++ {
		if !all.IsSet(cpu) {
			continue
		}
		if side == 0 {
			one.Set(cpu)
			return one, true
		}
		side--
	}
}
