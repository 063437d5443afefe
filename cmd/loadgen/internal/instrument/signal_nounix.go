//go:build !unix

package instrument

import "os/exec"

// signalled returns the exit code of a process that has none, since this system has no signals.
func signalled(*exec.ExitError) int { return 1 }
