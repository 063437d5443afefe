// Package lock prevents two processes from writing one file at the same time.
//
// Locks are advisory: they exclude only processes that ask for the lock. The system releases a lock when the file is
// closed or the process ends, for whatever reason.
package lock

import (
	"context"
	"errors"
	"os"
	"time"
)

// ErrLocked is returned by [Try] if another process has the lock.
var ErrLocked = errors.New("another process has locked it")

// tryEvery is how long Wait waits between two tries.
const tryEvery = 10 * time.Millisecond

// Wait locks f, as soon as no other process has the lock. If ctx ends before, it returns the error of ctx.
func Wait(ctx context.Context, f *os.File) error {
	tick := time.NewTicker(tryEvery)
	defer tick.Stop()
	for {
		if err := Try(f); !errors.Is(err, ErrLocked) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
