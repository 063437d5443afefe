package page

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// agree returns how many of the changes of a level have one direction in all rounds.
func agree(changes []*change) []chip {
	n, paired, rounds := agreement(changes)
	switch {
	case paired == 0:
		return nil
	case rounds < 2:
		return []chip{{Tone: "doubt", Text: "! 1 round"}}
	}
	c := chip{Tone: "good", Text: fmt.Sprintf("✓ all %d rounds agree on %d of %d", rounds, n, paired)}
	if n == 0 {
		c = chip{Tone: "doubt", Text: fmt.Sprintf("? %d rounds agree on none of %d", rounds, paired)}
	}
	return []chip{c}
}

// mostDoubts is the number of doubts in the row of chips. All are in a list below.
const mostDoubts = 4

// believe returns the reasons to believe or to doubt a run.
func believe(run *results.Run, answer *report.Answer) (chips []chip) {
	if !answer.Valid {
		chips = append(chips, chip{Tone: "bad", Text: "✗ not valid"})
	}
	measured, doubted := 0, 0
	for _, v := range run.Visits {
		if v.Usable() {
			measured++
			if len(v.Verdict) > 0 {
				doubted++
			}
		}
	}
	switch planned := run.Scenario.Visits(); {
	case measured < planned || run.Status != results.Complete:
		chips = append(chips, chip{Tone: "bad", Text: fmt.Sprintf("✗ partial: %d of %s measured", measured,
			format.Plural(planned, "visit"))})
	case doubted == 0:
		chips = append(chips, chip{Tone: "good", Text: "✓ all " + format.Plural(measured, "visit") + " valid"})
	case !slices.ContainsFunc(answer.Doubts, func(d report.Doubt) bool { return d.Visits > 0 }):
		chips = append(chips, chip{Tone: "doubt", Text: fmt.Sprintf("! %d of %s valid", measured-doubted,
			format.Plural(measured, "visit"))})
	}
	chips = append(chips, objectives(run)...)
	for i, d := range answer.Doubts {
		if i == mostDoubts && len(answer.Doubts) > mostDoubts+1 {
			chips = append(chips, chip{Tone: "doubt", Text: fmt.Sprintf("! and %d more, below",
				len(answer.Doubts)-mostDoubts)})
			break
		}
		chips = append(chips, chip{Tone: "doubt", Text: "! " + format.Cut(d.Text, 80),
			More: strings.TrimSpace(d.Evidence + " " + d.Remedy)})
	}
	return chips
}

// objectives returns whether the objectives of a run were met.
func objectives(run *results.Run) []chip {
	list := results.Objectives(run)
	missed, met := 0, 0
	for _, o := range list {
		switch o.Outcome {
		case results.Met:
			met++
		case results.Missed:
			missed++
		}
	}
	switch {
	case len(list) == 0:
		return nil
	case missed > 0:
		return []chip{{Tone: "bad", Text: fmt.Sprintf("✗ %d of %s missed", missed,
			format.Plural(len(list), "objective"))}}
	case met < len(list):
		return []chip{{Tone: "doubt", Text: fmt.Sprintf("? %d of %s met, and the others not judged", met,
			format.Plural(len(list), "objective"))}}
	}
	return []chip{{Tone: "good", Text: "✓ all " + format.Plural(met, "objective") + " met"}}
}

// ofWhich returns the part of a title that says which calls are left out, or "".
func ofWhich(cells []*cell) string {
	for _, c := range cells {
		for _, v := range c.visits {
			if v.Record.FailedApart {
				return ", of calls that did not fail (failed: apart)"
			}
		}
	}
	return ""
}
