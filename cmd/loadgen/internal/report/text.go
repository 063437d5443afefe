package report

import (
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Text returns all that is said of a run: its tables, its comparisons, its objectives and warnings, its files and,
// as in [Brief], its conclusion.
func Text(run *results.Run, contests []*comparison.Contest, place Place, screen *terminal.Screen) string {
	var b strings.Builder
	s, e := run.Scenario, &run.Environment
	b.WriteString(screen.Wrap(Title(s), "  "))
	b.WriteString(screen.Wrap(fmt.Sprintf("%s%s, %s, seed %d; %s, %s/%s, GOMAXPROCS=%d, %s",
		format.Plural(s.Rounds, "round"), lasting(s), Arrivals(s), s.Seed, e.GoVersion, e.GOOS, e.GOARCH,
		e.GOMAXPROCS, e.CPU), ""))
	measured := measured(run)
	if run.Status != results.Complete {
		fmt.Fprintf(&b, "PARTIAL: %d of %s\n", measured, format.Plural(s.Visits(), "visit"))
	}
	b.WriteByte('\n')
	cells := views(run)
	if sends(run) {
		b.WriteString(sendingTable(run, cells, screen) + "\n")
	}
	if measured > 0 {
		b.WriteString(loadTables(run, cells, screen))
		if len(s.Arms(scenarios.Quantile)) > 0 {
			b.WriteString(estimatorTable(run, cells, screen))
		}
		b.WriteString(runtimeTable(cells, screen))
		b.WriteString(connectionsLine(cells, screen))
		b.WriteString(streamsLine(cells, screen))
		b.WriteString(phaseTable(run.Scenario, cells, screen))
		b.WriteString(serviceTable(run.Scenario, cells, screen))
		list(&b, screen, "Where the tail comes from: what the slowest calls of each visit overlapped", tails(cells))
	} else {
		b.WriteString("No visit was completed.\n")
	}
	b.WriteString(written(run, contests, screen) + files(run, place.Run) + "\n")
	b.WriteString(Conclusion(run, contests, place, screen))
	return b.String()
}

// written returns the comparisons, objectives and warnings of a run.
func written(run *results.Run, contests []*comparison.Contest, screen *terminal.Screen) string {
	var b strings.Builder
	sentences := SentencesOf(run, contests)
	list(&b, screen, "Comparisons, paired by round, with 95% intervals", sentences.Comparisons)
	if sentences.Family != "" {
		b.WriteString("\n" + screen.Wrap(sentences.Family, ""))
	}
	list(&b, screen, objectivesTitle(run.Scenario), sentences.Objectives)
	list(&b, screen, "Warnings", sentences.Warnings)
	return b.String()
}

// lasting returns the duration of a visit, or "" if visits differ.
func lasting(s *scenarios.Scenario) string {
	if s.Duration == 0 {
		return ""
	}
	return fmt.Sprintf(" of %v", s.Duration)
}

// Arrivals returns the arrival processes and the kind of loop in words.
func Arrivals(s *scenarios.Scenario) string {
	if s.Closed {
		return "CLOSED LOOP: the load follows the target"
	}
	var kinds []string
	for _, l := range s.Levels() {
		if l.Closed() {
			continue
		}
		kind := "replayed"
		if load := s.LoadOf(l); load.Replay.Path == "" {
			kind = load.Process.String()
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	if s.AlsoClosed {
		return format.And(kinds) + " arrivals, open loop; and a CLOSED LOOP"
	}
	return format.And(kinds) + " arrivals, open loop"
}

// measured returns the number of visits that were completed.
func measured(run *results.Run) (n int) {
	for _, v := range run.Visits {
		if v.Usable() {
			n++
		}
	}
	return n
}

// Title returns the name of a scenario and what it is about.
func Title(s *scenarios.Scenario) string {
	if s.About == "" {
		return s.Name
	}
	return s.Name + ": " + s.About
}

// list writes a titled list, if it has items.
func list(b *strings.Builder, screen *terminal.Screen, title string, items []string) {
	if len(items) == 0 {
		return
	}
	b.WriteString("\n" + screen.Wrap(title, "") + "\n")
	for _, item := range items {
		b.WriteString(screen.Wrap("- "+item, "  "))
	}
}

// files returns where the files of a run are, and a command that reads them.
func files(run *results.Run, dir string) string {
	if filepath.Ext(dir) == filepath.Ext(results.JSONFile) { // another name of run.json
		dir = filepath.Dir(dir)
	}
	benchPath := filepath.Join(dir, results.BenchFile)
	text := fmt.Sprintf("\nFiles\n\n  %s\n  %s\n", benchPath, filepath.Join(dir, results.JSONFile))
	if measured(run) == 0 {
		return format.Printable(text, "\n")
	}
	dimension := dimension(run.Scenario)
	arms := run.Scenario.Arms(dimension)
	what := "Compare the arms"
	if len(arms) == 1 {
		what = "Read it"
	}
	columns := fmt.Sprintf("/%s@(%s)", dimension, strings.Join(arms, " "))
	return format.Printable(text+fmt.Sprintf(`
%s with benchstat:

  go run golang.org/x/perf/cmd/benchstat@latest -filter .name:Load -col %s %s
`, what, format.Quoted(columns), format.Argument(benchPath)), "\n")
}

// warnings returns the doubts about a run, each with advice.
func warnings(run *results.Run, contests []*comparison.Contest) []string {
	return slices.Concat(failures(run), armDoubts(run), unstable(run), verdicts(run), tooFewRounds(run, contests),
		WarningsOf(callChecks(run.Scenario)))
}

// failures returns warnings about visits that were not measured, about their logs, and about failed calls.
func failures(run *results.Run) (doubts []string) {
	var lost, logged []*results.Visit
	for _, v := range run.Visits {
		if v.Error != "" {
			lost = append(lost, v)
		}
		if v.Log != "" {
			logged = append(logged, v)
		}
	}
	if len(lost) > 0 {
		doubts = append(doubts, fmt.Sprintf("%d of %s could not be measured. The first, %v in round %d: %s",
			len(lost), format.Plural(len(run.Visits), "visit"), lost[0].Cell, lost[0].Round, first(lost[0].Error)))
	}
	if len(logged) > 0 {
		doubts = append(doubts, fmt.Sprintf("%s wrote to standard error. The first, %v in round %d: %s",
			format.Plural(len(logged), "visit"), logged[0].Cell, logged[0].Round, first(logged[0].Log)))
	}
	for _, k := range kinds(run.Visits) {
		doubts = append(doubts, k.String()+".")
	}
	return doubts
}

// first returns the first lines of what a process wrote.
func first(s string) string {
	const most = 8
	lines := strings.Split(s, "\n")
	if len(lines) <= most {
		return s
	}
	return strings.Join(lines[:most], "\n") + "\n... (the rest is in " + results.JSONFile + ")"
}

// armDoubts returns warnings about compared arms of a service.
func armDoubts(run *results.Run) (doubts []string) {
	for _, d := range results.ArmDoubts(run) {
		doubts = append(doubts, fmt.Sprintf("%s: %s vs %s %s: %s.", d.Name, d.A, d.B, at(d.Level), d.Detail))
	}
	return doubts
}

// verdicts returns how many visits are not valid, for each reason. Interrupted visits are left out, since the
// status of the run reports them.
func verdicts(run *results.Run) (doubts []string) {
	for _, r := range reasonsOf(run.Visits) {
		doubts = append(doubts, fmt.Sprintf("%s: %d of %s. The first, %v in round %d: %s.", r.Name, r.Visits,
			format.Plural(len(run.Visits), "visit"), r.cell, r.Round, r.Detail))
	}
	return doubts
}

// A reason is why some visits are not valid, with the first of them.
type reason struct {
	Name   string `json:"name"`
	Visits uint64 `json:"visits"`
	Round  int    `json:"round"`
	Detail string `json:"detail"`
	cell   scenarios.Cell
}

// reasonsOf returns why visits are not valid, most frequent first.
func reasonsOf(visits []*results.Visit) []reason {
	counts, first := map[string]uint64{}, map[string]reason{}
	for _, v := range visits {
		if !v.Usable() {
			continue
		}
		details := map[string]string{}
		for _, r := range slices.Backward(v.Verdict) {
			details[r.Name] = r.Detail
		}
		for name, detail := range details {
			if counts[name]++; counts[name] == 1 {
				first[name] = reason{Name: name, Round: v.Round, Detail: detail, cell: v.Cell}
			}
		}
	}
	all := []reason{}
	for _, name := range sortedByCount(counts) {
		r := first[name]
		r.Visits = counts[name]
		all = append(all, r)
	}
	return all
}

// sortedByCount returns the names in descending order of their counts.
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
