//go:build !unix

package child

import (
	"os"
	"syscall"
)

// attributes returns none: there are no sessions here.
func attributes() *syscall.SysProcAttr { return nil }

// interrupt kills p: there are no signals here.
func interrupt(p *os.Process) error { return p.Kill() }
