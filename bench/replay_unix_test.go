//go:build unix

package bench_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/loadgen-go/loadgen/bench"
)

// Opening a pipe waits for its writer, and what one visit reads is gone for the next.
func TestAPipeIsNotReplayed(t *testing.T) {
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := (bench.Recording{Path: pipe}).Open(); err == nil ||
		!strings.Contains(err.Error(), pipe+" is no regular file") {
		t.Errorf("%v", err)
	}
}
