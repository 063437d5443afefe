//go:build !unix

package main

import "os/exec"

// group does nothing: there are no process groups here, and what cmd has started may outlive it.
func group(*exec.Cmd) {}
