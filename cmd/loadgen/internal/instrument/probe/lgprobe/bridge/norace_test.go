//go:build !race

package bridge_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/observable"
)

// The account of a call without spans allocates nothing. The race detector drops what is in a sync.Pool.
func TestTheAccountAllocatesNothing(t *testing.T) {
	m, err := observable.New(observable.Options{})
	must(t, err)
	observable.SetDefault(m)
	defer observable.SetDefault(nil)
	table["around"]()
	if n := testing.AllocsPerRun(1000, table["around"]); n != 0 {
		t.Errorf("%v allocations a call", n)
	}
}
