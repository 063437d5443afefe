package report

import (
	"math"
	"time"

	"golang.org/x/perf/benchmath"
	"gonum.org/v1/gonum/stat"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// schema is the version of a [Document]. Fields are added to it, and never change under one schema.
const schema = 1

// A Document is what Text says of a run, for programs. results/README.md describes it. What is not known, cannot be
// stated or is infinite is nil.
type Document struct {
	Schema      int                        `json:"schema"`
	Kind        string                     `json:"kind"` // run
	Answer      *Answer                    `json:"answer"`
	Doubts      []Doubt                    `json:"doubts"` // what may make the answer wrong
	Next        []Step                     `json:"next"`   // what to do next
	Status      results.Status             `json:"status"`
	Began       time.Time                  `json:"began"`
	Scenario    *scenarios.Scenario        `json:"scenario"`
	Environment results.Environment        `json:"environment"`
	Visits      visitCounts                `json:"visits"`
	Cells       []cellDocument             `json:"cells"`
	Estimators  *estimators                `json:"estimators,omitempty"`
	Comparisons []contestDocument          `json:"comparisons"`
	Counts      map[comparison.Verdict]int `json:"counts"` // of the cells of all comparisons
	Warnings    []string                   `json:"warnings"`
	// Files are where the run is, if it has just been made.
	Files *FilesDocument `json:"files,omitempty"`
}

// A FilesDocument is where the files of a run are.
type FilesDocument struct {
	Bench    string `json:"run_bench"`
	JSON     string `json:"run_json"`
	Profiles string `json:"profiles,omitempty"` // their directory
}

// visitCounts are numbers of visits.
type visitCounts struct {
	Planned  int `json:"planned"`
	Measured int `json:"measured"`  // to their end
	NotValid int `json:"not_valid"` // of those measured
	Failed   int `json:"failed"`    // nothing was measured
}

func (n *visitCounts) add(v *results.Visit) {
	switch {
	case v.Error != "":
		n.Failed++
	case v.Usable():
		n.Measured++
		if len(v.Verdict) > 0 {
			n.NotValid++
		}
	}
}

// A cellDocument is what the visits of one cell measured.
type cellDocument struct {
	Name   string         `json:"name"`
	Cell   scenarios.Cell `json:"cell"`
	Visits visitCounts    `json:"visits"`
	// Valid says that all visits were measured, and are valid. Verdict has the reasons of those that are not.
	Valid   bool     `json:"valid"`
	Verdict []reason `json:"verdict"`
	Calls   calls    `json:"calls"`
	// Percentiles are medians over rounds, but those of failed calls are of all visits together, and max is the
	// longest.
	Percentiles results.Summaries   `json:"percentiles"`
	Infinite    []string            `json:"infinite"` // percentiles of latency that are null for that reason
	Figures     []figure            `json:"figures"`
	Runtime     *runtimeView        `json:"runtime"`
	Tail        *tail               `json:"tail"`
	Failures    []failure           `json:"failures"`
	Objectives  []objectiveDocument `json:"objectives"`
}

// calls are those of all visits of a cell.
type calls struct {
	Offered uint64 `json:"offered"`
	Done    uint64 `json:"done"`
	Failed  uint64 `json:"failed"`
	Dropped uint64 `json:"dropped"`
	Missed  uint64 `json:"missed"`
}

// A figure is the median over rounds of one of results.Units, with its 95% interval if there are rounds enough for
// one, and the mean with the standard deviation of the rounds, which is nil for one round.
type figure struct {
	Unit   string   `json:"unit"`
	Median *float64 `json:"median"`
	Low    *float64 `json:"low"`
	High   *float64 `json:"high"`
	Mean   *float64 `json:"mean"`
	StdDev *float64 `json:"std_dev"`
	Rounds int      `json:"rounds"`
}

// A failure is how many calls failed of one kind, and where if they panicked.
type failure struct {
	Kind  string `json:"kind"`
	Count uint64 `json:"count"`
	Place string `json:"place,omitempty"`
}

// An objectiveDocument is what became of an objective over the visits of a cell.
type objectiveDocument struct {
	SLO      string           `json:"slo"`
	Outcome  results.Outcome  `json:"outcome"`
	Visits   int              `json:"visits"`
	Judged   int              `json:"judged"`
	Held     int              `json:"held"`
	Together record.SLOResult `json:"together"` // of the calls of all visits that were judged
	Example  string           `json:"example,omitempty"`
}

// A contestDocument is one comparison, as text says it and as the gate has it.
type contestDocument struct {
	Name      string       `json:"name"`
	Dimension string       `json:"dimension"`
	Base      string       `json:"base"` // name of the cell
	Head      string       `json:"head"`
	Rounds    int          `json:"rounds"`
	Doubt     doubt        `json:"doubt"`
	Text      string       `json:"text"`
	Cells     []*gate.Cell `json:"cells"`
}

// NewDocument returns what there is to say of a run and of its comparisons.
func NewDocument(run *results.Run, contests []*comparison.Contest, place Place) *Document {
	all, said := views(run), SentencesOf(run, contests)
	d := &Document{Schema: schema, Kind: "run", Status: run.Status, Began: run.Began, Scenario: run.Scenario,
		Environment: run.Environment, Visits: visitCounts{Planned: run.Scenario.Visits()},
		Comparisons: []contestDocument{}, Counts: map[comparison.Verdict]int{},
		Warnings: append([]string{}, said.Warnings...)}
	d.Answer = AnswerOf(run, contests, place)
	d.Doubts, d.Next = append([]Doubt{}, d.Answer.Doubts...), append([]Step{}, d.Answer.Next...)
	for _, v := range run.Visits {
		d.Visits.add(v)
	}
	objectives := results.Objectives(run)
	for _, v := range all {
		d.Cells = append(d.Cells, v.document(run, objectives))
	}
	if len(run.Scenario.Arms(scenarios.Quantile)) > 0 && measured(run) > 0 {
		d.Estimators = estimatorsOf(run, all)
	}
	for i, text := range said.Comparisons {
		c := contests[i]
		of := contestDocument{Name: c.Name, Dimension: c.Dimension, Base: results.CellName(c.CellB),
			Head:   results.CellName(c.CellA),
			Rounds: len(c.Rounds), Doubt: doubtOf(find(all, c.CellB), find(all, c.CellA)), Text: text,
			Cells: gate.CellsOf(c)}
		for _, cell := range of.Cells {
			d.Counts[cell.Verdict]++
		}
		d.Comparisons = append(d.Comparisons, of)
	}
	return d
}

func (v *view) document(run *results.Run, objectives []results.Objective) cellDocument {
	d := cellDocument{Name: results.CellName(v.cell), Cell: v.cell, Visits: visitCounts{Planned: run.Scenario.Rounds},
		Verdict: reasonsOf(v.visits), Calls: v.calls(), Figures: v.figures(), Tail: v.tail(), Failures: []failure{},
		Objectives: []objectiveDocument{}}
	var visits []*results.Visit // those that ended early, too
	for _, visit := range run.Visits {
		if visit.Cell == v.cell {
			d.Visits.add(visit)
			visits = append(visits, visit)
		}
	}
	d.Valid = d.Visits.Measured == d.Visits.Planned && d.Visits.NotValid == 0
	d.Percentiles, d.Infinite = v.summaries()
	if len(v.visits) > 0 {
		d.Runtime = v.runtime()
	}
	for _, k := range kinds(visits) {
		d.Failures = append(d.Failures, failure{k.name, k.calls, k.place})
	}
	for _, o := range objectives {
		if o.Cell == v.cell {
			d.Objectives = append(d.Objectives, objectiveDocument{o.SLO.String(), o.Outcome, o.Visits, o.Judged,
				o.Held, o.Together, o.Example})
		}
	}
	return d
}

func (v *view) calls() (c calls) {
	for _, visit := range v.visits {
		r := visit.Record
		c.Offered, c.Done, c.Failed = c.Offered+r.Offered, c.Done+r.Done, c.Failed+r.Failed
		c.Dropped, c.Missed = c.Dropped+r.Dropped, c.Missed+r.Missed
	}
	return c
}

// summaries returns the percentiles of the cell, and the names of those of latency that are infinite.
func (v *view) summaries() (s results.Summaries, infinite []string) {
	infinite = []string{}
	latency := func(to **float64, name string, ns float64) {
		switch {
		case math.IsInf(ns, 1):
			infinite = append(infinite, name)
		case !math.IsNaN(ns):
			*to = &ns
		}
	}
	for _, q := range results.Percentiles() {
		latency(s.Latency.Percentile(q), results.PercentileKey(q), v.latency(q))
	}
	if ns := v.longest(); v.calls().Done > 0 || math.IsInf(ns, 1) {
		latency(&s.Latency.Max, "max", ns)
	}
	var all []*results.Summaries
	for _, visit := range v.visits {
		all = append(all, visit.Summaries())
	}
	s.Service = median(all, func(s *results.Summaries) *results.Summary { return &s.Service })
	s.Queue = median(all, func(s *results.Summaries) *results.Summary { return &s.Queue })
	s.Generator = median(all, func(s *results.Summaries) *results.Summary { return &s.Generator })
	if failed, err := v.failedLatency(); err == nil {
		s.Failed = results.Summarize(failed)
	}
	return s, infinite
}

// median returns medians over visits of the percentiles that all of them state, and the longest of all.
func median(all []*results.Summaries, of func(*results.Summaries) *results.Summary) (m results.Summary) {
	for _, q := range results.Percentiles() {
		var values []float64
		for _, s := range all {
			if x := *of(s).Percentile(q); x != nil {
				values = append(values, *x)
			}
		}
		if len(values) == len(all) {
			*m.Percentile(q) = medianOf(values)
		}
	}
	for _, s := range all {
		if x := of(s).Max; x != nil && (m.Max == nil || *x > *m.Max) {
			m.Max = x
		}
	}
	return m
}

// failedLatency returns the latencies of the failed calls of all visits.
func (v *view) failedLatency() (*quantile.HDR, error) {
	latency := quantile.NewHDR()
	for _, visit := range v.visits {
		if err := latency.Merge(visit.Record.FailedLatency); err != nil {
			return nil, err
		}
	}
	return latency, nil
}

// figures returns the units that every visit of the cell states.
func (v *view) figures() []figure {
	values := map[string][]float64{}
	for _, visit := range v.visits {
		for _, m := range visit.Measurements() {
			values[m.Unit] = append(values[m.Unit], m.Value)
		}
	}
	all := []figure{}
	for _, u := range results.Units() {
		if n := len(values[u.Name]); n > 0 && n == len(v.visits) {
			mean, deviation := stat.MeanStdDev(values[u.Name], nil)
			f := figure{Unit: u.Name, Median: medianOf(values[u.Name]), Mean: finite(mean), StdDev: finite(deviation),
				Rounds: n}
			s := benchmath.AssumeNothing.Summary(benchmath.NewSample(values[u.Name], &benchmath.DefaultThresholds),
				0.95)
			if !math.IsInf(s.Lo, 0) && !math.IsInf(s.Hi, 0) {
				f.Low, f.High = finite(s.Lo), finite(s.Hi)
			}
			all = append(all, f)
		}
	}
	return all
}

// finite returns x, or nil if it is NaN or infinite.
func finite(x float64) *float64 {
	if math.IsNaN(x) || math.IsInf(x, 0) {
		return nil
	}
	return &x
}
