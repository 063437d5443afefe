//go:build !unix

package command

import (
	"errors"
	"syscall"
)

// kill returns an error: there are no signals here.
func kill(int, syscall.Signal) error { return errors.ErrUnsupported }
