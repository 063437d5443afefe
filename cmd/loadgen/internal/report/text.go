package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Text is all that a run has to say: its tables, its comparisons, and what casts
// doubt on them.
func Text(run *results.Run) string {
	var b strings.Builder
	s, e := run.Scenario, &run.Environment
	fmt.Fprintf(&b, "%s: %s\n", s.Name, s.About)
	fmt.Fprintf(&b, "%d rounds of %v, %s arrivals, open loop, seed %d; %s, %s/%s, GOMAXPROCS=%d, %s\n",
		s.Rounds, s.Duration, s.Arrivals, s.Seed, e.GoVersion, e.GOOS, e.GOARCH, e.GOMAXPROCS, e.CPU)
	if run.Status != results.Complete {
		fmt.Fprintf(&b, "PARTIAL: %d of %d visits\n", len(run.Visits), s.Visits())
	}
	b.WriteByte('\n')
	all := views(run)
	b.WriteString(loadTables(run, all))
	b.WriteString(estimatorTable(run, all))
	if sentences := comparisons(run, all); len(sentences) > 0 {
		b.WriteString("\nComparisons, paired by round, with 95 % intervals\n\n")
		for _, sentence := range sentences {
			b.WriteString(wrap("- "+sentence, 100, "  "))
		}
	}
	if doubts := warnings(run, all); len(doubts) > 0 {
		b.WriteString("\nWarnings\n\n")
		for _, d := range doubts {
			b.WriteString(wrap("- "+d, 100, "  "))
		}
	}
	return b.String()
}

// Files says where a run is, and how to go on with it.
func Files(run *results.Run, benchPath, jsonPath string) string {
	arms := run.Scenario.Spans
	if run.Scenario.Live {
		arms = run.Scenario.Quantile
	}
	return fmt.Sprintf(`
Files

  %s
  %s

Compare the arms with benchstat:

  go tool benchstat -filter .name:Load -col '/%s@(%s)' %s
`, benchPath, jsonPath, dimension(run), strings.Join(arms, " "), benchPath)
}

// warnings are what casts doubt on a run, and what to do about it.
func warnings(run *results.Run, all []*view) (doubts []string) {
	doubts = append(doubts, failures(run)...)
	doubts = append(doubts, verdicts(run)...)
	if n := run.Scenario.Rounds; n < results.MinRounds {
		doubts = append(doubts, fmt.Sprintf("%d rounds give no interval, and so no comparison: want %d at least (--rounds %[2]d).", n, results.MinRounds))
	}
	for _, qps := range run.Scenario.QPS {
		if n, need := run.Scenario.Calls(qps), quantile.SamplesFor(0.999); n < need {
			doubts = append(doubts, fmt.Sprintf("p99.9 at %s needs %s calls a visit, there were about %s: --duration %v.",
				rate(qps), commas(fmt.Sprint(need)), commas(fmt.Sprint(n)), scenarios.Lasting(need+need/20, qps)))
		}
	}
	if lost := lostSpans(all); len(lost) > 0 {
		doubts = append(doubts, "Spans were lost before export, and their costs are understated: "+strings.Join(lost, ", ")+".")
	}
	return doubts
}

// lostSpans are the cells whose spans were not all exported, with their share.
func lostSpans(all []*view) (cells []string) {
	for _, v := range all {
		var made, lost uint64
		for _, visit := range v.visits {
			if visit.Spans != nil {
				made, lost = made+visit.Spans.Made, lost+visit.Spans.Dropped()
			}
		}
		if lost > 0 {
			cells = append(cells, fmt.Sprintf("%s of %s at %s", percent(float64(lost)/float64(made)), v.cell.Arm(), rate(v.cell.QPS)))
		}
	}
	return cells
}

// failures are visits that were not measured, and calls that failed.
func failures(run *results.Run) (doubts []string) {
	kinds := map[string]uint64{}
	var lost, logged []*results.Visit
	for _, v := range run.Visits {
		if !v.Usable() {
			lost = append(lost, v)
		}
		if v.Log != "" {
			logged = append(logged, v)
		}
		if v.Record != nil {
			for _, f := range v.Record.Failures {
				kinds[f.Kind] += f.Count
			}
		}
	}
	if len(lost) > 0 {
		why := "it was interrupted"
		if lost[0].Error != "" {
			why = lost[0].Error
		}
		doubts = append(doubts, fmt.Sprintf("%d of %d visits were not measured. The first, %v in round %d: %s",
			len(lost), len(run.Visits), lost[0].Cell, lost[0].Round, why))
	}
	if len(logged) > 0 {
		doubts = append(doubts, fmt.Sprintf("%d visits wrote to their standard error. The first, %v in round %d: %s",
			len(logged), logged[0].Cell, logged[0].Round, logged[0].Log))
	}
	for _, kind := range sortedByCount(kinds) {
		doubts = append(doubts, fmt.Sprintf("%s calls failed: %s.", commas(fmt.Sprint(kinds[kind])), kind))
	}
	return doubts
}

// verdicts counts why visits are not valid.
func verdicts(run *results.Run) (doubts []string) {
	counts, first := map[string]uint64{}, map[string]string{}
	for _, v := range run.Visits {
		seen := map[string]bool{}
		for _, r := range v.Verdict {
			if !seen[r.Name] {
				seen[r.Name] = true
				counts[r.Name]++
			}
			if first[r.Name] == "" {
				first[r.Name] = fmt.Sprintf("%v in round %d: %s", v.Cell, v.Round, r.Detail)
			}
		}
	}
	for _, name := range sortedByCount(counts) {
		doubts = append(doubts, fmt.Sprintf("%s: %d of %d visits. The first, %s.", name, counts[name], len(run.Visits), first[name]))
	}
	return doubts
}

func sortedByCount(counts map[string]uint64) []string {
	var names []string
	for name := range counts {
		names = append(names, name)
	}
	slices.SortFunc(names, func(a, b string) int {
		if counts[a] != counts[b] {
			return int(counts[b]) - int(counts[a])
		}
		return strings.Compare(a, b)
	})
	return names
}

// wrap breaks a paragraph into lines of at most width, the further ones indented.
// Its own line breaks stay.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	for i, paragraph := range strings.Split(s, "\n") {
		line := ""
		if i > 0 {
			line = indent
		}
		fresh := true
		for _, word := range strings.Fields(paragraph) {
			if !fresh && len(line)+1+len(word) > width {
				b.WriteString(line + "\n")
				line, fresh = indent, true
			}
			if !fresh {
				line += " "
			}
			line += word
			fresh = false
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}
