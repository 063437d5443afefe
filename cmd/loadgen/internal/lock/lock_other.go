//go:build !unix

package lock

import (
	"errors"
	"os"
)

var errNone = errors.New("this system has no locks that loadgen knows: it needs Linux or another Unix")

// Wait returns an error: what it guards is not to be written here.
func Wait(*os.File) error { return errNone }

// Try returns an error: what it guards is not to be written here.
func Try(*os.File) error { return errNone }
