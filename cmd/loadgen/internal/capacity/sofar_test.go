package capacity_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

func TestWhatIsFoundSoFarIsABracketOrOneEndOfIt(t *testing.T) {
	for name, row := range map[string]struct {
		arm  capacity.Arm
		want string
	}{
		"a bracket":          {capacity.Arm{Verdict: capacity.Found, Low: 8000, High: 16_000}, "8,000 to 16,000/s"},
		"nothing failed":     {capacity.Arm{Verdict: capacity.HoldsThroughout, Capacity: 8000}, "holds 8,000/s"},
		"the generator":      {capacity.Arm{Verdict: capacity.GeneratorLimited, Capacity: 8000}, "holds 8,000/s"},
		"nothing held":       {capacity.Arm{Verdict: capacity.FailsThroughout, Fails: 1000}, "fails 1,000/s"},
		"nothing is known":   {capacity.Arm{Verdict: capacity.Undecided}, ""},
		"there was no probe": {capacity.Arm{Arm: "another"}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			a := capacity.Answer{Arms: []capacity.Arm{row.arm}}
			if row.want != "" {
				row.want += " so far"
			}
			if got := a.SoFar(""); got != row.want {
				t.Errorf("got %q, want %q", got, row.want)
			}
		})
	}
}
