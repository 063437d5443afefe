package child

import "syscall"

// attributes returns the attributes of a child: its own session, and an interrupt when its parent ends.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setsid: true, Pdeathsig: syscall.SIGINT}
}
