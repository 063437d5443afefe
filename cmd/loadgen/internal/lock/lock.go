// Package lock keeps two processes from writing one file at the same time.
//
// A lock is advisory: it binds those who ask for it. The system drops it when the file is closed or the process ends,
// however it ends.
package lock

import "errors"

// ErrLocked is returned by [Try] if another process has the lock.
var ErrLocked = errors.New("another process has locked it")
