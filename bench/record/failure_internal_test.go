package record

import (
	"fmt"
	"io"
	"testing"
)

// Workers that share a recorder may add failures out of order.
func TestTheFirstFailureIsTheOneThatEndedFirst(t *testing.T) {
	all := Failures{}
	all.Add(2, fmt.Errorf("second: %w", io.EOF))
	all.Add(1, fmt.Errorf("first: %w", io.EOF))
	all.Add(3, fmt.Errorf("third: %w", io.EOF))
	if list := all.List(); len(list) != 1 || list[0].Count != 3 || list[0].First != "first: EOF" {
		t.Errorf("%v", list)
	}
}
