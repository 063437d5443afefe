package gate

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// ownRun returns the run that is the only input, if nothing says how to take it apart; it
// is nil if there is none.
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
		return nil, errors.New("--row, --filter, --ignore and --paired are not for a run's own comparisons: " +
			"want --col beside them, or --units to choose what is judged")
	}
	return results.Read(path)
}

// OfRun judges the comparisons of a run's scenario as the options and the gate file say.
// Text, page and gate show what it returns.
func (o *Options) OfRun(run *results.Run) (all []*comparison.Contest, warnings []string, err error) {
	all, err = comparison.OfRun(run, o.judging(comparison.PrimaryUnits))
	if err != nil {
		return nil, nil, err
	}
	warnings, err = o.expect(comparison.Results(all), nil)
	return all, warnings, err
}

// judging returns how the units of runs are judged, of which the named ones are primary by default.
func (o *Options) judging(units []string) comparison.Options {
	return comparison.Options{
		Rule:    func(unit string) comparison.Rule { return o.rule(unit, nil) },
		Primary: func(unit string) bool { return o.primary(unit, units) },
	}
}

// Primary returns how many units of two runs are judged by CompareRuns.
func (o *Options) Primary() (n int) {
	for _, u := range results.Units {
		if unit := tidyUnit(u.Name); o.primary(unit, comparison.RevisionUnits) &&
			o.rule(unit, nil).Better != comparison.Neither {
			n++
		}
	}
	return n
}

// compareRun reports on the comparisons of a run.
func (o *Options) compareRun(run *results.Run) (*Report, error) {
	contests, warnings, err := o.OfRun(run)
	if err != nil {
		return nil, err
	}
	if len(contests) == 0 {
		return nil, errors.New("the scenario of the run compares nothing: " +
			"want --col with what tells the sides apart, or a scenario with several arms")
	}
	r := o.newReport()
	r.Warnings = warnings
	config := []Pair{{"scenario", run.Scenario.Name}}
	for _, c := range contests {
		r.addContest(c, Table{Base: c.Dimension + "=" + c.B, Head: c.Dimension + "=" + c.A, Config: config})
	}
	return r, r.finish(o, comparison.Results(contests))
}

// CompareRuns sets every cell of a head against the same cell of a base. They were
// measured in turn, round by round.
func CompareRuns(o *Options, base, head *results.Run) (*Report, error) {
	contests, err := comparison.OfRuns(base, head, o.judging(comparison.RevisionUnits))
	if err != nil {
		return nil, err
	}
	r := o.newReport()
	all := comparison.Results(contests)
	if r.Warnings, err = o.expect(all, nil); err != nil {
		return nil, err
	}
	for _, c := range contests {
		r.addContest(c, Table{Base: "base", Head: "head", Config: []Pair{}})
	}
	return r, r.finish(o, all)
}

// addContest adds the figures of a contest to the table they belong to, the judged ones
// first.
func (r *Report) addContest(c *comparison.Contest, t Table) {
	t.Paired, t.Why = true, "the run tells the rounds"
	for _, cell := range CellsOf(c) {
		r.add(&t, cell)
	}
}

// CellsOf returns the figures of a contest for programs, the judged ones first.
func CellsOf(c *comparison.Contest) (cells []*Cell) {
	for _, exploratory := range []bool{false, true} {
		for _, f := range c.Figures {
			if f.Exploratory == exploratory {
				cells = append(cells, newCell(&f.Result))
			}
		}
	}
	return cells
}

func (o *Options) newReport() *Report {
	return &Report{Schema: Schema, Strict: o.strict(), Notes: []string{}, Warnings: []string{}}
}
