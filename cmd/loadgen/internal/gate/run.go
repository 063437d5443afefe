package gate

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// ownRun returns the run that is the only input, or nil if there are several inputs, the input is no run, or Col
// splits it.
func (o *Options) ownRun() (*results.Run, error) {
	if len(o.Inputs) != 1 || o.Col != "" {
		return nil, nil
	}
	in, err := parseInputs(o.Inputs)
	if err != nil {
		return nil, err
	}
	path := in[0].path
	if filepath.Base(path) == results.BenchFile {
		path = filepath.Dir(path)
	}
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		path = filepath.Join(path, results.JSONFile)
	}
	if filepath.Base(path) != results.JSONFile || !exists(path) {
		return nil, nil
	}
	if o.Row != "" || o.Filter != "" || o.Ignore != "" || o.Paired {
		return nil, errors.New("--row, --filter, --ignore and --paired do not apply to a run's own comparisons: " +
			"want --col beside them, or --units to choose what is judged")
	}
	return results.Read(path)
}

// OfRun judges the comparisons of a run's scenario according to the options and the gate file.
// Text, page and gate show its results.
func (o *Options) OfRun(run *results.Run) (contests []*comparison.Contest, warnings []string, err error) {
	contests, err = comparison.OfRun(run, o.judging(comparison.PrimaryUnits()))
	if err != nil {
		return nil, nil, err
	}
	warnings, err = o.expect(comparison.Results(contests), nil)
	return contests, warnings, err
}

// judging returns how the units of runs are judged. The given units are primary by default.
func (o *Options) judging(units []string) comparison.Options {
	return comparison.Options{
		Rule:    func(unit string) comparison.Rule { return o.rule(unit, nil) },
		Primary: func(unit string) bool { return o.primary(unit, units) },
	}
}

// Primary returns the number of units that CompareRuns judges.
func (o *Options) Primary() (n int) {
	for _, u := range results.Units() {
		if unit := comparison.TidyUnit(u.Name); o.primary(unit, comparison.RevisionUnits()) &&
			o.rule(unit, nil).Better != comparison.Neither {
			n++
		}
	}
	return n
}

// compareRun returns the report of a run's own comparisons.
func (o *Options) compareRun(run *results.Run) (*Report, error) {
	contests, warnings, err := o.OfRun(run)
	if err != nil {
		return nil, err
	}
	if len(contests) == 0 {
		return nil, errors.New("the scenario of the run compares nothing: " +
			"want --col with what distinguishes the sides, or a scenario with several arms")
	}
	r := o.newReport()
	r.source, r.arms, r.run = ownRun, true, o.Inputs[0]
	r.Warnings = append(warnings, unfinished("the run", run)...)
	r.visits.add(run)
	config := []Pair{{"scenario", run.Scenario.Name}}
	for _, c := range contests {
		group := strings.Join(append(c.Beside(run.Scenario), level(c.CellA.Level)), ", ")
		r.addContest(c, group, Table{Base: c.Dimension + "=" + c.B, Head: c.Dimension + "=" + c.A, Config: config,
			base: c.B, head: c.A})
	}
	if !slices.ContainsFunc(contests, func(c *comparison.Contest) bool { return len(c.Rounds) > 0 }) {
		return nil, errors.New("no round of the run measured both sides of a comparison: there is nothing to compare")
	}
	return r, r.finish(o, comparison.Results(contests))
}

// CompareRuns compares every cell of head with the same cell of base. The runs must have been measured alternately,
// round by round.
func CompareRuns(o *Options, base, head *results.Run) (*Report, error) {
	removals := o.removals()
	added, gone, err := removals.cells(base, head)
	if err != nil {
		return nil, err
	}
	judging := o.judging(comparison.RevisionUnits())
	judging.Removed = gone
	contests, err := comparison.OfRuns(base, head, judging)
	if err != nil {
		return nil, err
	}
	r := o.newReport()
	r.source = revisions
	r.visits.add(base)
	r.visits.add(head)
	list := comparison.Results(contests)
	if r.Warnings, err = o.expect(list, nil); err != nil {
		return nil, err
	}
	r.Notes = append(r.Notes, removals.notes()...)
	r.Warnings = append(r.Warnings, append(unfinished("base", base), unfinished("head", head)...)...)
	if len(added) > 0 {
		r.Warnings = append(r.Warnings, fmt.Sprintf("head alone has %s: not compared", format.FewNames(added)))
	}
	r.Warnings = append(r.Warnings, removals.warnings()...)
	for _, c := range contests {
		group := strings.TrimPrefix(c.CellA.Arm()+" at "+level(c.CellA.Level), " at ")
		r.addContest(c, group, Table{Base: "base", Head: "head", Config: []Pair{}})
	}
	return r, r.finish(o, list)
}

// cells returns the names of cells that the head alone has measured, and the cells that were removed from it. Any
// other cell that the base alone has measured is an error, unless the head is not complete: an interrupt came before
// it.
func (r *removals) cells(base, head *results.Run) (added []string, gone []scenarios.Cell, err error) {
	before, after := comparison.Measured(base), comparison.Measured(head)
	for _, cell := range after {
		if !slices.Contains(before, cell) {
			added = append(added, head.BenchName(cell))
		}
	}
	var missing []string
	for _, cell := range before {
		name := base.BenchName(cell)
		of := result{name: name, full: name, text: name}
		if slices.Contains(after, cell) {
			r.has(of)
		} else if may, why := r.lacks(of); may {
			gone = append(gone, cell)
		} else if head.Status == results.Complete {
			missing = append(missing, name+why)
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("base alone has %s: head has no measurement of it: see why it could not be "+
			"measured in "+
			"the run.bench of head, or list it under removed in the gate file", format.FewNames(missing))
	}
	return added, gone, nil
}

// level returns the load of a cell for readers.
func level(l scenarios.Level) string {
	switch {
	case l.Load != "":
		return l.Load
	case l.QPS == schedule.Rate{}:
		return "closed loop"
	}
	return format.GivenRate(l.QPS.Float())
}

// addContest adds the figures of a contest to the table they belong to, the judged ones
// first. Group is what a reader calls the contest.
func (r *Report) addContest(c *comparison.Contest, group string, t Table) {
	t.Paired, t.Why = true, "the run tells the rounds"
	for _, cell := range CellsOf(c) {
		cell.group, cell.rate = group, c.CellA.Level.QPS.Float()
		r.add(&t, cell)
	}
}

// CellsOf returns the figures of a contest for programs, the judged ones first.
func CellsOf(c *comparison.Contest) (cells []*Cell) {
	for _, exploratory := range []bool{false, true} {
		for _, f := range c.Figures {
			if f.Exploratory == exploratory {
				cell := newCell(&f.Result)
				cell.Doubt = f.Doubt
				cells = append(cells, cell)
			}
		}
	}
	return cells
}

// newReport returns an empty report.
func (o *Options) newReport() *Report {
	return &Report{Schema: Schema, Kind: "compare", Strict: o.strict(), Notes: []string{}, Warnings: []string{}}
}
