package gate

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// VisitCounts are numbers of visits of the compared runs.
type VisitCounts struct {
	Valid    bool          `json:"valid"` // whether most visits measured the target, and not the machine
	Measured int           `json:"measured"`
	NotValid int           `json:"not_valid"`
	Reasons  []ReasonCount `json:"reasons"` // most frequent first
}

// A ReasonCount is how many visits are not valid for a reason.
type ReasonCount struct {
	Name   string `json:"name"`
	Visits int    `json:"visits"`
}

// visits says how many visits of the compared runs are not valid, and why. It is zero if what is compared are no runs.
type visits struct {
	all, notValid int
	misled        int            // those not valid that may have measured the machine instead of the target
	reasons       map[string]int // the visits with each reason
	service       bool           // they called a service, whose memory is not measured
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
		v.service = v.service || visit.Connections != nil
		if len(visit.Verdict) > 0 {
			v.notValid++
		}
		if slices.ContainsFunc(visit.Verdict, func(r record.Reason) bool { return record.Misleads(r.Name) }) {
			v.misled++
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

// void reports whether half of the visits or more may not have measured what was compared.
func (v *visits) void() bool { return v.misled > 0 && 2*v.misled >= v.all }

// String returns how many visits are not valid and why, or "" if all are.
func (v *visits) String() string {
	if v.notValid == 0 {
		return ""
	}
	names := v.names()
	return fmt.Sprintf("%d of %s not valid (%s)", v.notValid, format.Plural(v.all, "visit"), format.FewNames(names))
}

// names returns the reasons, most frequent first.
func (v *visits) names() (names []string) {
	for name := range v.reasons {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		return cmp.Or(cmp.Compare(v.reasons[b], v.reasons[a]), cmp.Compare(a, b))
	})
	return names
}

// counts returns the numbers of visits, or nil if what is compared are no runs.
func (v *visits) counts() *VisitCounts {
	if v.all == 0 {
		return nil
	}
	c := &VisitCounts{Valid: !v.void(), Measured: v.all, NotValid: v.notValid, Reasons: []ReasonCount{}}
	for _, name := range v.names() {
		c.Reasons = append(c.Reasons, ReasonCount{name, v.reasons[name]})
	}
	return c
}

// NotValid returns a sentence that the comparison is not valid, and which numbers may be read, or "" if it is valid.
func (r *Report) NotValid() string {
	if !r.visits.void() {
		return ""
	}
	readable := "B/op and allocs/op"
	if r.visits.service {
		readable = "The numbers of calls and of errors"
	}
	return fmt.Sprintf("NOT VALID: %s. %s may still be read, times may not.", &r.visits, readable)
}

// Doubtful returns how many visits are not valid and why, or "".
func (r *Report) Doubtful() string { return r.visits.String() }

// unfinished returns a warning if a run has not ended, or nil.
func unfinished(name string, run *results.Run) []string {
	if run.Status == results.Complete {
		return nil
	}
	return []string{fmt.Sprintf("%s is partial: it has %d of %s", name, len(run.Visits),
		format.Plural(run.Scenario.Visits(), "visit"))}
}
