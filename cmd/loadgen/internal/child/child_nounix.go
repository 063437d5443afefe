//go:build !unix

package child

import (
	"errors"
	"os"
	"syscall"
)

// attributes returns none: there are no sessions here.
func attributes() *syscall.SysProcAttr { return nil }

// interrupt kills p: there are no signals here.
func interrupt(p *os.Process) error { return p.Kill() }

// Output is an error: no process of this system is a visit.
func Output() (*os.File, error) {
	return nil, errors.New("setting standard output apart needs Linux or macOS")
}
