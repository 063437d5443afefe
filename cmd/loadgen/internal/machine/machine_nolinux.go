//go:build !linux

package machine

import "io/fs"

// none is a file system without files.
type none struct{}

func (none) Open(name string) (fs.File, error) {
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// readTicks returns false: the CPU time of the whole machine is not known here.
func readTicks() (ticks, bool) { return ticks{}, false }
