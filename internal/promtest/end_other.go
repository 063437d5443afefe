//go:build !linux

package promtest

import "os/exec"

// start starts a command.
func start(c *exec.Cmd) error { return c.Start() }
