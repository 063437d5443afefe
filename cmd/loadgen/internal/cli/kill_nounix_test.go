//go:build !unix

package cli

import (
	"errors"
	"syscall"
)

// kill returns an error: there are no signals here.
func kill(int, syscall.Signal) error { return errors.ErrUnsupported }
