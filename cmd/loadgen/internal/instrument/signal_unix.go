//go:build unix

package instrument

import (
	"os/exec"
	"syscall"
)

// signalled returns the exit code that a shell gives a process that a signal has ended.
func signalled(exit *exec.ExitError) int {
	if status, ok := exit.Sys().(syscall.WaitStatus); ok {
		return 128 + int(status.Signal())
	}
	return 1
}
