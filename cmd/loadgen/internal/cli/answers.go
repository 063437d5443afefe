package cli

import (
	"cmp"
	"fmt"
	"io"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// The formats that commands accept. Commands whose answer is a table, such as show and scenarios, accept tableFormats.
var (
	runFormats      = []string{formatText, formatJSON}
	planningFormats = []string{formatText, formatJSON}
	tableFormats    = []string{formatText, formatJSON, formatTSV}
)

// A verbosity is how much text says.
type verbosity struct {
	detail
	verbose, quiet bool
}

// add adds the flags of a verbosity.
func (v *verbosity) add(cmd *cobra.Command) {
	v.detail.add(cmd)
	cmd.Flags().BoolVarP(&v.verbose, "verbose", "v", false, "Print the other comparisons and all warnings, too.")
	cmd.MarkFlagsMutuallyExclusive("all", "verbose")
	group(cmd, groupOutput, "verbose")
}

// text returns what a run shows, as long as the verbosity has it.
func (v *verbosity) text(run *results.Run, contests []*comparison.Contest, place report.Place,
	s *terminal.Screen) string {
	switch {
	case v.all:
		return report.Text(run, contests, place, s)
	case v.quiet:
		return report.Conclusion(run, contests, place, s)
	}
	return report.Brief(run, contests, place, s, v.verbose)
}

// printRun writes the report of a run in one of tableFormats.
func printRun(cmd *cobra.Command, as string, v verbosity, run *results.Run, contests []*comparison.Contest,
	dir string) error {
	w := cmd.OutOrStdout()
	place := report.Place{Program: cmd.Root().Name(), Run: format.Operand(dir)}
	switch d := report.NewDocument(run, contests, place); as {
	case formatJSON:
		return printJSON(w, d)
	case formatTSV:
		_, err := io.WriteString(w, format.TSV(d.Rows()))
		return err
	}
	s := screenOf(cmd, w)
	return s.Print(w, v.text(run, contests, place, s))
}

// printRun prints the report of a run that has just ended. The text profiles, which is printed last, describes the
// profiles of the run; it is "" if there are none.
func (o *runOptions) printRun(run *results.Run, contests []*comparison.Contest, w *results.Writer,
	profiles string, exit int) error {
	dir := filepath.Dir(w.JSONPath())
	place := report.Place{Program: o.program, Run: format.Operand(dir), Exit: exit}
	if o.format != formatJSON {
		return o.screen.Print(o.stdout, o.verbosity.text(run, contests, place, o.screen)+profiles)
	}
	d := report.NewDocument(run, contests, place)
	d.Files = &report.FilesDocument{Bench: w.BenchPath(), JSON: w.JSONPath()}
	if profiles != "" {
		d.Files.Profiles = profilesIn(dir)
	}
	return printJSON(o.stdout, d)
}

// profilesIn returns the directory for profiles of the run whose results are in the directory out.
func profilesIn(out string) string { return filepath.Join(out, "profiles") }

// A comparedDocument is the JSON form of a comparison with a revision.
type comparedDocument struct {
	*gate.Report
	Interrupted bool      `json:"interrupted"` // an interrupt ended the command
	Files       sideFiles `json:"files"`
	// Confirmation is a second measurement of the benchmarks that regressed in this one. It determines the exit code.
	Confirmation *comparedDocument `json:"confirmation,omitempty"`
}

// A sideFiles holds the paths of the result files of both sides.
type sideFiles struct {
	Base string `json:"base"`
	Head string `json:"head"`
}

// finish prints the comparisons in o.compared, if any, as one JSON document. It returns the error that the command
// ends with, which is ended unless printing fails.
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

// A planDocument is the JSON form of a plan: the visits that a scenario would make.
type planDocument struct {
	Schema   int                 `json:"schema"`
	Kind     string              `json:"kind"` // plan
	Scenario *scenarios.Scenario `json:"scenario"`
	Cells    []plannedCell       `json:"cells"`
	Rounds   int                 `json:"rounds"`
	Visits   int                 `json:"visits"`
	Wall     time.Duration       `json:"wall_ns"` // estimate
	Against  *string             `json:"against"` // revision with which each visit is made, too; nil for none
	Workers  int                 `json:"workers"` // number of workers on this machine
	Checks   []report.Check      `json:"checks"`
	Warnings []string            `json:"warnings"`
	// Answers are the first answers of a service; nil if it was not called.
	Answers []plannedAnswer `json:"answers"`
}

// A plannedAnswer is the first answer of a service to a kind of request.
type plannedAnswer struct {
	Request  string        `json:"request"`
	Method   string        `json:"method"`
	URL      string        `json:"url"`
	Status   *int          `json:"status"`   // of HTTP; nil if no answer came
	Code     *string       `json:"code"`     // of gRPC; the same
	Sent     *int          `json:"sent"`     // messages of gRPC
	Received *int          `json:"received"` // the same
	Bytes    *int          `json:"bytes"`    // size of the body, or of the messages received
	Took     time.Duration `json:"took_ns"`  // from the request to the end of the answer
	Error    *string       `json:"error"`    // why the answer is not as expected
}

// newPlannedAnswer returns the JSON form of an answer of a service.
func newPlannedAnswer(c scenarios.Called, a *visit.FirstAnswer) plannedAnswer {
	p := plannedAnswer{Request: a.Request}
	if h := a.HTTP; h != nil {
		p.Method, p.URL, p.Took = h.Method, h.URL, h.Took
		if h.Status > 0 {
			p.Status, p.Bytes = &h.Status, &h.Size
		}
	}
	if g := a.GRPC; g != nil {
		p.Method, p.URL, p.Took = g.Method, c.Address(), g.Took
		if code := a.Code(); code != "" {
			p.Code, p.Sent, p.Received, p.Bytes = &code, &g.Sent, &g.Received, &g.Size
		}
	}
	if a.Err != nil {
		text := a.Err.Error()
		p.Error = &text
	}
	return p
}

// A plannedCell holds what the visits of a cell would do. The numbers of calls are nil for a closed loop, since they
// are not known in advance.
type plannedCell struct {
	Name          string         `json:"name"`
	Cell          scenarios.Cell `json:"cell"`
	Visit         time.Duration  `json:"visit_ns"`
	Warmup        time.Duration  `json:"warmup_ns"` // duration before each visit
	CallsPerVisit *uint64        `json:"calls_per_visit"`
	Calls         *uint64        `json:"calls"`
	Percentiles   []string       `json:"percentiles"` // percentiles that nearly every visit has enough calls for
}

// Versions of the JSON documents of plan and scenarios.
const (
	planSchema      = 1
	scenariosSchema = 1
)

// newPlanDocument returns the plan of a scenario, whose service has been looked at if there is one.
func newPlanDocument(s *scenarios.Scenario, look *firstLook) *planDocument {
	d := &planDocument{Schema: planSchema, Kind: "plan", Scenario: s, Rounds: s.Rounds,
		Visits: look.sides() * s.Visits(), Wall: time.Duration(look.sides()) * s.Wall(), Workers: workers(s),
		Checks: planChecks(s)}
	if look.against != "" {
		d.Against = &look.against
	}
	d.Warnings = append([]string{}, report.WarningsOf(d.Checks)...)
	for i := range look.needs {
		d.Checks = append(d.Checks, look.needs[i].Check())
	}
	for i := range look.answers {
		d.Answers = append(d.Answers, newPlannedAnswer(s.Called(), &look.answers[i]))
	}
	for _, c := range s.Cells() {
		p := plannedCell{Name: results.CellName(c), Cell: c, Visit: s.Length(c.Level), Warmup: s.Warmup,
			Percentiles: []string{}}
		if !c.Closed() {
			n := s.Calls(c.Level)
			all := n * uint64(s.Rounds*look.sides())
			p.CallsPerVisit, p.Calls = &n, &all
			for _, q := range statable(s.Surely(c.Level)) {
				p.Percentiles = append(p.Percentiles, results.PercentileKey(q))
			}
		}
		d.Cells = append(d.Cells, p)
	}
	return d
}

// A scenariosDocument is the JSON form of the targets and scenarios that the program can run.
type scenariosDocument struct {
	Schema    int              `json:"schema"`
	Kind      string           `json:"kind"`    // scenarios
	Targets   []listedTarget   `json:"targets"` // the program's own targets
	Scenarios []listedScenario `json:"scenarios"`
}

// A listedTarget is one of the program's own targets.
type listedTarget struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// A listedScenario is a built-in scenario.
type listedScenario struct {
	Name   string        `json:"name"`
	About  string        `json:"about"`
	Cells  int           `json:"cells"`
	Rounds int           `json:"rounds"`
	Visits int           `json:"visits"`
	Wall   time.Duration `json:"wall_ns"` // estimate
}

// A fieldsDocument is the JSON form of the fields that a scenario file accepts.
type fieldsDocument struct {
	Schema int           `json:"schema"`
	Kind   string        `json:"kind"` // fields
	Fields []listedField `json:"fields"`
}

// A listedField is a field of a scenario file.
type listedField struct {
	Key     string   `json:"key"`
	Takes   string   `json:"takes"`  // accepted values, in words
	Values  []string `json:"values"` // accepted words, or empty if the field takes other text as well
	List    bool     `json:"list"`   // whether the field takes several values
	Default string   `json:"default"`
	About   string   `json:"about"`
}

// printScenarios writes the targets and scenarios, or the fields of a scenario file if fields is true, as JSON or TSV.
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

// listFields returns the fields of a scenario file, as a JSON document and as rows of TSV.
func listFields() (d fieldsDocument, rows [][]string) {
	d, rows = fieldsDocument{Schema: scenariosSchema, Kind: "fields"}, [][]string{{"key", "takes", "default", "about"}}
	for _, f := range scenarios.Fields() {
		d.Fields = append(d.Fields, listedField{f.Key, f.Want, append([]string{}, f.Values()...), f.List, f.Default,
			f.About})
		rows = append(rows, []string{f.Key, f.Want, f.Default, f.About})
	}
	return d, rows
}

// listScenarios returns the targets and scenarios, as a JSON document and as rows of TSV.
func listScenarios(own targets) (d scenariosDocument, rows [][]string, err error) {
	d = scenariosDocument{Schema: scenariosSchema, Kind: "scenarios", Targets: []listedTarget{}}
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
