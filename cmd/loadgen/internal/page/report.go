package page

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/buckets"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A reportPage holds what the template of a run shows.
type reportPage struct {
	head
	About, Partial         string
	Leads, MoreLeads       []string // what a reader must see before the answer
	Believe                []chip   // about the whole run
	Next                   []step
	Estimators             *estimatorView
	Buckets                *bucketView
	Numbers                table
	Contests               []contestTable
	Doubts                 []report.Doubt
	Sentences              report.Sentences
	Facts                  [][2]string // about the run and its environment
	Scenario               string      // as a file that can be run again
	Percentiles, FromWhere string
}

// A level holds what the page shows of one level of load.
type level struct {
	ID             int
	Name           string
	Selected       bool
	Answer, Others string // the first sentence, and the others
	Cards          []card
	Believe        []chip
	Curves         *plot
	Legend         table
	Costs          []*dots
	Forests        []*forest
	Rounds         []table // of the forests
	Heat           *heat
	Tail           *table
	Parts          table
	Intervals      table
	Note           string // what was not measured
	cells          []*cell
	changes        []*change // of the first comparison
	base, head     look      // of its sides
}

// Extras are what the page of a run shows besides the run.
type Extras struct {
	Noise     string          // a sentence about the noise floor of the machine, or ""
	Buckets   *buckets.Advice // the answer of loadgen buckets about the run; nil if there is none
	NoBuckets error           // why there is none
}

// Write writes the page of a run and its comparisons.
func Write(w io.Writer, run *results.Run, contests []*comparison.Contest, place report.Place, extras Extras) error {
	p, err := compose(run, contests, place)
	if err != nil {
		return err
	}
	if extras.Noise != "" {
		p.Facts = append(p.Facts, [2]string{"noise", extras.Noise})
	}
	p.Buckets = newBucketView(&extras, place)
	return write(w, "report.html", p)
}

// mostLeads is the number of sentences before the answer. The others are folded.
const mostLeads = 3

// compose returns the page of a run.
func compose(run *results.Run, contests []*comparison.Contest, place report.Place) (*reportPage, error) {
	s := run.Scenario
	scenario, err := json.MarshalIndent(s, "", "  ")
	if err != nil {
		return nil, fmt.Errorf("page: %w", err)
	}
	answer := report.AnswerOf(run, contests, place)
	p := &reportPage{About: s.About, Leads: answer.Leads, Doubts: answer.Doubts, Next: steps(answer.Next),
		Sentences: report.SentencesOf(run, contests), Facts: facts(run), Scenario: escaped(string(scenario))}
	if len(p.Leads) == 0 { // they say it
		p.Partial = partial(run)
	}
	if len(p.Leads) > mostLeads {
		p.Leads, p.MoreLeads = p.Leads[:mostLeads], p.Leads[mostLeads:]
	}
	if p.About == "" {
		p.About = "Measures " + strings.Join(s.Arms(scenarios.Target), " and ") + " under load."
	}
	all := cells(run)
	base, head := sides(s, contests)
	looks := looksOf(namesOf(all), base, head)
	for _, c := range all {
		c.look = looks[c.name]
	}
	p.FromWhere = ofWhich(all)
	p.head = headOf(run, base, head)
	p.levels(run, contests, all, answer, looks[base], looks[head])
	p.Believe = believe(run, answer)
	p.Contests = contestTables(run, contests, answer)
	p.Numbers = allNumbers(p.Levels)
	p.Estimators = estimatorsOf(run, all)
	return p, nil
}

// escaped writes the characters that a page does not show in the form of JSON.
func escaped(json string) string {
	return unreadable.ReplaceAllStringFunc(json, func(s string) string { return fmt.Sprintf(`\u%04x`, []rune(s)[0]) })
}

// levels sets what the page shows of each level. What stands side by side, or in one place at another level, has one
// scale.
func (p *reportPage) levels(run *results.Run, contests []*comparison.Contest, all []*cell, answer *report.Answer,
	base, head look) {
	levels := run.Scenario.Levels()
	chart, steps := newPercentileChart(all), newHeatSteps(longestOf(all))
	var ratios []float64
	for i, l := range levels {
		v := &level{ID: i, Name: report.Load(l), Selected: i == len(levels)-1, cells: at(all, l), base: base,
			head: head}
		text := micros(report.AnswerAt(run, contests, l))
		if !answer.Valid {
			text = answer.Text
		}
		v.Answer, v.Others = split(text)
		v.changes = firstChanges(run, contests, l, answer)
		for _, c := range contests {
			for _, x := range changesOf(c, answer, true) {
				ratios = append(ratios, x.ratios()...)
			}
		}
		p.Levels = append(p.Levels, v)
	}
	axis := ratioScale(ratios)
	for i, l := range levels {
		v := p.Levels[i]
		v.Cards = cardsOf(v)
		v.Believe = agree(v.changes)
		height := 270
		if len(v.cells) > 8 {
			height = 230
		}
		if !slices.ContainsFunc(v.cells, func(c *cell) bool { return len(c.visits) > 0 }) {
			v.Note = "Nothing was measured at " + v.Name + "."
			continue
		}
		v.Note = missing(v)
		v.Curves = chart.draw(v.cells, v.Name, height)
		v.Legend = legend(fmt.Sprintf("legend-%d", i), v.cells)
		v.Costs = costsOf(all, v.cells)
		v.Forests, v.Rounds = forestsOf(run, contests, l, axis, answer)
		v.Heat = heatOf(v.cells, steps)
		v.Tail, v.Parts, v.Intervals = tailOf(v.cells), partsOf(v.cells), intervalsOf(v.cells)
	}
}

