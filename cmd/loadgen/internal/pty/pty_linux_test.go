package pty_test

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/pty"
)

// Text returns everything once, in order, while somebody else writes.
func TestTextReadsBesideAWriter(t *testing.T) {
	p, err := pty.Open(80)
	if err != nil {
		t.Skip(err)
	}
	const lines = 2000
	written := make(chan error, 1)
	go func() {
		for range lines {
			if _, err := p.Terminal.WriteString("a line\n"); err != nil {
				written <- err
				return
			}
		}
		written <- nil
	}()
	want, got := strings.Repeat("a line\n", lines), ""
	for len(got) < len(want) {
		text, err := p.Text()
		if err != nil {
			t.Fatal(err)
		}
		got += text
	}
	if err := <-written; err != nil || got != want {
		t.Errorf("%v; %d bytes, want %d", err, len(got), len(want))
	}
	if err := p.Close(); err != nil {
		t.Error(err)
	}
}
