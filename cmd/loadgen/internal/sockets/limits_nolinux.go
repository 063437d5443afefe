//go:build !linux

package sockets

// Machine returns the limits of this machine. How it hands out ports is not known.
func Machine() Limits { return Limits{Descriptors: descriptors()} }
