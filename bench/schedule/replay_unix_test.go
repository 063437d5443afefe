//go:build unix

package schedule_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

// Opening a pipe waits for its writer, and what one visit reads is gone for the next.
func TestAPipeIsNotReplayed(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (schedule.ReplaySpec{Path: pipe}).Open(); err == nil ||
		!strings.Contains(err.Error(), pipe+" is not a regular file") {
		t.Errorf("%v", err)
	}
}
