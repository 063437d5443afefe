//go:build !linux

package main

import (
	"os/exec"
	"syscall"
)

// startApart starts a command in a process group of its own, so that only this program interrupts it.
func startApart(command *exec.Cmd) error {
	command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	return command.Start()
}
