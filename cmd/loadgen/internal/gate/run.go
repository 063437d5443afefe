package gate

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
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
	contests, err = comparison.OfRun(run, o.judging(comparison.PrimaryUnits))
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
	for _, u := range results.Units {
		if unit := tidyUnit(u.Name); o.primary(unit, comparison.RevisionUnits) &&
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
	r.Warnings = warnings
	config := []Pair{{"scenario", run.Scenario.Name}}
	for _, c := range contests {
		r.addContest(c, Table{Base: c.Dimension + "=" + c.B, Head: c.Dimension + "=" + c.A, Config: config})
	}
	return r, r.finish(o, comparison.Results(contests))
}

// CompareRuns compares every cell of head with the same cell of base. The runs must have been measured alternately,
// round by round.
func CompareRuns(o *Options, base, head *results.Run) (*Report, error) {
	contests, err := comparison.OfRuns(base, head, o.judging(comparison.RevisionUnits))
	if err != nil {
		return nil, err
	}
	r := o.newReport()
	list := comparison.Results(contests)
	if r.Warnings, err = o.expect(list, nil); err != nil {
		return nil, err
	}
	for _, c := range contests {
		r.addContest(c, Table{Base: "base", Head: "head", Config: []Pair{}})
	}
	return r, r.finish(o, list)
}

// addContest adds the figures of a contest to the table they belong to, the judged figures first.
func (r *Report) addContest(c *comparison.Contest, t Table) {
	t.Paired, t.Why = true, "the run numbers the rounds"
	for _, exploratory := range []bool{false, true} {
		for _, f := range c.Figures {
			if f.Exploratory == exploratory {
				r.add(&t, newCell(&f.Result))
			}
		}
	}
}

// newReport returns an empty report.
func (o *Options) newReport() *Report {
	return &Report{Schema: Schema, Strict: o.strict(), Notes: []string{}, Warnings: []string{}}
}
