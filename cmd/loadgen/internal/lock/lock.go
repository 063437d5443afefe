// Package lock prevents two processes from writing one file at the same time.
//
// Locks are advisory: they exclude only processes that ask for the lock. The system releases a lock when the file is
// closed or the process ends, for whatever reason.
package lock

import "errors"

// ErrLocked is returned by [Try] if another process has the lock.
var ErrLocked = errors.New("another process has locked it")
