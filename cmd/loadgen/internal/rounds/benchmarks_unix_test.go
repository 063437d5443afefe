//go:build unix

package rounds_test

import (
	"context"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

func TestBenchmarksThatDieOfAnInterruptOfTheCommandAreNoFailure(t *testing.T) {
	marks := filepath.Join(t.TempDir(), "marks")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	files := scripted(t, "echo $$ >"+marks+"; kill -INT $$", 1)
	done := make(chan error)
	go func() {
		n, err := files.Run(ctx)
		if n != 0 {
			t.Errorf("%d rounds", n)
		}
		done <- err
	}()
	pid := 0
	for ; pid == 0; time.Sleep(time.Millisecond) {
		line, _ := os.ReadFile(marks)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(line)))
	}
	for ; syscall.Kill(pid, 0) == nil; time.Sleep(time.Millisecond) {
	}
	cancel()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
