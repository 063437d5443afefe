package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// projectRules returns the gate file in the current directory, or nil if there is none.
func projectRules() (*gate.File, error) {
	file, err := gate.ReadFile(gate.DefaultFile)
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := os.Lstat(gate.DefaultFile); linkErr == nil {
			return nil, fmt.Errorf("%w: %s is a link to what is not there", err, gate.DefaultFile)
		}
		return nil, nil
	}
	return file, err
}

// judgeRun judges the comparisons of a run by the gate file rules, which may be nil. If units is not empty, only
// these units are judged. It prints warnings to stderr.
func judgeRun(run *results.Run, rules *gate.File, units []string, stderr io.Writer) ([]*comparison.Contest, error) {
	o := gate.Options{File: rules, Units: tidyUnits(units), Now: time.Now()}
	contests, warnings, err := o.OfRun(run)
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	return contests, err
}

// tidyUnits returns units in benchstat's form, such as sec/op for ns/op.
func tidyUnits(units []string) (all []string) {
	for _, unit := range units {
		all = append(all, comparison.TidyUnit(unit))
	}
	return all
}

// gate returns the options for judging a base and a head that were measured in the same rounds.
func (o *runOptions) gate() *gate.Options {
	return &gate.Options{
		Noise: noiseFloor(o.stderr).Noise, Interleaved: true, File: o.rules, Strict: o.strict, Now: time.Now(),
	}
}

// printComparison prints a comparison and the paths of its two files. In JSON, it keeps both for the one document
// that the command prints at its end. Ended is the error that the command ends with, as far as is known: if what
// regressed is measured again, the text has no exit code.
func (o *runOptions) printComparison(r *gate.Report, base, head string, ended error, again bool) error {
	if o.format == formatJSON {
		o.compared = append(o.compared, comparedDocument{Report: r, Files: sideFiles{base, head}})
		return nil
	}
	shown := *r
	shown.Paths, shown.Exit = []string{base, head}, exitCode(ended)
	if again {
		shown.Exit = exitOK
	}
	return unusable(o.screen.Print(o.stdout, shown.Text(o.screen, false)))
}

// measuresAgain reports whether what regressed is measured again.
func (o *runOptions) measuresAgain(r *gate.Report, ended error) bool {
	return len(suspects(r, o)) > 0 && !interrupted(ended)
}

// noiseFloor returns the noise floor that selftest --aa kept, or nil if there is none. It prints an error as a
// warning, since no result depends on the noise floor.
func noiseFloor(stderr io.Writer) *selftest.AA {
	r, err := selftest.ReadNoise(selftest.NoiseFile)
	if err != nil {
		fmt.Fprintf(stderr, "warning: the noise floor is not told: %v\n", err)
	}
	return r
}

// judged returns the error that a command ends with after a comparison, or nil if it exits with 0.
func judged(r *gate.Report) error {
	switch r.Exit {
	case exitOK:
		return nil
	case exitWorse:
		return &exitError{exitWorse, fmt.Errorf("%s regressed",
			format.Plural(r.Counts[comparison.Regressed], "figure"))}
	case exitNotValid:
		return &exitError{exitNotValid, fmt.Errorf("%s inconclusive (--strict)",
			format.Plural(r.Undecided(), "figure"))}
	}
	return &exitError{r.Exit, nil}
}

// suspects returns the names of the cells that regressed, or nil without --confirm.
func suspects(r *gate.Report, o *runOptions) (names []string) {
	if !o.confirm || r == nil {
		return nil
	}
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Verdict == comparison.Regressed && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// confirming prints the names of the cells that are measured again.
func confirming(names []string, o *runOptions) {
	fmt.Fprintf(o.stderr, "confirming: %s, measured again\n", strings.Join(names, ", "))
}

// notConfirmed returns the error that a command ends with after a second comparison, which covers the cells that
// regressed in the first one. Among many cells, one may regress by chance, but hardly twice.
func notConfirmed(second *gate.Report, o *runOptions) error {
	if second.Counts[comparison.Regressed] == 0 {
		fmt.Fprintln(o.stderr, "what regressed did not do so again: it is not called a regression")
	}
	return judged(second)
}
