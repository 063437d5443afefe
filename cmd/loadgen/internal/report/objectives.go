package report

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// objectives returns, for each cell, a sentence for each objective and a sentence about the failed calls, if there
// are any.
func objectives(run *results.Run) (sentences []string) {
	outcomes := results.Objectives(run)
	for _, v := range views(run) {
		for _, o := range outcomes {
			if o.Cell == v.cell {
				sentences = append(sentences, objective(&o))
			}
		}
		if failed := failed(v); failed != "" {
			sentences = append(sentences, failed)
		}
	}
	return sentences
}

// objectivesTitle returns the title of the objectives.
func objectivesTitle(s *scenarios.Scenario) string {
	if len(s.SLOs) == 0 {
		return "Failed calls"
	}
	title := "Objectives, which more than half of the visits must meet, and all visits together"
	if s.SLOVisits != 0 {
		title = fmt.Sprintf("Objectives, which %s of the visits must meet, and all visits together", s.SLOVisits)
	}
	if s.FailedApart {
		title += "; failed calls are left out of latency (failed: apart)"
	}
	return title
}

// objective returns the outcome of an objective as a sentence.
func objective(o *results.Objective) string {
	text := fmt.Sprintf("%v: %s: %s, held in %d of %s", o.Cell, o.SLO, o.Outcome, o.Held,
		format.Plural(o.Judged, "visit"))
	if more := o.Visits - o.Judged; more > 0 {
		text += fmt.Sprintf(", and %d that cannot be judged", more)
	}
	if o.Together.Judged {
		text += "; together " + strings.Replace(o.Together.Detail, " is ", " ", 1)
	}
	if o.Example != "" {
		text += ". Example: " + o.Example
	}
	return text + "."
}

// failed returns how long the failed calls of a cell took, or "" if there are none.
func failed(v *view) string {
	n := v.sum(func(r *record.Record) uint64 { return r.Failed })
	if n == 0 {
		return ""
	}
	latency, err := v.failedLatency()
	if err != nil {
		return fmt.Sprintf("%v: failed: %s calls; their latencies do not add up: %v.", v.cell, format.Count(n), err)
	}
	offered := v.sum(func(r *record.Record) uint64 { return r.Offered })
	parts := []string{fmt.Sprintf("%s of %s calls (%s)", format.Count(n), format.Count(offered),
		format.Percent(float64(n)/float64(offered)))}
	for _, q := range []float64{0.5, 0.99} {
		if latency.Count() >= quantile.SamplesFor(q) {
			parts = append(parts, record.PercentileName(q)+" "+format.Duration(latency.Quantile(q)))
		}
	}
	parts = append(parts, "max "+format.Duration(latency.Max()))
	return fmt.Sprintf("%v: failed: %s.", v.cell, strings.Join(parts, ", "))
}

// AllFailed returns which cells have no call that succeeded, with the kinds of failures, or "" if there is none.
func AllFailed(run *results.Run) string {
	const most = 3 // cells, and kinds of failures per cell
	var which []string
	for _, v := range views(run) {
		failed := v.sum(func(r *record.Record) uint64 { return r.Failed })
		if failed == 0 || failed < v.sum(func(r *record.Record) uint64 { return r.Offered }) {
			continue
		}
		text := fmt.Sprintf("every call of %v failed", v.cell)
		failures := kinds(v.visits)
		for _, k := range failures[:min(most, len(failures))] {
			text += "\n  " + k.String()
		}
		which = append(which, text)
	}
	if more := len(which) - most; more > 0 {
		which = append(which[:most], fmt.Sprintf("and every call of %s more", format.Plural(more, "cell")))
	}
	return strings.Join(which, "\n")
}

// A kind is a kind of failures, with its calls in several visits.
type kind struct {
	name, place string // place is set for a panic
	calls       uint64
}

// String returns how many calls failed, how, and where.
func (k kind) String() string {
	return fmt.Sprintf("%s failed: %s", format.Plural(k.calls, "call"), k.where())
}

// where returns how the calls failed, and where if they panicked.
func (k kind) where() string {
	if k.place != "" {
		return k.name + ", at " + k.place
	}
	return k.name
}

// kinds returns the kinds of failures of visits, the most frequent first.
func kinds(visits []*results.Visit) (list []kind) {
	counts, places := map[string]uint64{}, map[string]string{}
	for _, v := range visits {
		if v.Record == nil {
			continue
		}
		for _, f := range v.Record.Failures {
			if counts[f.Kind] == 0 {
				places[f.Kind] = f.Place
			}
			counts[f.Kind] += f.Count
		}
	}
	for _, name := range sortedByCount(counts) {
		list = append(list, kind{name, places[name], counts[name]})
	}
	return list
}

// unstable returns a warning for each objective that enough visits of a cell meet, but not all visits together.
func unstable(run *results.Run) (doubts []string) {
	for _, o := range results.Objectives(run) {
		if o.Outcome == results.Unstable {
			doubts = append(doubts,
				fmt.Sprintf("%v: %s is UNSTABLE: enough visits meet it, but all visits together do not, "+
					"or are not all known. Look at the visits that missed it, or make more (--rounds).",
					o.Cell, o.SLO))
		}
	}
	return doubts
}
