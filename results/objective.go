package results

import (
	"fmt"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An Outcome is what became of an objective over the visits of a cell.
type Outcome string

// Outcomes, as reports print them.
const (
	// Met: enough visits met the objective (see [scenarios.Quorum]), and the calls of all
	// visits together do.
	Met Outcome = "MET"
	// Missed: too few visits met it. Of six visits three are too few.
	Missed Outcome = "MISSED"
	// Unstable: enough visits met it, but the calls of all visits together miss it.
	Unstable Outcome = "UNSTABLE"
	// Unjudged: fewer than half of the visits could be judged.
	Unjudged Outcome = "CANNOT BE JUDGED"
)

// An Objective is what became of one objective in the visits of one cell.
type Objective struct {
	Cell    scenarios.Cell
	SLO     record.SLO
	Outcome Outcome

	Visits   int              // that were made: to their end, or until it was certain to be missed
	Judged   int              // of Visits
	Held     int              // of Judged
	Together record.SLOResult // of the calls of all visits that were judged
	Example  string           // of a visit that missed it, or else one that could not be judged
}

// Objectives returns what became of the objectives of a run, by cell. It is the one place in
// which that is decided.
func Objectives(run *Run) (all []Objective) {
	for _, cell := range run.Scenario.Cells() {
		for _, slo := range run.Scenario.SLOs {
			if o := objectiveOf(run, cell, slo); o.Visits > 0 {
				all = append(all, o)
			}
		}
	}
	return all
}

func objectiveOf(run *Run, cell scenarios.Cell, slo record.SLO) Objective {
	o := Objective{Cell: cell, SLO: slo}
	var records []*record.Record
	cut := false
	for _, v := range run.Visits {
		if v.Cell != cell || !v.Usable() && (v.Record == nil || v.Record.Aborted == "") {
			continue
		}
		r, ok := v.Record.Result(slo)
		if !ok {
			continue
		}
		o.Visits++
		records = append(records, v.Record)
		if r.Judged {
			o.Judged++
			cut = cut || v.Record.Aborted != ""
		}
		if r.Met {
			o.Held++
		} else if o.Example == "" || r.Missed() && o.Judged-o.Held == 1 {
			o.Example = fmt.Sprintf("%s in round %d", r.Detail, v.Round)
		}
	}
	o.Together = slo.Together(records)
	o.Outcome = outcome(run.Scenario.SLOVisits, &o, cut)
	return o
}

// outcome decides. Of visits that were cut short nobody knows how many calls would have been
// bad: with one of them, what all do together is not known to be met.
func outcome(quorum scenarios.Quorum, o *Objective, cut bool) Outcome {
	switch {
	case o.Judged == 0 || 2*o.Judged < o.Visits:
		return Unjudged
	case !quorum.Met(o.Held, o.Judged):
		return Missed
	case cut || o.Together.Missed():
		return Unstable
	}
	return Met
}
