package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Step is something to do next.
type Step struct {
	Why     string   `json:"why"`
	Command []string `json:"command"` // arguments, the first of which is the program
}

// Line returns the command as a shell reads it.
func (s *Step) Line() string {
	words := make([]string, len(s.Command))
	for i, word := range s.Command {
		words[i] = format.Quoted(word)
	}
	return strings.Join(words, " ")
}

// A Place is where a run is read.
type Place struct {
	Program string // the command, such as loadgen
	Run     string // the directory of the run
	Exit    int    // the exit code of the command
}

// nextOf returns what to do after a run, the most useful first.
func nextOf(run *results.Run, contests []*comparison.Contest, place Place) (steps []Step) {
	s := run.Scenario
	what := subject(s, place)
	again := func(why string, flags ...string) {
		steps = append(steps, Step{why, append([]string{place.Program, "run", what}, flags...)})
	}
	if !valid(run) {
		steps = append(steps, Step{"what this machine can do", []string{place.Program, "selftest", "--quick"}})
	}
	none := measured(run) == 0
	if run.Status != results.Complete || none {
		again("all of it, again")
	}
	if none { // no number of it says what would be better
		return steps
	}
	for _, l := range s.Levels() {
		if l.Load != "" || l.Closed() {
			continue
		}
		for _, q := range []float64{0.99, 0.999} {
			need := quantile.SamplesFor(q)
			if d := s.Arrivals.Lasting(need, l.QPS.Float()); s.Surely(l) < need && d <= scenarios.MaxDuration {
				again(fmt.Sprintf("%s at %s", record.PercentileName(q), load(l)), "--qps", l.QPS.String(),
					"--duration", d.String())
				break
			}
		}
	}
	if open, rounds := notShown(contests), max(2*s.Rounds, comparison.Need(familyOf(contests), true)); open > 0 {
		again(notShownYet(open), "--rounds", fmt.Sprint(rounds))
	}
	if len(contests) == 0 && len(armsOf(s)) == 1 && (!s.CallsService() || s.Service != nil && s.Service.Build != "") {
		again("whether it is slower than the main branch", "--compare", "main")
	}
	objectives := "p99<5ms, errors<0.1%"
	if len(s.SLOs) > 0 {
		var all []string
		for _, o := range s.SLOs {
			all = append(all, o.String())
		}
		objectives = strings.Join(all, ", ")
	}
	if !s.HasClosed() && !slices.ContainsFunc(s.Levels(), func(l scenarios.Level) bool { return l.Load != "" }) {
		steps = append(steps, Step{"how much it can carry",
			[]string{place.Program, "capacity", what, "--slo", objectives}})
	}
	return steps
}

// subject returns what a command is to be given to run a scenario again: its name, if it is an embedded one as it
// stands, or the run.
func subject(s *scenarios.Scenario, place Place) string {
	embedded, err := scenarios.Load(s.Name)
	if err != nil || !slices.Contains(scenarios.Names(), s.Name) {
		return place.Run
	}
	embedded.Seed = s.Seed
	a, errA := json.Marshal(embedded)
	b, errB := json.Marshal(s)
	if errors.Join(errA, errB) != nil || !bytes.Equal(a, b) {
		return place.Run
	}
	return s.Name
}

// notShownYet returns that more rounds may show something.
func notShownYet(n int) string {
	if n == 1 {
		return "1 number is not shown"
	}
	return format.Plural(n, "number") + " are not shown"
}

// notShown returns the number of figures that could not be decided.
func notShown(contests []*comparison.Contest) (n int) {
	for _, r := range comparison.Results(contests) {
		if r.Verdict == comparison.Inconclusive && r.Incomparable == "" {
			n++
		}
	}
	return n
}

// familyOf returns the number of figures that were judged together.
func familyOf(contests []*comparison.Contest) (n int) {
	for _, r := range comparison.Results(contests) {
		n = max(n, r.Family)
	}
	return n
}
