package capacity

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/lock"
)

// lockName is the name of the file that a running search locks in its directory. The lock ends with the process that
// holds it.
const lockName = "capacity.lock"

// Lock prevents other processes from searching in a directory until unlock is called. It returns an error if another
// process has locked the directory.
func Lock(dir string) (unlock func() error, err error) {
	path := filepath.Join(dir, lockName)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o644)
		if err != nil {
			return nil, fmt.Errorf("capacity: %w", err)
		}
		if err := lock.Try(f); err != nil {
			if errors.Is(err, lock.ErrLocked) {
				err = errors.New("another loadgen is searching there: wait until it ends, or search in another " +
					"directory")
			}
			return nil, errors.Join(fmt.Errorf("%s: %w", dir, err), f.Close())
		}
		// Another process may have removed the file after it was opened here, since unlock removes it.
		locked, err := f.Stat()
		if err != nil {
			return nil, errors.Join(fmt.Errorf("capacity: %w", err), f.Close())
		}
		if current, err := os.Stat(path); err == nil && os.SameFile(locked, current) {
			return func() error { return errors.Join(os.Remove(path), f.Close()) }, nil
		}
		if err := f.Close(); err != nil {
			return nil, fmt.Errorf("capacity: %w", err)
		}
	}
}
