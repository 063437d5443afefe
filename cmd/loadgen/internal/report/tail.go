package report

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An objective is what became of one SLO in the visits of one cell.
type objective struct {
	cell                     scenarios.Cell
	slo                      string
	visits, missed, unjudged int
	example                  string // of a visit that missed it, or could not be judged
}

// judged are the objectives of a run, by cell. Visits that an objective ended count.
func judged(run *results.Run) (all []*objective) {
	for _, cell := range run.Scenario.Cells() {
		for _, slo := range run.Scenario.SLOs {
			o := &objective{cell: cell, slo: slo.String()}
			for _, v := range run.Visits {
				if v.Cell == cell && v.Record != nil {
					o.add(v)
				}
			}
			if o.visits > 0 {
				all = append(all, o)
			}
		}
	}
	return all
}

func (o *objective) add(v *results.Visit) {
	for _, r := range v.Record.SLOs {
		if r.SLO != o.slo {
			continue
		}
		o.visits++
		switch {
		case r.Missed():
			o.missed++
		case !r.Judged:
			o.unjudged++
		default:
			continue
		}
		if o.example == "" || r.Missed() && o.missed == 1 {
			o.example = fmt.Sprintf("%s in round %d", r.Detail, v.Round)
		}
	}
}

// isMissed tells whether most visits missed the objective, by which a single visit on
// a noisy machine does not decide.
func (o *objective) isMissed() bool { return 2*o.missed > o.visits }

// isUnjudged tells whether it cannot be told.
func (o *objective) isUnjudged() bool { return !o.isMissed() && 2*(o.missed+o.unjudged) > o.visits }

// MissedSLOs is how many objectives of how many a run missed, and of how many it
// cannot be told.
func MissedSLOs(run *results.Run) (missed, unjudged, of int) {
	for _, o := range judged(run) {
		of++
		if o.isMissed() {
			missed++
		} else if o.isUnjudged() {
			unjudged++
		}
	}
	return missed, unjudged, of
}

func objectives(run *results.Run) (sentences []string) {
	for _, o := range judged(run) {
		verdict, of := "met", fmt.Sprintf(" in %d of %s", o.visits-o.missed-o.unjudged, Plural(o.visits, "visit"))
		switch {
		case o.isMissed():
			verdict, of = "MISSED", fmt.Sprintf(" in %d of %s", o.missed, Plural(o.visits, "visit"))
		case o.isUnjudged():
			verdict = "CANNOT BE JUDGED; met"
		}
		example := ""
		if o.example != "" {
			example = ": " + o.example
		}
		sentences = append(sentences, fmt.Sprintf("%v: %s: %s%s%s.", o.cell, o.slo, verdict, of, example))
	}
	return sentences
}

// tails say for each cell what its slowest calls overlapped, of those which all of
// its visits kept.
func tails(all []*view) (sentences []string) {
	for _, v := range all {
		met := map[string]uint64{}
		calls, clear := 0, 0
		for _, visit := range v.visits {
			for _, c := range visit.Record.Slowest {
				calls++
				for _, tag := range c.Overlapped {
					met[tag]++
				}
				if len(c.Overlapped) == 0 {
					clear++
				}
			}
		}
		if calls == 0 {
			continue
		}
		var shares []string
		for _, tag := range sortedByCount(met) {
			shares = append(shares, fmt.Sprintf("%s %.0f%%", tag, 100*float64(met[tag])/float64(calls)))
		}
		shares = append(shares, fmt.Sprintf("none of these %.0f%%", 100*float64(clear)/float64(calls)))
		sentences = append(sentences, fmt.Sprintf("%v: of %s, %s.", v.cell, Plural(calls, "call"), strings.Join(shares, ", ")))
	}
	return sentences
}
