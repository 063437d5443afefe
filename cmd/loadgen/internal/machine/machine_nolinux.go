//go:build !linux

package machine

import "io/fs"

// none is a file system without files.
type none struct{}

// Open returns an error.
func (none) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// readTicks returns false, since the CPU time of the whole machine is unknown on this system.
func readTicks() (ticks, bool) { return ticks{}, false }
