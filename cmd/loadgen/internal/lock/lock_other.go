//go:build !unix

package lock

import (
	"errors"
	"os"
)

var errNone = errors.New("loadgen cannot lock files on this system: it needs Linux or another Unix")

// Try returns an error, since files cannot be locked on this system.
func Try(*os.File) error { return errNone }
