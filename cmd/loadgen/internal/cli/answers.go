package cli

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// The formats of run and plan, and those of show and scenarios, whose answer has rows.
var (
	runFormats      = []string{formatText, formatJSON}
	planningFormats = []string{formatText, formatJSON}
	tableFormats    = []string{formatText, formatJSON, formatTSV}
)

// printRun writes what there is to say of a run.
func printRun(w io.Writer, as string, run *results.Run, contests []*comparison.Contest) error {
	text := ""
	switch d := report.NewDocument(run, contests); as {
	case formatJSON:
		return printJSON(w, d)
	case formatTSV:
		text = format.TSV(d.Rows())
	default:
		text = report.Text(run, contests)
	}
	_, err := io.WriteString(w, text)
	return err
}

// printRun writes what there is to say of a run that has just been made, where its files are, and how to go on.
func (o *runOptions) printRun(run *results.Run, contests []*comparison.Contest, w *results.Writer,
	profiles string) error {
	if o.format != formatJSON {
		_, err := fmt.Fprint(o.stdout, report.Text(run, contests), report.Files(run, w.BenchPath(), w.JSONPath()),
			profiles)
		return err
	}
	d := report.NewDocument(run, contests)
	d.Files = &report.FilesDocument{Bench: w.BenchPath(), JSON: w.JSONPath()}
	if profiles != "" {
		d.Files.Profiles = profilesIn(filepath.Dir(w.JSONPath()))
	}
	return printJSON(o.stdout, d)
}

// profilesIn is the directory of the profiles of a run.
func profilesIn(out string) string { return filepath.Join(out, "profiles") }

// A comparedDocument is a comparison with a revision.
type comparedDocument struct {
	*gate.Report
	Interrupted bool      `json:"interrupted"` // not all rounds were made
	Files       sideFiles `json:"files"`
	// Confirmation is the comparison of what regressed in this one, measured again: it decides how the command ends.
	Confirmation *comparedDocument `json:"confirmation,omitempty"`
}

// sideFiles are what was measured of both sides.
type sideFiles struct {
	Base string `json:"base"`
	Head string `json:"head"`
}

// finish writes the comparisons that were kept for JSON, and returns the error that the command ends with.
func (o *runOptions) finish(ended error) error {
	if len(o.compared) == 0 {
		return ended
	}
	first := &o.compared[0]
	last := &o.compared[len(o.compared)-1]
	last.Interrupted = interrupted(ended)
	if last != first {
		first.Confirmation = last
	}
	return cmp.Or(unusable(printJSON(o.stdout, first)), ended)
}

// A planDocument is what a scenario would run.
type planDocument struct {
	Schema   int                 `json:"schema"`
	Scenario *scenarios.Scenario `json:"scenario"`
	Cells    []plannedCell       `json:"cells"`
	Rounds   int                 `json:"rounds"`
	Visits   int                 `json:"visits"`
	Wall     time.Duration       `json:"wall_ns"` // about
	Workers  int                 `json:"workers"` // on this machine
	Checks   []report.Check      `json:"checks"`
	Warnings []string            `json:"warnings"`
}

// A plannedCell is what visits of a cell would do. Calls of a closed loop are not known, and nil.
type plannedCell struct {
	Name          string         `json:"name"`
	Cell          scenarios.Cell `json:"cell"`
	Visit         time.Duration  `json:"visit_ns"`
	Warmup        time.Duration  `json:"warmup_ns"` // before each visit
	CallsPerVisit *uint64        `json:"calls_per_visit"`
	Calls         *uint64        `json:"calls"`
	Percentiles   []string       `json:"percentiles"` // that every visit can state
}

// Schemas of the answers of plan and scenarios.
const (
	planSchema      = 1
	scenariosSchema = 1
)

