package capacity_test

import (
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

func TestADirectoryIsLockedUntilItIsUnlocked(t *testing.T) {
	dir := t.TempDir()
	unlock, err := capacity.Lock(dir)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := capacity.Lock(dir); err == nil || !strings.Contains(err.Error(),
		dir+": another loadgen is searching there") {
		t.Errorf("a second lock: %v", err)
	}
	if err := unlock(); err != nil {
		t.Error(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	again, err := capacity.Lock(dir)
	if err != nil {
		t.Fatalf("after it was unlocked: %v", err)
	}
	if err := again(); err != nil {
		t.Error(err)
	}
	if _, err := capacity.Lock(dir + "/none"); err == nil {
		t.Error("a directory that is not there was locked")
	}
}

// A lock on a file that is no longer in the directory excludes no other process. If Lock accepted such a lock, this
// test would fail most of the time, but not always.
func TestALockIsOfOneProcessAtATime(t *testing.T) {
	dir := t.TempDir()
	var inside, most atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for taken := 0; taken < 50; {
				unlock, err := capacity.Lock(dir)
				if err != nil {
					continue // another goroutine holds the lock
				}
				taken++
				if n := inside.Add(1); n > 1 {
					most.Store(n)
				}
				inside.Add(-1)
				if err := unlock(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	if n := most.Load(); n > 1 {
		t.Errorf("%d hold it at once", n)
	}
}
