package child_test

import (
	"io"
	"os"
	"os/exec"
	"testing"
)

func TestAChildEndsWithItsParentHoweverThatEnds(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	parent := exec.CommandContext(t.Context(), self)
	parent.Env = append(os.Environ(), asParent+"=1")
	out := start(t, parent) // the child writes to the output of its parent
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// The output ends when the last process that has it open ends.
	if rest, err := io.ReadAll(out); len(rest) > 0 || err != nil {
		t.Errorf("%q, %v", rest, err)
	}
	if err := ended(parent.Wait()); err != nil {
		t.Error(err)
	}
}
