package selftest

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// A Report is the result of a self-test.
type Report struct {
	Schema      int                 `json:"schema"` // 1
	Passed      bool                `json:"passed"`
	Interrupted bool                `json:"interrupted"`
	Quick       bool                `json:"quick"`
	Environment results.Environment `json:"environment"`
	Planned     int                 `json:"planned"` // number of checks
	Checks      []Result            `json:"checks"`  // the checks that were made
}

// NewReport is that of the checks that were made, of so many that were planned.
func NewReport(e results.Environment, quick bool, planned int, all []Result) *Report {
	r := &Report{Schema: 1, Quick: quick, Environment: e, Planned: planned, Checks: append([]Result{}, all...),
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

// titles are the headings of groups of checks.
var titles = map[string]string{
	Oracle: "The stall oracle: every call stops for a while, and what latency must be follows " +
		"from\narithmetic, by the service time that the target measured itself",
	Companions: "Its companions: nothing is corrected that was right",
	Pacing:     "Pacing: calls begin when they are due, by the clock of the target",
	Accounting: "Accounting: every call is accounted for once, however it ends",
	Arrivals:   "Arrivals: random calls have the requested distribution",
}

// Text returns the report as tables, one for each group, with advice.
func (r *Report) Text() string {
	var b strings.Builder
	e := &r.Environment
	fmt.Fprintf(&b, "loadgen %s, %s, %s/%s, GOMAXPROCS=%d, %s\n", e.Version, e.GoVersion, e.GOOS, e.GOARCH,
		e.GOMAXPROCS, e.CPU)
	for _, group := range Groups() {
		var rows []*Result
		for i := range r.Checks {
			if r.Checks[i].Group == group {
				rows = append(rows, &r.Checks[i])
			}
		}
		if len(rows) > 0 {
			fmt.Fprintf(&b, "\n%s\n\n%s", titles[group], findings(rows))
		}
	}
	b.WriteString("\n" + r.conclusion())
	return b.String()
}

// findings returns a table of the findings of checks, with the notes of each check below them.
func findings(checks []*Result) string {
	t := format.Table(5, "check", "figure", "expected", "measured", "")
	notes := map[int]string{} // by the last row of a check
	for _, c := range checks {
		name := c.Name
		for _, f := range c.Findings {
			t.AppendRow(table.Row{name, f.What, f.Expected(), f.Measured(), passed(f.Passed)})
			name = ""
		}
		if note := c.notes(); note != "" {
			notes[t.Length()-1] = "  " + note + "\n"
		}
	}
	return format.Annotated(t, func(row int) string { return notes[row] })
}

func passed(ok bool) string {
	if ok {
		return "pass"
	}
	return "FAIL"
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

// conclusion says how many checks passed, what failed, and what to do.
func (r *Report) conclusion() string {
	failed := r.failed()
	switch {
	case r.Interrupted && len(r.Checks) == 0:
		return "Interrupted before a check was made.\n"
	case r.Interrupted && len(failed) == 0:
		return fmt.Sprintf("%d of %s were made before the interruption, and passed.\n", len(r.Checks),
			format.Plural(r.Planned, "check"))
	case len(failed) == 0:
		return fmt.Sprintf("All %s passed.\n", format.Plural(len(r.Checks), "check"))
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%d of %s failed:\n\n", len(failed), format.Plural(len(r.Checks), "check"))
	timing := true
	for _, c := range failed {
		fmt.Fprintf(&b, "- %s\n", c.blame())
		for _, f := range c.Failed() {
			timing = timing && f.Timing
		}
	}
	if timing {
		return b.String() + `
What failed depends on the machine. Close other programs, give it more processors, or use a machine of its
own, and run this again; see Limits in the README. Until it passes, believe no latency that was measured here.
`
	}
	return b.String() + `
Not all of this depends on the machine: that is a fault of loadgen. Please report it, with the output of
loadgen selftest --format json.
`
}

// blame says what failed, how often it was tried, and whether the machine was busy.
func (r *Result) blame() string {
	var figures []string
	for _, f := range r.Failed() {
		figures = append(figures, f.sentence())
	}
	s := fmt.Sprintf("%s, %s: %s", r.Group, r.Name, strings.Join(figures, "; "))
	if r.Tries > 1 {
		s += fmt.Sprintf("; %d tries", r.Tries)
	}
	m := r.Machine
	switch {
	case !m.Known:
	case m.Stolen >= busyStolen || m.Others >= busyOthers:
		s += fmt.Sprintf("; the machine was busy: %s of its CPU time was stolen, other programs used %s",
			format.Rough(m.Stolen), format.Rough(m.Others))
	default:
		s += fmt.Sprintf("; the machine was not busy: %s of its CPU time was stolen, other programs used %s",
			format.Rough(m.Stolen), format.Rough(m.Others))
	}
	return s
}

// A machine is busy if its hypervisor takes at least the share busyStolen of its CPU time, or if other programs use at
// least the share busyOthers.
const busyStolen, busyOthers = 0.01, 0.1
