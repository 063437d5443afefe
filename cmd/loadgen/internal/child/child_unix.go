//go:build unix

package child

import (
	"errors"
	"os"
	"syscall"
)

// interrupt interrupts the process group that p leads.
func interrupt(p *os.Process) error {
	err := syscall.Kill(-p.Pid, syscall.SIGINT)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}
