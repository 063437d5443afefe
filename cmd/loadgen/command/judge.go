package command

import (
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// judge compares what two files hold that were measured in turn, those of base and head,
// by the gate file if there is one. It prints the comparison, and returns the error that
// the command ends with.
func judge(files [2]string, filter string, o *runOptions) (verdict, err error) {
	rules, err := gate.ReadFile(gate.DefaultFile)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, unusable(err)
	}
	r, err := gate.Compare(&gate.Options{
		Inputs: []string{"base=" + files[0], "head=" + files[1]}, Interleaved: true,
		Filter: filter, File: rules, Strict: o.strict, Now: time.Now(),
	})
	if err != nil {
		return nil, unusable(fmt.Errorf("--compare: %w", err))
	}
	if _, err := fmt.Fprintf(o.stdout, "Files\n\n  %s\n  %s\n\n%s", files[0], files[1], gate.Text(r)); err != nil {
		return nil, unusable(err)
	}
	switch r.Exit {
	case exitWorse:
		return &exitError{exitWorse, fmt.Errorf("%s regressed", report.Plural(r.Counts[comparison.Regressed], "figure"))}, nil
	case exitNotValid:
		return &exitError{exitNotValid, fmt.Errorf("%s inconclusive (--strict)", report.Plural(r.Counts[comparison.Inconclusive], "figure"))}, nil
	case exitOK:
		return nil, nil
	}
	return nil, &exitError{r.Exit, nil}
}
