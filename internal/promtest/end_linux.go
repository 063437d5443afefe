package promtest

import (
	"os/exec"
	"runtime"
	"syscall"
)

// start starts a command that is killed when this process ends, however it ends: a test that takes too long runs no
// cleanup.
func start(c *exec.Cmd) error {
	c.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	// The kernel watches the thread that starts a child: this one lives on, because it is unlocked.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	return c.Start()
}
