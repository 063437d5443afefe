package selftest

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/results"
)

// A Report is the result of a self-test.
type Report struct {
	Schema      int                 `json:"schema"` // 1
	Kind        string              `json:"kind"`   // selftest
	Passed      bool                `json:"passed"`
	Interrupted bool                `json:"interrupted"`
	Quick       bool                `json:"quick"`
	Environment results.Environment `json:"environment"`
	Planned     int                 `json:"planned"` // number of checks
	Checks      []Result            `json:"checks"`  // the checks that were made
}

// NewReport is that of the checks that were made, of so many that were planned.
func NewReport(e results.Environment, quick bool, planned int, all []Result) *Report {
	r := &Report{Schema: 1, Kind: "selftest", Quick: quick, Environment: e, Planned: planned,
		Checks:      append([]Result{}, all...),
		Interrupted: len(all) < planned}
	r.Passed = !r.Interrupted && len(r.failed()) == 0
	return r
}

func (r *Report) failed() (failed []*Result) {
	for i := range r.Checks {
		if !r.Checks[i].Passed {
			failed = append(failed, &r.Checks[i])
		}
	}
	return failed
}

// notes returns the note of a check, and how often it was tried.
func (r *Result) notes() string {
	var notes []string
	if r.Note != "" {
		notes = append(notes, r.Note)
	}
	if r.Tries > 1 {
		notes = append(notes, fmt.Sprintf("%d tries", r.Tries))
	}
	return strings.Join(notes, "; ")
}

// A machine is busy if its hypervisor takes at least the share busyStolen of its CPU time, or if other programs use at
// least the share busyOthers.
const busyStolen, busyOthers = 0.01, 0.1
