// Package page draws a run as one HTML file that needs nothing else: it loads nothing over the network,
// and can be read without scripts. The same run yields the same bytes.
//
// The template draws charts as SVG from numbers. html/template escapes the text of users.
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

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

//go:embed page.html
var text string

var page = template.Must(template.New("page").Parse(text))

// A document holds what the template shows.
type document struct {
	Title, Question, Answer string
	Partial                 string
	Family                  string // numbers of verdicts
	Objectives, Warnings    []string
	Comparisons             []string
	Invalid                 string
	Facts                   [][2]string // about the run and its environment
	Scenario                string      // as a file that can be run again
	File                    string      // name of that file
	Command                 string
	Overview                []*chart
	Levels                  []section
	Estimators              []*chart
}

// A section holds the charts of a level of load.
type section struct {
	Title        string
	Main         []*chart
	Parts, Times []*chart
	Note         string
}

// Write writes the page of a run and its comparisons. Noise is a sentence about the noise floor of the machine, or "".
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

// compose returns the document of a run.
func compose(run *results.Run, judged []*comparison.Contest) (*document, error) {
	s := run.Scenario
	scenario, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	sentences := report.SentencesOf(run, judged)
	d := &document{
		Title: s.Name, Question: s.About,
		Objectives: sentences.Objectives, Warnings: sentences.Warnings, Comparisons: sentences.Comparisons,
		Family: sentences.Family,
		Facts:  facts(run), Scenario: string(scenario), File: "scenario.yaml", Command: "loadgen run scenario.yaml",
	}
	if d.Question == "" {
		d.Question = "Measures " + strings.Join(s.Arms(scenarios.Target), " and ") + " under load."
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
		d.Partial = fmt.Sprintf("%d of %s were completed. The results below use only these.", usable,
			format.Plural(s.Visits(), "visit"))
		if run.Status != results.Complete {
			d.Partial = "The run was interrupted. " + d.Partial
		}
	}
	measured := cells(run)
	contests := contestsOf(run, judged)
	d.Answer = answer(run, judged, sentences, usable)
	if usable == 0 {
		return d, nil
	}
	d.Invalid = fmt.Sprintf("%d of %s are valid.", usable-doubted, format.Plural(usable, "visit"))
	for i, c := range contests {
		d.Overview = append(d.Overview, forest(fmt.Sprintf("forest-%d", i), c))
	}
	d.Overview = append(d.Overview, rates(measured)...)
	d.Levels = sections(run, measured, contests)
	d.Estimators = estimatorCharts(run, measured)
	return d, nil
}

// answer returns the answer in one sentence: the first comparison at the last level, which is the highest rate if the
// rates of the scenario ascend.
func answer(run *results.Run, contests []*comparison.Contest, sentences report.Sentences, usable int) string {
	if usable == 0 {
		return "There is no answer: no visit was completed."
	}
	levels := run.Scenario.Levels()
	for i, sentence := range sentences.Comparisons {
		if c := contests[i]; c.Pair == contests[0].Pair && c.CellA.Level == levels[len(levels)-1] {
			return sentence
		}
	}
	return "The scenario compares nothing: the charts show what was measured."
}

// sections returns the sections of all levels.
func sections(run *results.Run, cells []*cell, contests []*contest) (list []section) {
	for i, l := range run.Scenario.Levels() {
		level := at(cells, l)
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

// facts returns where and how the run was made.
func facts(run *results.Run) (list [][2]string) {
	s, e := run.Scenario, &run.Environment
	add := func(name, value string) {
		if value != "" {
			list = append(list, [2]string{name, value})
		}
	}
	began := ""
	if !run.Began.IsZero() {
		began = run.Began.UTC().Format(time.RFC3339)
	}
	rounds := format.Plural(s.Rounds, "round")
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
	return list
}
