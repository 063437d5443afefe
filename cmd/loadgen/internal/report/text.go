package report

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"unicode"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Text is all that a run has to say: its tables, its comparisons, and what casts
// doubt on them.
func Text(run *results.Run, contests []*comparison.Contest) string {
	var b strings.Builder
	s, e := run.Scenario, &run.Environment
	b.WriteString(Title(s) + "\n")
	fmt.Fprintf(&b, "%s%s, %s, seed %d; %s, %s/%s, GOMAXPROCS=%d, %s\n",
		Plural(s.Rounds, "round"), lasting(s), Arrivals(s), s.Seed, e.GoVersion, e.GOOS, e.GOARCH, e.GOMAXPROCS, e.CPU)
	measured := measured(run)
	if run.Status != results.Complete {
		fmt.Fprintf(&b, "PARTIAL: %d of %s\n", measured, Plural(s.Visits(), "visit"))
	}
	b.WriteByte('\n')
	all := views(run)
	if measured > 0 {
		b.WriteString(loadTables(run, all))
		if len(s.Quantile) > 0 {
			b.WriteString(estimatorTable(run, all))
		}
		b.WriteString(runtimeTable(all))
		list(&b, "Where the tail comes from: what the slowest calls of each visit met", tails(all))
	} else {
		b.WriteString("No visit was measured to its end.\n")
	}
	said := SentencesOf(run, contests)
	list(&b, "Comparisons, paired by round, with 95% intervals", said.Comparisons)
	if said.Family != "" {
		b.WriteString("\n" + wrap(said.Family, 100, ""))
	}
	list(&b, objectivesTitle(s), said.Objectives)
	list(&b, "Warnings", said.Warnings)
	return b.String()
}

// lasting is how long a visit is, if all are of one length.
func lasting(s *scenarios.Scenario) string {
	if s.Duration == 0 {
		return ""
	}
	return fmt.Sprintf(" of %v", s.Duration)
}

// Arrivals says how calls follow one another, and in which kind of loop.
func Arrivals(s *scenarios.Scenario) string {
	if s.Closed {
		return "CLOSED LOOP: the load follows the target"
	}
	var kinds []string
	for _, l := range s.Levels() {
		kind := "replayed"
		if load := s.LoadOf(l); load.Replay.Path == "" {
			kind = load.Process.String()
		}
		if !slices.Contains(kinds, kind) {
			kinds = append(kinds, kind)
		}
	}
	return strings.Join(kinds, " and ") + " arrivals, open loop"
}

// measured is how many visits were measured to their end.
func measured(run *results.Run) (n int) {
	for _, v := range run.Visits {
		if v.Usable() {
			n++
		}
	}
	return n
}

// Title is the name of a scenario and what it is about.
func Title(s *scenarios.Scenario) string {
	if s.About == "" {
		return s.Name
	}
	return s.Name + ": " + s.About
}

func list(b *strings.Builder, title string, items []string) {
	if len(items) == 0 {
		return
	}
	b.WriteString("\n" + title + "\n\n")
	for _, item := range items {
		b.WriteString(wrap("- "+item, 100, "  "))
	}
}

// Files says where a run is, and how to go on with it.
func Files(run *results.Run, benchPath, jsonPath string) string {
	files := fmt.Sprintf("\nFiles\n\n  %s\n  %s\n", benchPath, jsonPath)
	if measured(run) == 0 {
		return files
	}
	dimension := dimension(run.Scenario)
	arms := run.Scenario.Arms(dimension)
	what := "Compare the arms"
	if len(arms) == 1 {
		what = "Read it"
	}
	return files + fmt.Sprintf(`
%s with benchstat:

  go run golang.org/x/perf/cmd/benchstat@latest -filter .name:Load -col '/%s@(%s)' %s
`, what, dimension, strings.Join(arms, " "), quoted(benchPath))
}

// quoted is a path as a shell takes it.
func quoted(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}

var plainPath = regexp.MustCompile(`^[A-Za-z0-9_./+-][A-Za-z0-9_./+:@%=-]*$`)

// warnings are what casts doubt on a run, and what to do about it.
func warnings(run *results.Run, contests []*comparison.Contest) []string {
	judged := comparison.Results(contests)
	cells := 0
	for _, r := range judged {
		cells = max(cells, r.Family)
	}
	few := fewRounds(run.Scenario.Rounds, cells)
	if warning := comparison.FewRounds(judged); len(few) == 0 && warning != "" {
		few = []string{warning + "."}
	}
	return slices.Concat(failures(run), unstable(run), verdicts(run), few, WarningsOf(callChecks(run.Scenario)))
}

// failures are visits that were not measured, and calls that failed.
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
			len(lost), Plural(len(run.Visits), "visit"), lost[0].Cell, lost[0].Round, first(lost[0].Error)))
	}
	if len(logged) > 0 {
		doubts = append(doubts, fmt.Sprintf("%s wrote to standard error. The first, %v in round %d: %s",
			Plural(len(logged), "visit"), logged[0].Cell, logged[0].Round, first(logged[0].Log)))
	}
	for _, k := range kinds(run.Visits) {
		doubts = append(doubts, k.String()+".")
	}
	return doubts
}

// first is the beginning of what a process said.
func first(s string) string {
	const lines = 8
	all := strings.Split(s, "\n")
	if len(all) <= lines {
		return s
	}
	return strings.Join(all[:lines], "\n") + "\n... (the rest is in " + results.JSONFile + ")"
}

// verdicts counts why visits are not valid. That a visit was interrupted is the
// status of the run.
func verdicts(run *results.Run) (doubts []string) {
	for _, r := range reasonsOf(run.Visits) {
		doubts = append(doubts, fmt.Sprintf("%s: %d of %s. The first, %v in round %d: %s.", r.Name, r.Visits,
			Plural(len(run.Visits), "visit"), r.cell, r.Round, r.Detail))
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
		of := map[string]string{}
		for _, r := range slices.Backward(v.Verdict) {
			of[r.Name] = r.Detail
		}
		for name, detail := range of {
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
// Its own line breaks stay. What a terminal might act on does not: some of it is
// what other programs said.
func wrap(s string, width int, indent string) string {
	var b strings.Builder
	s = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && !unicode.IsSpace(r) {
			return '?'
		}
		return r
	}, s)
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
