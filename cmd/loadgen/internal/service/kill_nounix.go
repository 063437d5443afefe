//go:build !unix

package service

import "errors"

// killProcess does nothing, since no service is started on this system.
func killProcess(int) {}

// killGroup does nothing, since no service is started on this system.
func killGroup(int) {}

// pauseProcess fails, since no service is started on this system.
func pauseProcess(int) error { return errors.ErrUnsupported }

// resumeProcess fails, since no service is started on this system.
func resumeProcess(int) error { return errors.ErrUnsupported }
