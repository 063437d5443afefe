package command

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// judge compares what two files hold that were measured in turn, those of base and head,
// by the gate file if there is one, and prints the comparison.
func judge(files [2]string, filter string, o *runOptions) (*gate.Report, error) {
	rules, err := gate.ReadFile(gate.DefaultFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(err)
	}
	noise := noiseFloor(o.stderr)
	r, err := gate.Compare(&gate.Options{
		Noise:  noise.Noise,
		Inputs: []string{"base=" + files[0], "head=" + files[1]}, Interleaved: true,
		Filter: filter, File: rules, Strict: o.strict, Now: time.Now(),
	})
	if err != nil {
		return nil, unusable(fmt.Errorf("--compare: %w", err))
	}
	if _, err := fmt.Fprintf(o.stdout, "Files\n\n  %s\n  %s\n\n%s", files[0], files[1], gate.Text(r)); err != nil {
		return nil, unusable(err)
	}
	return r, nil
}

// noiseFloor is that of this machine as selftest --aa has kept it; nil if it has not. One
// that cannot be read changes no result, and is told.
func noiseFloor(stderr io.Writer) *selftest.AA {
	r, err := selftest.ReadNoise(selftest.NoiseFile)
	if err != nil {
		fmt.Fprintf(stderr, "warning: the noise floor is not told: %v\n", err)
	}
	return r
}

// judged is the error that a command ends with after a comparison; nil if all is well.
func judged(r *gate.Report) error {
	switch r.Exit {
	case exitOK:
		return nil
	case exitWorse:
		return &exitError{exitWorse, fmt.Errorf("%s regressed", report.Plural(r.Counts[comparison.Regressed], "figure"))}
	case exitNotValid:
		return &exitError{exitNotValid, fmt.Errorf("%s inconclusive (--strict)", report.Plural(r.Undecided(), "figure"))}
	}
	return &exitError{r.Exit, nil}
}

// suspects are the names of what regressed, if that is to be measured again.
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

// confirming says that names are measured again.
func confirming(names []string, o *runOptions) {
	fmt.Fprintf(o.stderr, "confirming: %s, measured again\n", strings.Join(names, ", "))
}

// notConfirmed is what a first comparison comes to once a second one has been made of
// what regressed in it: of many cells one may regress by chance, but hardly twice.
func notConfirmed(second *gate.Report, o *runOptions) error {
	if second.Counts[comparison.Regressed] == 0 {
		fmt.Fprintln(o.stderr, "what regressed did not do so again: it is not called a regression")
	}
	return judged(second)
}
