package report

import (
	"fmt"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Check says whether a scenario is fit to tell something, before it runs: what it has of a unit, and what it needs.
type Check struct {
	Name    string  `json:"name"`
	Unit    string  `json:"unit"`
	Have    float64 `json:"have"`
	Need    float64 `json:"need"`
	Passed  bool    `json:"passed"`
	Warning string  `json:"warning,omitempty"` // what it cannot tell, and what to do about it
}

// Checks returns whether the rounds of a scenario are enough to compare its cells, and its visits long enough for the
// percentiles of each load.
func Checks(s *scenarios.Scenario) []Check {
	cells := len(s.Comparisons()) * len(comparison.PrimaryUnits())
	rounds := Check{Name: "rounds", Unit: "rounds", Have: float64(s.Rounds),
		Need: float64(comparison.Need(cells, true)), Passed: true}
	for _, warning := range fewRounds(s.Rounds, cells) {
		rounds.Passed, rounds.Warning = false, warning
	}
	return append([]Check{rounds}, callChecks(s)...)
}

// WarningsOf returns the warnings of checks.
func WarningsOf(checks []Check) (all []string) {
	for _, c := range checks {
		if c.Warning != "" {
			all = append(all, c.Warning)
		}
	}
	return all
}

// fewRounds returns a warning if there are too few rounds for the number of cells.
func fewRounds(rounds, cells int) []string {
	have, need := format.Plural(rounds, "round"), comparison.Need(cells, true)
	switch {
	case rounds < comparison.MinPairs:
		return []string{fmt.Sprintf("%s: too few for an interval, which needs at least %d (--rounds %[2]d).",
			have, comparison.MinPairs)}
	case rounds < comparison.NeedApart(cells):
		return []string{fmt.Sprintf("%s show no difference among %s, however large: want %d (--rounds %[3]d).",
			have, format.Plural(cells, "number"), need)}
	case rounds < need:
		return []string{fmt.Sprintf("%s show only large differences among %s: want %d (--rounds %[3]d).",
			have, format.Plural(cells, "number"), need)}
	}
	return nil
}

// callChecks returns whether visits of each load have the calls that p99 and p99.9 need. Of percentiles that a load
// cannot state, only the lowest has a warning. A load whose calls are not known is left out.
func callChecks(s *scenarios.Scenario) (all []Check) {
	for _, l := range s.Levels() {
		warned := false
		for _, q := range []float64{0.99, 0.999} {
			n, least, need := s.Calls(l), s.Surely(l), quantile.SamplesFor(q)
			if n == 0 {
				continue
			}
			c := Check{Name: record.PercentileName(q) + " " + at(l), Unit: "calls", Have: float64(least),
				Need: float64(need), Passed: least >= need}
			if !c.Passed && !warned {
				c.Warning, warned = fewCalls(s, l, q), true
			}
			all = append(all, c)
		}
	}
	return all
}

// fewCalls returns a warning that the visits of a load are too short for a percentile.
func fewCalls(s *scenarios.Scenario, l scenarios.Level, q float64) string {
	n, least, need := s.Calls(l), s.Surely(l), quantile.SamplesFor(q)
	has := "about " + format.Count(n)
	if n >= need {
		has += ", sometimes only " + format.Count(least)
	}
	advice := "a higher rate"
	if l.Load != "" {
		advice += ", or a longer duration"
	}
	if d := s.Arrivals.Lasting(need, l.QPS.Float()); l.Load == "" && d <= scenarios.MaxDuration {
		advice = fmt.Sprintf("--duration %v", d)
	}
	return fmt.Sprintf("%s at %s needs %s calls per visit, but in %v there are %s: want %s.",
		record.PercentileName(q), load(l), format.Count(need), s.Length(l), has, advice)
}
