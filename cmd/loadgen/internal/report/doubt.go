package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Doubt is a reason why numbers of a run may be wrong.
type Doubt struct {
	Name   string `json:"name"`             // such as generator-limited
	Visits uint64 `json:"visits,omitempty"` // how many visits have it, of how many
	Of     int    `json:"of,omitempty"`
	Text   string `json:"text"` // a clause
	// Evidence is what was seen in the first of the visits, and Remedy what to do about it.
	Evidence string `json:"evidence,omitempty"`
	Remedy   string `json:"remedy,omitempty"`
}

// Names of doubts that are not verdicts of visits.
const (
	lostVisits   = "not-measured"
	printedError = "standard-error"
	lagIsLatency = "p99-is-lag"
	fewRoundsFor = "few-rounds"
	unstableSLO  = "unstable"
	unfitMachine = "machine"
)

// valid reports whether most of the visits of a run measured the target.
func valid(run *results.Run) bool {
	misled, all := misledVisits(run)
	return all == 0 || 2*misled < all
}

// misledVisits returns how many of the visits that were measured did not measure the target.
func misledVisits(run *results.Run) (misled, all int) {
	for _, v := range run.Visits {
		if !v.Usable() {
			continue
		}
		all++
		if slices.ContainsFunc(v.Verdict, func(r record.Reason) bool { return record.Misleads(r.Name) }) {
			misled++
		}
	}
	return misled, all
}

// has reports whether any visit has a reason not to be valid.
func has(visits []*results.Visit, reason string) bool {
	return slices.ContainsFunc(visits, func(v *results.Visit) bool { return isReason(v, reason) })
}

// isReason reports whether a visit has a reason not to be valid.
func isReason(v *results.Visit, reason string) bool {
	return slices.ContainsFunc(v.Verdict, func(r record.Reason) bool { return r.Name == reason })
}

// notValid returns that a run is not valid.
func notValid(run *results.Run) string {
	misled, all := misledVisits(run)
	return fmt.Sprintf("NOT VALID: this measured the machine, not %s, in %d of %s.", run.Scenario.Name, misled,
		format.Plural(all, "visit"))
}

// tellsBytes reports whether a run has the bytes that calls allocated, which not every service tells.
func tellsBytes(run *results.Run) bool {
	return slices.ContainsFunc(run.Visits, func(v *results.Visit) bool {
		return v.Usable() && (v.Connections == nil || v.Service != nil && v.Service.Bytes != nil)
	})
}

// readable returns which numbers of a run that is not valid may still be read. Service says that the bytes and the
// allocations of calls are unknown, as for most services.
func (a *Answer) readable(service bool) string {
	switch {
	case a.noisy && service:
		return "The numbers of calls and of errors may still be read; latency, service time and CPU may not."
	case a.noisy:
		return "B/op and allocs/op may still be read; latency, service time and CPU may not."
	case service:
		return "Service time and the CPU of the client may still be read; latency may not."
	}
	return "Service time, CPU, B/op and allocs/op may still be read; latency may not."
}

// Reads reports whether numbers of a unit of results.Units may be read: all of a valid run, and some of another.
func (a *Answer) Reads(unit string) bool {
	switch {
	case a.Valid, unit == "B/op", unit == "allocs/op":
		return true
	case a.noisy:
		return false
	}
	return !strings.Contains(unit, "latency") && !strings.Contains(unit, "lag")
}

