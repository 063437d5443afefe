package pace_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/bench/pace"
)

func FuzzParsePace(f *testing.F) {
	f.Add("auto")
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		if p, err := pace.Parse(text); err == nil && p.String() != text || err != nil && p != nil {
			t.Errorf("%q is %v, %v", text, p, err)
		}
	})
}
