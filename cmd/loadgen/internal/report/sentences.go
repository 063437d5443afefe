package report

import (
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Sentences are the sentences of Text, each list in its order there.
type Sentences struct {
	Comparisons []string // one for each contest
	Family      string   // the numbers of verdicts; "" if nothing is compared
	Objectives  []string
	Warnings    []string // doubts about the run, with advice
}

// SentencesOf returns the sentences about a run and its comparisons.
func SentencesOf(run *results.Run, contests []*comparison.Contest) Sentences {
	s := Sentences{Objectives: objectives(run), Warnings: warnings(run, contests)}
	if measured(run) > 0 && len(contests) > 0 {
		s.Comparisons, s.Family = comparisons(run, views(run), contests), family(contests)
	}
	return s
}

// Load returns the load of a level, such as 50,000/s or the text of its profile.
func Load(l scenarios.Level) string { return load(l) }

// At returns the load of a level as an adverb: at 50,000/s, or in a closed loop.
func At(l scenarios.Level) string { return at(l) }
