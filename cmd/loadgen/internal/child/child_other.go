//go:build unix && !linux

package child

import "syscall"

// attributes returns the attributes of a child: its own session.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setsid: true} }
