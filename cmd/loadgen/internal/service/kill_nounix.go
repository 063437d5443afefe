//go:build !unix

package service

// killProcess does nothing, since no service is started on this system.
func killProcess(int) {}

// killGroup does nothing, since no service is started on this system.
func killGroup(int) {}
