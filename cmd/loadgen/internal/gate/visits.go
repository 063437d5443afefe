package gate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// visits says how many visits of the compared runs are not valid, and why. It is zero if what is compared are no runs.
type visits struct {
	all, notValid int
	reasons       map[string]int // the visits with each reason
}

// add adds the visits of a run.
func (v *visits) add(run *results.Run) {
	if v.reasons == nil {
		v.reasons = map[string]int{}
	}
	for _, visit := range run.Visits {
		if !visit.Usable() {
			continue
		}
		v.all++
		if len(visit.Verdict) > 0 {
			v.notValid++
		}
		seen := map[string]bool{}
		for _, reason := range visit.Verdict {
			if !seen[reason.Name] {
				seen[reason.Name] = true
				v.reasons[reason.Name]++
			}
		}
	}
}

// void reports whether most visits are not valid, so that their latencies say little of what was compared.
func (v *visits) void() bool { return 2*v.notValid > v.all }

// String returns how many visits are not valid and why, or "" if all are.
func (v *visits) String() string {
	if v.notValid == 0 {
		return ""
	}
	var names []string
	for name := range v.reasons {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(v.reasons[b], v.reasons[a]), cmp.Compare(a, b))
	})
	return fmt.Sprintf("%d of %s not valid (%s)", v.notValid, format.Plural(v.all, "visit"), format.FewNames(names))
}

// unfinished returns a warning if a run has not ended, or nil.
func unfinished(name string, run *results.Run) []string {
	if run.Status == results.Complete {
		return nil
	}
	return []string{fmt.Sprintf("%s is partial: it has %d of %s", name, len(run.Visits),
		format.Plural(run.Scenario.Visits(), "visit"))}
}
