//go:build unix

package main

import (
	"os/exec"
	"syscall"
)

// group makes cmd lead a process group, all of which is killed when its context ends.
func group(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
}
