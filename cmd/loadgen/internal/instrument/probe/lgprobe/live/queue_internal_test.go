package live

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument/probe/lgprobe"
)

// asChild makes the test below register handlers, and wait for nothing else.
const asChild = "LOADGEN_TEST_REGISTERS"

// Goroutines that wait for each other to register handlers let the garbage collector stop the world, also where the
// runtime cannot interrupt a goroutine that spins.
func TestRegistrationsAtOnceEndWithoutAsynchronousPreemption(t *testing.T) {
	if os.Getenv(asChild) != "" {
		var all sync.WaitGroup
		for range 8 {
			all.Go(func() {
				for i := range 20_000 {
					lgprobe.W("site", "key", func() {})
					if i%100 == 0 {
						runtime.GC()
					}
				}
			})
		}
		all.Wait()
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // its own timer could not stop it
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0], "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), asChild+"=1", "GODEBUG=asyncpreemptoff=1", "GOMAXPROCS=2")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// The file of a process is replaced by that of another one, such as its child, and the first does not write to it.
func TestTheFileOfAnotherProcessIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "probes.json")
	var files []*file
	for _, key := range []string{"a key that is long", "short"} {
		f, err := newFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
		f.Register(&lgprobe.Entry{Site: "site", Key: key})
	}
	files[0].Register(&lgprobe.Entry{Site: "site", Key: "later"})
	files[0].flush()
	if d := read(t, path); len(d.Probes) != 1 || d.Probes[0].Key != "short" {
		t.Errorf("%+v", d)
	}
	if all, err := os.ReadDir(filepath.Dir(path)); err != nil || len(all) != 1 {
		t.Errorf("%v, %v", all, err)
	}
}

// What is no regular file is not replaced, but written to.
func TestALinkIsNotReplaced(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "probes.json")
	if err := os.Symlink("target.json", path); err != nil {
		t.Skip(err)
	}
	if _, err := newFile(path); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(filepath.Join(dir, "target.json"))
	if err != nil || !json.Valid(data) {
		t.Errorf("%s, %v", data, err)
	}
}
