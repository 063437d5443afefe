package problems

import (
	"errors"
	"fmt"
	"io"
	"testing"
)

// Errors that are joined are problems of their own, however deep.
func TestJoinedErrorsBecomeLines(t *testing.T) {
	l := New("pkg")
	if l.Join(nil); !l.Empty() || l.Err() != nil {
		t.Errorf("an empty list has %v", l.Err())
	}
	l.Add("a is %d", 1)
	l.Join(errors.Join(errors.New("b"), errors.Join(fmt.Errorf("c: %w", io.EOF), errors.New("d"))))
	if want := "pkg: a is 1\npkg: b\npkg: c: EOF\npkg: d"; l.Err().Error() != want || l.Empty() {
		t.Errorf("%q, want %q", l.Err(), want)
	}
	if !errors.Is(l.Err(), io.EOF) {
		t.Error("an error is not wrapped")
	}
}
