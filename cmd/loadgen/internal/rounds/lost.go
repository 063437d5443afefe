package rounds

import (
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// lostCells holds the cells of each side that are certain to miss an objective in too many visits. It stays empty
// unless the scenario has Abort set.
type lostCells struct {
	scenario *scenarios.Scenario
	missed   map[turn]map[string]int // number of visits that missed, by objective
	lost     map[turn]bool
}

// has reports whether the cell of t is lost.
func (l *lostCells) has(t turn) bool { return l.lost[t] }

// add counts the objectives that a visit missed.
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
