package observable

import (
	"testing"
	"time"
)

// Calls that begin one after the other may get to note it in any order.
func TestTheLatestCallIsTheOneThatBeganLast(t *testing.T) {
	for _, order := range [][]time.Duration{{5}, {3, 5}, {5, 3}, {5, 0, 5, 4}} {
		var e entry
		for _, begun := range order {
			e.account.begin(begun)
		}
		if got, want := e.stats().LastCall, epoch.Add(5); !got.Equal(want) {
			t.Errorf("calls began at %v: the latest is off by %v", order, got.Sub(want))
		}
	}
}