// missing says which cells of a level were not measured.
func missing(l *level) string {
	var names []string
	for _, c := range l.cells {
		if len(c.visits) == 0 {
			names = append(names, c.name)
		}
	}
	if len(names) == 0 {
		return ""
	}
	return fmt.Sprintf("%s: not measured at %s.", format.And(names), l.Name)
}

// sides returns the names of the base and the head of the first comparison, or "".
func sides(s *scenarios.Scenario, contests []*comparison.Contest) (base, head string) {
	if len(contests) == 0 {
		return "", ""
	}
	return s.NameOf(contests[0].CellB), s.NameOf(contests[0].CellA)
}

// namesOf returns the names of arms, each of them once.
func namesOf(cells []*cell) (names []string) {
	for _, c := range cells {
		if !slices.Contains(names, c.name) {
			names = append(names, c.name)
		}
	}
	return names
}

// headOf returns the bar of the page of a run.
func headOf(run *results.Run, base, other string) head {
	s, e := run.Scenario, &run.Environment
	var parts []string
	if base != "" {
		parts = append(parts, other+" against "+base)
	}
	parts = append(parts, format.Plural(s.Rounds, "round"))
	if !run.Began.IsZero() {
		parts = append(parts, run.Began.UTC().Format("2 Jan 2006"))
	}
	if e.GoVersion != "" {
		parts = append(parts, e.GoVersion)
	}
	if e.NumCPU > 0 {
		parts = append(parts, format.Plural(e.NumCPU, "CPU"))
	}
	return head{Title: s.Name + ": loadgen report", Name: s.Name, Meta: strings.Join(parts, " · ")}
}

// partial returns how much of a run there is, or "" if it is whole.
func partial(run *results.Run) string {
	usable, planned := 0, run.Scenario.Visits()
	for _, v := range run.Visits {
		if v.Usable() {
			usable++
		}
	}
	if run.Status == results.Complete && usable == planned {
		return ""
	}
	text := fmt.Sprintf("%d of %s were completed. The results below use only these.", usable,
		format.Plural(planned, "visit"))
	if usable == 0 {
		text = "There is no answer: no visit was completed."
	}
	if run.Status != results.Complete {
		text = "The run was interrupted. " + text
	}
	return text
}

// forestsOf returns a chart and a table of the rounds of each comparison at a level.
func forestsOf(run *results.Run, contests []*comparison.Contest, l scenarios.Level, axis *scale,
	answer *report.Answer) (forests []*forest, tables []table) {
	for _, c := range contests {
		if c.CellA.Level != l {
			continue
		}
		title := fmt.Sprintf("%s against %s", c.A, c.B)
		if beside := c.Beside(run.Scenario); len(beside) > 0 {
			title += ", " + strings.Join(beside, ", ")
		}
		list := changesOf(c, answer, true)
		forests = append(forests, newForest(title, "", list, axis))
		if t := roundsTable(title, c, list); len(t.Rows) > 0 {
			tables = append(tables, t)
		}
	}
	return forests, tables
}

// roundsTable returns a table with a row for each round of a comparison, and a column for each change.
func roundsTable(title string, c *comparison.Contest, list []*change) table {
	t := table{Header: []string{title + ": round"}}
	by := map[int][]field{}
	for k, x := range list {
		t.Header = append(t.Header, x.name)
		f := c.Figure(x.unit)
		for i, round := range f.Rounds {
			if by[round] == nil {
				by[round] = fields(slices.Repeat([]string{format.None}, len(list))...)
			}
			if r := x.Head[i] / x.Base[i]; finite(r) {
				by[round][k].Text, _ = format.Changes(r-1, 0, 0)
			}
		}
	}
	for _, round := range c.Rounds {
		if by[round] != nil {
			t.Rows = append(t.Rows, line{Name: fmt.Sprint(round), Fields: by[round]})
		}
	}
	return t
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

// micros returns a sentence of the report with the unit of times as pages write it.
func micros(sentence string) string { return strings.ReplaceAll(sentence, " us ", " µs ") }
