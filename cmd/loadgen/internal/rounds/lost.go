package rounds

import (
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// lostCells are the cells, each of a side, that are certain to miss an objective in too many
// visits. There are none unless the scenario ends visits early that are certain to miss one.
type lostCells struct {
	scenario *scenarios.Scenario
	missed   map[turn]map[string]int // visits, by objective
	lost     map[turn]bool
}

func (l *lostCells) has(t turn) bool { return l.lost[t] }

// add adds what came of a visit.
func (l *lostCells) add(t turn, v *results.Visit) {
	s := l.scenario
	if !s.Abort || v.Record == nil {
		return
	}
	if l.missed == nil {
		l.missed, l.lost = map[turn]map[string]int{}, map[turn]bool{}
	}
	if l.missed[t] == nil {
		l.missed[t] = map[string]int{}
	}
	for _, r := range v.Record.SLOs {
		if r.Missed() {
			l.missed[t][r.SLO]++
			l.lost[t] = l.lost[t] || !s.SLOVisits.Met(s.Rounds-l.missed[t][r.SLO], s.Rounds)
		}
	}
}
