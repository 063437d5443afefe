//go:build !unix

package child

import (
	"errors"
	"os"
	"syscall"
)

// attributes returns nil, since this system has no sessions.
func attributes() *syscall.SysProcAttr { return nil }

// interrupt kills p, since this system has no signals.
func interrupt(p *os.Process) error { return p.Kill() }

// Output returns an error, since no process on this system is a visit.
func Output() (*os.File, error) {
	return nil, errors.New("setting standard output apart needs Linux or macOS")
}
