package visit

import (
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results"
)

func TestAMachineThatDoesOtherThingsIsCalledNoisy(t *testing.T) {
	for _, c := range []struct {
		machine results.Machine
		noisy   bool
	}{
		{results.Machine{}, false},
		{results.Machine{Known: true}, false},
		{results.Machine{Known: true, Stolen: 0.019, Others: 0.099}, false},
		{results.Machine{Known: true, Stolen: 0.03}, true},
		{results.Machine{Known: true, Others: 0.2}, true},
	} {
		got := noise(c.machine)
		if len(got) > 0 != c.noisy || c.noisy && !strings.Contains(got[0].Detail, "quieter") {
			t.Errorf("%+v: %v", c.machine, got)
		}
	}
}
