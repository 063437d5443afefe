package results

import (
	"fmt"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An Outcome says whether an objective was met over the visits of a cell.
type Outcome string

// Outcomes, as reports print them.
const (
	// Met means that enough visits met the objective (see [scenarios.Quorum]), and that the calls of all
	// visits together meet it.
	Met Outcome = "MET"
	// Missed means that too few visits met the objective. Three of six visits are too few.
	Missed Outcome = "MISSED"
	// Unstable means that enough visits met the objective, but the calls of all visits together miss it.
	Unstable Outcome = "UNSTABLE"
	// Unjudged means that fewer than half of the visits could be judged.
	Unjudged Outcome = "CANNOT BE JUDGED"
)

// An Objective is the result of one objective over the visits of one cell.
type Objective struct {
	Cell    scenarios.Cell
	SLO     record.SLO
	Outcome Outcome

	Visits   int              // visits that were completed, or ended because the objective was certain to be missed
	Judged   int              // visits, of Visits, that could be judged
	Held     int              // visits, of Judged, that met the objective
	Together record.SLOResult // the result for the calls of all visits together
	Example  string           // a visit that missed the objective, or else a visit that could not be judged
}

// Objectives returns the result of each objective in each cell of a run. No other code decides
// whether a run met its objectives.
func Objectives(run *Run) (objectives []Objective) {
	for _, cell := range run.Scenario.Cells() {
		for _, slo := range run.Scenario.SLOs {
			if o := objectiveOf(run, cell, slo); o.Visits > 0 {
				objectives = append(objectives, o)
			}
		}
	}
	return objectives
}

// objectiveOf returns the result of one objective in one cell. Its Visits are 0 if no visit of the cell counts.
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

// outcome decides the outcome of o. If a visit was cut short, it is unknown how many of its remaining
// calls would have been bad, so that all visits together are not known to meet the objective.
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