// doubtsOf returns the doubts about a run, most important first.
func doubtsOf(run *results.Run, contests []*comparison.Contest) (doubts []Doubt) {
	all := len(run.Visits)
	var lost, printed []*results.Visit
	for _, v := range run.Visits {
		if v.Error != "" {
			lost = append(lost, v)
		}
		if v.Log != "" {
			printed = append(printed, v)
		}
	}
	if len(lost) > 0 {
		doubts = append(doubts, Doubt{Name: lostVisits, Visits: uint64(len(lost)), Of: all, Text: fmt.Sprintf(
			"%d of %s could not be measured: %s", len(lost), format.Plural(all, "visit"), whyLost(lost[0].Error))})
	}
	for _, d := range results.ArmDoubts(run) {
		evidence, remedy := advice(d.Detail)
		doubts = append(doubts, Doubt{Name: d.Name, Evidence: evidence, Remedy: remedy,
			Text: fmt.Sprintf("%s: %s %s: %s", d.Name, scenarios.Pair{A: d.A, B: d.B}, at(d.Level), evidence)})
	}
	doubts = append(doubts, lagDoubts(run, views(run))...)
	for _, r := range reasonsOf(run.Visits) {
		evidence, remedy := advice(r.Detail)
		doubts = append(doubts, Doubt{Name: r.Name, Visits: r.Visits, Of: all, Evidence: evidence, Remedy: remedy,
			Text: fmt.Sprintf("%d of %s: %s", r.Visits, format.Plural(all, "visit"), r.Name)})
	}
	if len(printed) > 0 {
		doubts = append(doubts, Doubt{Name: printedError, Visits: uint64(len(printed)), Of: all, Text: fmt.Sprintf(
			"%s wrote to standard error: %s", format.Plural(len(printed), "visit"), firstLine(printed[0].Log))})
	}
	for _, text := range unstable(run) {
		doubts = append(doubts, Doubt{Name: unstableSLO, Text: strings.TrimSuffix(text, ".")})
	}
	for _, text := range tooFewRounds(run, contests) {
		doubts = append(doubts, Doubt{Name: fewRoundsFor, Text: strings.TrimSuffix(text, ".")})
	}
	for _, text := range run.Environment.Warnings {
		evidence, remedy := advice(text)
		doubts = append(doubts, Doubt{Name: unfitMachine, Text: evidence, Remedy: remedy})
	}
	return doubts
}

// lagDoubts returns the doubt about cells of whose p99 most is generator lag, if there are any.
func lagDoubts(run *results.Run, cells []*view) []Doubt {
	var names []string
	marked, arms := 0, armsOf(run.Scenario)
	for _, v := range cells {
		if !marksLag(v) {
			continue
		}
		marked++
		name := run.Scenario.NameOf(v.cell)
		if len(arms) == 1 {
			name = load(v.cell.Level)
		}
		if !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	some := format.And(names)
	if len(names) > 3 {
		some = format.FewNames(names)
	}
	text := "the p99 of " + some + " is mostly generator lag (!)"
	switch {
	case marked == 0:
		return nil
	case marked == len(cells):
		text = "p99 is mostly generator lag everywhere (!)"
	case len(arms) == 1:
		text = "p99 at " + some + " is mostly generator lag (!)"
	}
	return []Doubt{{Name: lagIsLatency, Text: text,
		Remedy: "close other programs, or lower the rate"}}
}

// tooFewRounds returns a warning if a run has too few rounds for what it compares.
func tooFewRounds(run *results.Run, contests []*comparison.Contest) []string {
	few := fewRounds(run.Scenario.Rounds, familyOf(contests))
	if warning := comparison.FewRounds(comparison.Results(contests)); len(few) == 0 && warning != "" {
		few = []string{warning + "."}
	}
	return few
}

// advice returns the last two clauses of the detail of a reason: what it means, and what to do about it.
func advice(detail string) (evidence, remedy string) {
	clauses := strings.Split(detail, ": ")
	if len(clauses) == 1 {
		return detail, ""
	}
	return clauses[len(clauses)-2], clauses[len(clauses)-1]
}

// whyLost returns the cause in the error of a visit, without the output that the error quotes. If the process of the
// visit failed, its last words are the cause.
func whyLost(text string) string {
	cause := firstLine(text)
	for line := range strings.Lines(text) {
		if own, ok := strings.CutPrefix(line, "loadgen: "); ok && strings.HasPrefix(text, "the process of the ") {
			cause = strings.TrimSpace(own)
		}
	}
	if quoting, ok := strings.CutSuffix(cause, ":"); ok { // such as "; the end of its output:"
		cause = quoting[:max(strings.LastIndex(quoting, "; "), 0)]
		cause = cmp.Or(cause, quoting)
	}
	return cause
}

// firstLine returns the first line of a text.
func firstLine(text string) string {
	line, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	return line
}
