package service

import (
	"bufio"
	"io"
	"os/exec"
	"testing"
	"time"
)

// A child's clock has nanoseconds, and what its parent has of it after its end is rounded down to 10 ms.
func TestTheClockOfAFamilyNeverGoesBack(t *testing.T) {
	const script = `for n in 1 2 3 4 5; do
	sh -c 'i=0; while [ $i -lt 4000 ]; do i=$((i+1)); done; echo burnt; read x'
	echo buried; read x
done`
	cmd := exec.Command("sh", "-c", script)
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	f := newFamily(cmd.Process.Pid, "no mark")
	before := time.Duration(0)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		now, err := f.cpu()
		if err != nil {
			t.Fatal(err)
		}
		if now < before {
			t.Errorf("%s: %v, after %v", lines.Text(), now, before)
		}
		before = now
		if _, err := io.WriteString(in, "\n"); err != nil {
			t.Fatal(err)
		}
	}
	if err := cmd.Wait(); err != nil || !f.hasChildren() {
		t.Errorf("%v, children %v", err, f.hasChildren())
	}
}
