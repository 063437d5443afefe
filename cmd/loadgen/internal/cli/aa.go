package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// aaScenario is the scenario whose arm is compared with itself: spans of the SDK, which most comparisons involve. A
// visit is long enough for p99 and p99.9.
const aaScenario = "qps: 10k\nspans: sdk\nquantile: exact\nduration: 500ms\nwarmup: 150ms\n"

// An aa is a comparison of an arm with itself.
type aa struct {
	rounds         int
	keep           string // file that keeps the report, or "" to keep none
	json           bool
	settings       []scenarios.Setting // settings of tests, which make shorter visits
	stdout, stderr io.Writer
	progress       *terminal.Progress // stderr is the same, or another writer if it is nil
	screen         *terminal.Screen   // of stdout
	detail         terminal.Detail
}

// run makes the comparison, prints the report, and keeps it in a file if a.keep names one. It returns an error with
// exit code 1 if the comparison calls the arm worse than itself, or would do so too often.
func (a *aa) run(ctx context.Context) error {
	s, err := scenarios.Decode("aa.yaml", []byte(aaScenario),
		append(a.settings, scenarios.Setting{Key: "rounds", Value: fmt.Sprint(a.rounds), Where: "--aa"})...)
	if err != nil {
		return unusable(err)
	}
	if err := selftest.CanKeep(a.keep); err != nil {
		return unusable(fmt.Errorf("--keep: %w: nothing was measured; name another file, or none by --keep ''", err))
	}
	drawSeed(&s.Seed)
	began := time.Now()
	env := machine.Environment()
	env.Warnings = unfit(ctx, a.stderr)
	env.Turns = work.Calibrate()
	fmt.Fprintf(a.stderr, "self-test: an arm against itself, %s in %s, about %s; seed %d\n",
		format.Plural(2*s.Visits(), "visit"), format.Plural(s.Rounds, "round"), format.About(2*s.Wall()), s.Seed)
	one, other, err := a.measure(ctx, s, env)
	if err != nil {
		return unusable(err)
	}
	if done := min(len(one.Visits), len(other.Visits)); ctx.Err() != nil || done < s.Rounds {
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", done,
			format.Plural(s.Rounds, "round"))}
	}
	for _, v := range append(one.Visits, other.Visits...) {
		if v.Error != "" {
			return unusable(fmt.Errorf("a visit in round %d was not measured: %s", v.Round, v.Error))
		}
	}
	contests, err := comparison.OfRuns(one, other, comparison.Options{})
	if err != nil {
		return unusable(err)
	}
	computing := a.progress.Doing("computing the noise floor")
	r, err := selftest.NewAA(env, s.Cells()[0].String(), comparison.Results(contests), s.Rounds, s.Seed)
	computing()
	if err != nil {
		return unusable(err)
	}
	r.Began = began.UTC()
	if a.keep != "" {
		if err := r.Keep(a.keep); err != nil {
			return unusable(fmt.Errorf("--keep: %w", err))
		}
		fmt.Fprintf(a.stderr, "kept in %s, for reports to tell of\n", a.keep)
	}
	if a.json {
		err = printJSON(a.stdout, r)
	} else {
		err = a.screen.Print(a.stdout, r.Text(a.screen, a.detail))
	}
	switch {
	case err != nil:
		return unusable(err)
	case !r.Passed:
		return &exitError{exitWorse,
			errors.New("an arm was called worse than itself: take more rounds, or a quieter machine")}
	}
	return nil
}

// measure visits the arm twice in every round, and returns the first visits and the second visits as two runs. It
// writes the files of the runs to a temporary directory, which it removes.
func (a *aa) measure(ctx context.Context, s *scenarios.Scenario, env results.Environment) (one, other *results.Run,
	err error) {
	dir, err := os.MkdirTemp("", "loadgen-aa-")
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	self, err := os.Executable()
	if err != nil {
		return nil, nil, fmt.Errorf("finding this program, to start visits with: %w", err)
	}
	inputs, err := visit.Pin(self, s)
	if err != nil {
		return nil, nil, err
	}
	visits := &rounds.Options{Scenario: s, Turns: env.Turns, Progress: a.progress}
	for _, name := range []string{"one", "other"} {
		w, err := results.Create(filepath.Join(dir, name),
			results.Header{Began: time.Now().UTC(), Scenario: s, Environment: env, Inputs: inputs})
		if err != nil {
			return nil, nil, err
		}
		visits.Sides = append(visits.Sides,
			rounds.Side{Name: name, Program: programAt(self, a.stderr), Writer: w, Inputs: inputs})
	}
	_, err = rounds.Run(ctx, visits) // the caller counts the visits of the runs
	var runs [2]*results.Run
	for i, side := range visits.Sides {
		run, readErr := results.Read(side.Writer.JSONPath())
		runs[i], err = run, errors.Join(err, readErr)
	}
	return runs[0], runs[1], err
}
