package capacity

import (
	"fmt"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// SoFar returns in a few words what the answer says about an arm before the search has ended, or "".
func (r *Answer) SoFar(name string) string {
	i := slices.IndexFunc(r.Arms, func(a Arm) bool { return a.Arm == name })
	if i < 0 {
		return ""
	}
	switch a := r.Arms[i]; {
	case a.Verdict == Found:
		return fmt.Sprintf("%s to %s so far", format.PerSecond(a.Low), format.Rate(a.High))
	case a.Capacity > 0:
		return fmt.Sprintf("holds %s so far", format.Rate(a.Capacity))
	case a.Fails > 0:
		return fmt.Sprintf("fails %s so far", format.Rate(a.Fails))
	}
	return ""
}
