package report

import (
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Sentences are what Text says of a run in words, each list in its order there.
type Sentences struct {
	Comparisons []string // of each contest
	Family      string   // counts of their verdicts; "" if nothing is compared
	Objectives  []string
	Warnings    []string // what casts doubt on the run, and what to do about it
}

// SentencesOf are those of a run and of its comparisons.
func SentencesOf(run *results.Run, contests []*comparison.Contest) Sentences {
	s := Sentences{Objectives: objectives(run), Warnings: warnings(run, contests)}
	if measured(run) > 0 && len(contests) > 0 {
		s.Comparisons, s.Family = comparisons(run, views(run), contests), family(contests)
	}
	return s
}

// Load is the load of a level: 50,000/s, or what its profile is called.
func Load(l scenarios.Level) string { return load(l) }

// Change writes a ratio as a change in per cent.
func Change(ratio float64) string { return signed(ratio) }
