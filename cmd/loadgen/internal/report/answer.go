package report

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An Answer is what a run shows, what makes it doubtful, and what to do next.
type Answer struct {
	Leads  []string // what a reader must see before the answer, a sentence each
	Text   string   // sentences; it begins with "NOT VALID: " if the run is not valid
	Valid  bool
	Doubts []Doubt
	Next   []Step
}

// A Doubt is a reason to doubt a run, and what would remove it.
type Doubt struct {
	Name     string // such as generator-limited
	Visits   uint64 // how many visits it is about, of how many; 0 if it is about the whole run
	Of       int
	Text     string // a clause
	Evidence string // what was seen in the first of the visits
	Remedy   string
}

// A Step is a command that would tell more.
type Step struct {
	Why     string
	Command []string
}

// Line returns the command as a shell reads it.
func (s *Step) Line() string {
	words := make([]string, len(s.Command))
	for i, word := range s.Command {
		words[i] = quoted(word)
	}
	return strings.Join(words, " ")
}

// A Place is where a run can be found again.
type Place struct {
	Program string // the command, such as loadgen
	Run     string // the directory of the run
}

// AnswerOf returns what a run shows.
func AnswerOf(run *results.Run, contests []*comparison.Contest, place Place) *Answer {
	a := &Answer{Valid: true}
	var usable []*results.Visit
	for _, v := range run.Visits {
		if v.Usable() {
			usable = append(usable, v)
		}
	}
	bad := 0
	for _, v := range usable {
		if len(v.Verdict) > 0 {
			bad++
		}
	}
	for _, r := range reasonsOf(run.Visits) {
		a.Doubts = append(a.Doubts, Doubt{Name: r.Name, Visits: r.Visits, Of: len(usable), Evidence: r.Detail,
			Text: fmt.Sprintf("%d of %s: %s", r.Visits, format.Plural(len(usable), "visit"), r.Name)})
	}
	for _, w := range run.Environment.Warnings {
		a.Doubts = append(a.Doubts, Doubt{Name: "machine", Text: w})
	}
	for _, c := range callChecks(run.Scenario) {
		if !c.Passed && c.Warning != "" {
			a.Next = append(a.Next, Step{c.Name, []string{place.Program, "run", place.Run, "--rounds",
				fmt.Sprint(2 * run.Scenario.Rounds)}})
		}
	}
	levels := run.Scenario.Levels()
	if len(levels) > 0 {
		a.Text = AnswerAt(run, contests, levels[len(levels)-1])
	}
	if len(usable) == 0 || bad == len(usable) {
		a.Valid, a.Text = false, "NOT VALID: "+fmt.Sprintf("%d of %s are valid", len(usable)-bad,
			format.Plural(run.Scenario.Visits(), "visit"))
	}
	return a
}

// AnswerAt returns what a run shows at one level of load.
func AnswerAt(run *results.Run, contests []*comparison.Contest, l scenarios.Level) string {
	i := slices.IndexFunc(contests, func(c *comparison.Contest) bool { return c.CellA.Level == l })
	if i < 0 {
		return fmt.Sprintf("%s was measured at %s", run.Scenario.Name, load(l))
	}
	c := contests[i]
	var parts []string
	for _, f := range mentioned(c) {
		if q := quantityOf(f.Unit); f.Verdict.Differs() && len(parts) < 2 {
			parts = append(parts, q.difference(f))
		}
	}
	if len(parts) == 0 {
		return fmt.Sprintf("No difference between %s and %s is shown at %s", c.A, c.B, load(l))
	}
	return fmt.Sprintf("%s takes %s than %s at %s", c.A, strings.Join(parts, ", "), c.B, load(l))
}
