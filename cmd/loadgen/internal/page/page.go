// Package page draws a run as one HTML file, which needs nothing else: no network, and
// no script to be read. The same run makes the same bytes.
//
// Charts are SVG that the template draws from numbers; what comes from users is text
// in it, which html/template escapes.
package page

import (
	"bytes"
	_ "embed"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

//go:embed page.html
var text string

var page = template.Must(template.New("page").Parse(text))

// A document is all that the template shows.
type document struct {
	Title, Question, Answer string
	Partial                 string
	Family                  string // counts of verdicts
	Objectives, Warnings    []string
	Comparisons             []string
	Invalid                 string
	Facts                   [][2]string // of the run and its environment
	Scenario                string      // as a file that runs again
	File                    string      // what to call it
	Command                 string
	Overview                []*chart
	Levels                  []section
	Estimators              []*chart
}

// A section is the charts of a level of load.
type section struct {
	Title        string
	Main         []*chart
	Parts, Times []*chart
	Note         string
}

// Write writes the page of a run and of its comparisons, which tells the noise floor of
// the machine if that is known.
func Write(w io.Writer, run *results.Run, contests []*comparison.Contest, noise string) error {
	d, err := compose(run, contests)
	if err != nil {
		return err
	}
	if noise != "" {
		d.Facts = append(d.Facts, [2]string{"Noise", noise})
	}
	var b bytes.Buffer
	if err := page.Execute(&b, d); err != nil {
		return fmt.Errorf("page: %w", err)
	}
	_, err = w.Write(b.Bytes())
	return err
}

func compose(run *results.Run, judged []*comparison.Contest) (*document, error) {
	s := run.Scenario
	scenario, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	said := report.SentencesOf(run, judged)
	d := &document{
		Title: s.Name, Question: s.About,
		Objectives: said.Objectives, Warnings: said.Warnings, Comparisons: said.Comparisons, Family: said.Family,
		Facts: facts(run), Scenario: string(scenario), File: "scenario.yaml", Command: "loadgen run scenario.yaml",
	}
	if d.Question == "" {
		d.Question = "How " + s.Target + " does under load."
	}
	usable, doubted := 0, 0
	for _, v := range run.Visits {
		if v.Usable() {
			usable++
			if len(v.Verdict) > 0 {
				doubted++
			}
		}
	}
	if run.Status != results.Complete || usable < s.Visits() {
		d.Partial = fmt.Sprintf("%d of %s were measured to their end: what follows rests on these.", usable,
			report.Plural(s.Visits(), "visit"))
		if run.Status != results.Complete {
			d.Partial = "The run was interrupted. " + d.Partial
		}
	}
	all := cells(run)
	contests := contestsOf(run, judged)
	d.Answer = answer(run, judged, said, usable)
	if usable == 0 {
		return d, nil
	}
	d.Invalid = fmt.Sprintf("%d of %s are valid without a doubt.", usable-doubted, report.Plural(usable, "visit"))
	for i, c := range contests {
		d.Overview = append(d.Overview, forest(fmt.Sprintf("forest-%d", i), c))
	}
	d.Overview = append(d.Overview, rates(all)...)
	d.Levels = sections(run, all, contests)
	d.Estimators = estimatorCharts(run, all)
	return d, nil
}

// answer is the answer in a sentence: of the first comparison at the last level, which
// is the highest rate in scenarios that go up.
func answer(run *results.Run, contests []*comparison.Contest, said report.Sentences, usable int) string {
	if usable == 0 {
		return "There is no answer: no visit was measured to its end."
	}
	levels := run.Scenario.Levels()
	for i, sentence := range said.Comparisons {
		if c := contests[i]; c.Pair == contests[0].Pair && c.CellA.Level == levels[len(levels)-1] {
			return sentence
		}
	}
	return "The scenario compares nothing: the charts show what was measured."
}

// sections are those of all levels.
func sections(run *results.Run, all []*cell, contests []*contest) (list []section) {
	for i, l := range run.Scenario.Levels() {
		level := at(all, l)
		s := section{Title: report.Load(l)}
		id := fmt.Sprintf("level-%d-", i)
		s.Main = append(s.Main, percentiles(id+"percentiles", level))
		for k, c := range contests {
			s.Main = append(s.Main, strip(fmt.Sprintf("%sstrip-%d", id, k), c, c.of(l)))
		}
		timed := false
		for k, v := range level {
			if len(v.visits) == 0 {
				s.Note += fmt.Sprintf(" %s was not measured at %s.", v.name, s.Title)
				continue
			}
			s.Parts = append(s.Parts, parts(fmt.Sprintf("%sparts-%d", id, k), v))
			c := windows(fmt.Sprintf("%stime-%d", id, k), v)
			timed = timed || c.Missing == ""
			s.Times = append(s.Times, c)
		}
		if !timed {
			s.Note += " There are no charts over time: the run has no windows of time."
			s.Times = nil
		}
		s.Note = strings.TrimSpace(s.Note)
		list = append(list, s)
	}
	return list
}

// facts are where and how the run was made.
func facts(run *results.Run) (all [][2]string) {
	s, e := run.Scenario, &run.Environment
	add := func(name, value string) {
		if value != "" {
			all = append(all, [2]string{name, value})
		}
	}
	began := ""
	if !run.Began.IsZero() {
		began = run.Began.UTC().Format(time.RFC3339)
	}
	rounds := report.Plural(s.Rounds, "round")
	if s.Duration > 0 {
		rounds += fmt.Sprintf(" of %v", s.Duration)
	}
	add("began", began)
	add("rounds", rounds+", in random order")
	add("arrivals", report.Arrivals(s))
	add("seed", fmt.Sprint(s.Seed))
	add("Go", e.GoVersion)
	add("system", strings.TrimSpace(e.GOOS+"/"+e.GOARCH+" "+e.Kernel))
	add("CPU", e.CPU)
	add("processors", fmt.Sprintf("%d, GOMAXPROCS=%d", e.NumCPU, e.GOMAXPROCS))
	add("GOGC", e.GOGC)
	add("GOMEMLIMIT", e.GOMEMLIMIT)
	add("loadgen", strings.TrimSpace(e.Version+" "+e.Commit))
	return all
}
