package main

import (
	"os/exec"
	"runtime"
	"syscall"
)

// startApart starts a command in a process group of its own, so that only this program interrupts it. It is killed if
// this program is.
func startApart(command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	// The kernel watches the thread that starts a child: this one lives on, because it is unlocked.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return command.Start()
}