func newPlanDocument(s *scenarios.Scenario) *planDocument {
	d := &planDocument{Schema: planSchema, Scenario: s, Rounds: s.Rounds, Visits: s.Visits(), Wall: s.Wall(),
		Workers: workers(s), Checks: planChecks(s)}
	d.Warnings = append([]string{}, report.WarningsOf(d.Checks)...)
	for _, c := range s.Cells() {
		p := plannedCell{Name: c.String(), Cell: c, Visit: s.Length(c.Level), Warmup: s.Warmup,
			Percentiles: []string{}}
		if !s.Closed {
			n := s.Calls(c.Level)
			all := n * uint64(s.Rounds)
			p.CallsPerVisit, p.Calls = &n, &all
			for _, q := range statable(s.Surely(c.Level)) {
				p.Percentiles = append(p.Percentiles, results.PercentileKey(q))
			}
		}
		d.Cells = append(d.Cells, p)
	}
	return d
}

// A scenariosDocument is what the program can run.
type scenariosDocument struct {
	Schema    int              `json:"schema"`
	Targets   []listedTarget   `json:"targets"` // of the program's own
	Scenarios []listedScenario `json:"scenarios"`
}

// A listedTarget is a target of the program's own.
type listedTarget struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// A listedScenario is a scenario that is part of the program.
type listedScenario struct {
	Name   string        `json:"name"`
	About  string        `json:"about"`
	Cells  int           `json:"cells"`
	Rounds int           `json:"rounds"`
	Visits int           `json:"visits"`
	Wall   time.Duration `json:"wall_ns"` // about
}

// A fieldsDocument is what the file of a scenario may say.
type fieldsDocument struct {
	Schema int           `json:"schema"`
	Fields []listedField `json:"fields"`
}

// A listedField is a field of a scenario.
type listedField struct {
	Key     string   `json:"key"`
	Takes   string   `json:"takes"`
	Values  []string `json:"values"` // if it takes none but these
	List    bool     `json:"list"`   // it takes several
	Default string   `json:"default"`
	About   string   `json:"about"`
}

// printScenarios writes the scenarios, or the fields of one, for programs.
func printScenarios(w io.Writer, as string, own targets, fields bool) error {
	var document any
	var rows [][]string
	var err error
	if fields {
		document, rows = listFields()
	} else if document, rows, err = listScenarios(own); err != nil {
		return err
	}
	if as == formatJSON {
		return printJSON(w, document)
	}
	_, err = io.WriteString(w, format.TSV(rows))
	return err
}

func listFields() (d fieldsDocument, rows [][]string) {
	d, rows = fieldsDocument{Schema: scenariosSchema}, [][]string{{"key", "takes", "default", "about"}}
	for _, f := range scenarios.Fields() {
		d.Fields = append(d.Fields, listedField{f.Key, f.Want, append([]string{}, f.Values()...), f.List, f.Default,
			f.About})
		rows = append(rows, []string{f.Key, f.Want, f.Default, f.About})
	}
	return d, rows
}

func listScenarios(own targets) (d scenariosDocument, rows [][]string, err error) {
	d = scenariosDocument{Schema: scenariosSchema, Targets: []listedTarget{}}
	rows = [][]string{{"kind", "name", "cells", "rounds", "visits", "wall_ns", "about"}}
	for _, t := range own {
		l := listedTarget{t.Name, t.about()}
		d.Targets = append(d.Targets, l)
		rows = append(rows, []string{"target", l.Name, "", "", "", "", l.About})
	}
	for _, name := range scenarios.Names() {
		s, err := scenarios.Load(name)
		if err != nil {
			return d, nil, err
		}
		l := listedScenario{name, s.About, len(s.Cells()), s.Rounds, s.Visits(), s.Wall()}
		d.Scenarios = append(d.Scenarios, l)
		rows = append(rows, []string{"scenario", l.Name, fmt.Sprint(l.Cells), fmt.Sprint(l.Rounds),
			fmt.Sprint(l.Visits), fmt.Sprint(int64(l.Wall)), l.About})
	}
	return d, rows, nil
}
