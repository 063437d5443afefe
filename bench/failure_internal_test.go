package bench

import (
	"fmt"
	"io"
	"testing"
)

// Workers that share a recorder may come to it out of order.
func TestTheFirstFailureIsTheOneThatEndedFirst(t *testing.T) {
	all := failures{}
	all.add(2, fmt.Errorf("second: %w", io.EOF))
	all.add(1, fmt.Errorf("first: %w", io.EOF))
	all.add(3, fmt.Errorf("third: %w", io.EOF))
	if list := all.list(); len(list) != 1 || list[0].Count != 3 || list[0].First != "first: EOF" {
		t.Errorf("%v", list)
	}
}
