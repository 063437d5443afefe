package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// takeRevision removes the revision from --compare and returns it, or "" if there is none. The comparisons of arms
// stay in the flag: they contain blanks, which a revision contains only in braces, such as HEAD@{1 day ago}.
func takeRevision(cmd *cobra.Command) (ref string, err error) {
	flag := cmd.Flags().Lookup("compare")
	var arms []string
	for _, part := range outsideBraces(flag.Value.String()) {
		switch word := strings.TrimSpace(part); {
		case word == "" || strings.ContainsAny(inBraces.ReplaceAllString(word, ""), " \t"):
			arms = append(arms, part)
		case ref != "":
			return "", fmt.Errorf("--compare: %q and %q are two revisions: want one, to compare the working tree with",
				ref, word)
		default:
			ref = word
		}
	}
	if ref != "" {
		flag.Value.(*setting).text, flag.Changed = strings.Join(arms, ","), len(arms) > 0
	}
	return ref, nil
}

// inBraces matches a pair of braces and the text in it, such as {1 day ago} in HEAD@{1 day ago}.
var inBraces = regexp.MustCompile(`\{[^}]*\}`)

// outsideBraces splits s at the commas that are not in braces.
func outsideBraces(s string) (parts []string) {
	depth, from := 0, 0
	for i, r := range s {
		switch r {
		case '{':
			depth++
		case '}':
			depth--
		case ',':
			if depth <= 0 {
				parts, from = append(parts, s[from:i]), i+1
			}
		}
	}
	return append(parts, s[from:])
}

// mainPackage returns the import path of this program's main package, so that a program with its own targets is
// compared with an earlier version of itself, not of loadgen. Tests replace it.
var mainPackage = func() (string, error) {
	info, ok := debug.ReadBuildInfo()
	switch {
	case !ok || info.Path == "":
		return "", errors.New("this program does not know what package it was built from: build it with go build " +
			"and modules")
	case info.Path == "command-line-arguments":
		return "", errors.New("this program was built from a list of files: build it as a package, such as go run " +
			"./cmd/NAME")
	}
	return info.Path, nil
}

// open checks out ref of the repository that the current directory is in.
func open(ctx context.Context, ref string, p *terminal.Progress) (*revision.Checkout, error) {
	here, err := os.Getwd()
	if err != nil {
		return nil, err
	}
	c, err := revision.Open(ctx, here, ref, p)
	if err != nil {
		return nil, compareError(ctx, err)
	}
	return c, nil
}

// compareError returns the error for a failed checkout or build, or exitInterrupted if an interrupt ended it.
func compareError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return &exitError{exitInterrupted, errors.New("interrupted before anything was measured")}
	}
	return unusable(fmt.Errorf("--compare: %w", err))
}

// closing closes a checkout. It prints an error as a warning, since no result depends on it.
func closing(c *revision.Checkout, o *runOptions) {
	if err := c.Close(); err != nil {
		fmt.Fprintf(o.stderr, "warning: %v\n", err)
	}
}

// introduce prints the two sides of the comparison, and warns if they are the same.
func introduce(c *revision.Checkout, o *runOptions) {
	sides := c.Sides()
	fmt.Fprintf(o.stderr, "comparing the working tree, %s, with %s\n", sides[1], sides[0])
	if c.Same() {
		fmt.Fprintln(o.stderr,
			"warning: both are the same, and what differs is noise: change something, or name an earlier revision")
	}
}

// built prints how long it took to build both sides.
func built(c *revision.Checkout, pkg string, took time.Duration, o *runOptions) {
	sides := c.Known()
	fmt.Fprintf(o.stderr, "built %s of %s and of %s in %s\n", pkg, sides[0], sides[1], format.About(took))
}

// against returns a scenario as it is compared with a revision: a service has arms of it, and without --rounds there
// are as many rounds as a change needs to show.
func (o *runOptions) against(cmd *cobra.Command, s *scenarios.Scenario, ref string) (*scenarios.Scenario, error) {
	if s.CallsService() {
		with, err := againstRevision(s, ref)
		if err == nil && o.confirm {
			err = errors.New("--confirm: a service is not measured again: leave it out")
		}
		if err != nil {
			return nil, err
		}
		s = with
	}
	if !cmd.Flags().Changed("rounds") {
		s.Rounds = max(s.Rounds, comparison.Need(o.family(s), true))
	}
	return s, nil
}

// runAgainst runs a scenario with the programs of ref and of the working tree, in the same rounds, and compares the
// two runs. With --confirm, it then measures the cells that regressed again, and the second comparison decides.
func runAgainst(ctx context.Context, s *scenarios.Scenario, ref string, o *runOptions) (err error) {
	if len(o.profiles) > 0 {
		return unusable(errors.New("--profile: a comparison with a revision keeps no profiles: leave it out"))
	}
	if err := readReplays(s, o.stderr, o.progress); err != nil {
		return err
	}
	pkg, err := mainPackage()
	if err != nil {
		return unusable(fmt.Errorf("--compare: %w", err))
	}
	checkout, err := open(ctx, ref, o.progress)
	if err != nil {
		return err
	}
	defer closing(checkout, o)
	introduce(checkout, o)
	building := time.Now()
	programs, err := checkout.Build(ctx, pkg)
	if err != nil {
		return compareError(ctx,
			fmt.Errorf("%w\nThe directory is to be in a module that has or requires %s; benchmarks of any package "+
				"can be compared with --bench", err, pkg))
	}
	built(checkout, pkg, time.Since(building), o)
	drawSeed(&s.Seed)
	began := time.Now()
	env := machine.Environment()
	env.Warnings = unfit(ctx, o.stderr)
	env.Turns = work.Calibrate()
	out, err := o.directory(s.Name, began)
	if err != nil {
		return unusable(err)
	}
	sides, err := o.createSides(checkout, programs, out,
		results.Header{Began: began.UTC(), Scenario: s, Environment: env})
	if err != nil {
		return unusable(err)
	}
	if family := o.family(s); s.Rounds < comparison.Need(family, true) {
		fmt.Fprintf(o.stderr,
			"warning: %s can show among %d figures no change but one far beyond the noise: need --rounds %d, or "+
				"fewer cells\n",
			format.Plural(s.Rounds, "round"), family, comparison.Need(family, true))
	}
	fmt.Fprintf(o.stderr, "%s: %s in %s, about %s; seed %d\n", s.Name,
		format.Plural(2*s.Visits(), "visit"), format.Plural(s.Rounds, "round"), format.About(2*s.Wall()), s.Seed)
	visits := &rounds.Options{Scenario: s, Sides: sides, Turns: env.Turns, Progress: o.progress}
	complete, err := rounds.Run(ctx, visits)
	if err != nil {
		return unusable(fmt.Errorf("%w\nwhat was measured before is in %s", err, out))
	}
	r, ended := judgeRuns(out, complete, o)
	if !o.measuresAgain(r, ended) {
		return ended
	}
	names := suspects(r, o)
	confirming(names, o)
	again := *s
	again.Seed = 0
	drawSeed(&again.Seed)
	out = filepath.Join(out, "confirm")
	visits.Sides, err = o.createSides(checkout, programs, out,
		results.Header{Began: time.Now().UTC(), Scenario: &again, Environment: env})
	if err != nil {
		return unusable(err)
	}
	visits.Scenario, visits.Cells = &again, named(s, names)
	complete, err = rounds.Run(ctx, visits)
	switch {
	case err != nil:
		return unusable(err)
	case !complete:
		return &exitError{exitInterrupted, errors.New("interrupted before what regressed was measured again")}
	}
	if _, r, err = compareRuns(out, o); err != nil {
		return err
	}
	ended = notConfirmed(r, o)
	return cmp.Or(o.printRuns(r, out, ended, false), ended)
}

// named returns the cells of s that the named benchmarks belong to.
func named(s *scenarios.Scenario, names []string) (cells []scenarios.Cell) {
	for _, c := range s.Cells() {
		if slices.ContainsFunc(names, func(name string) bool {
			return strings.Contains(name, fmt.Sprintf("/%s/%s-", c.Arm(), c.Level.Name()))
		}) {
			cells = append(cells, c)
		}
	}
	return cells
}

// createSides creates the files of both sides in subdirectories of out. If that fails for one side, it removes the
// files of the other.
func (o *runOptions) createSides(c *revision.Checkout, programs [2]string, out string, h results.Header) (
	sides []rounds.Side, err error) {
	for i, s := range c.Sides() {
		h.Environment.Commit = s.Commit
		var w *results.Writer
		if h.Inputs, err = pin(programs[i], h.Scenario, o.progress); err == nil {
			w, err = results.Create(filepath.Join(out, s.Name), h)
		}
		if err != nil {
			for _, before := range sides { // one side alone is no comparison
				err = errors.Join(err, before.Writer.Close(results.Partial),
					os.RemoveAll(filepath.Join(out, before.Name)))
			}
			return nil, err
		}
		sides = append(sides, rounds.Side{Name: s.Name, Program: programAt(programs[i], o.stderr), Writer: w,
			Inputs: h.Inputs})
	}
	return sides, nil
}

// A sideBySide holds two runs that were made in the same rounds.
type sideBySide struct{ base, head *results.Run }

// compareRuns reads the two runs in a directory and compares them. The report is nil if either run has no visits.
func compareRuns(out string, o *runOptions) (runs sideBySide, r *gate.Report, err error) {
	base, head := filepath.Join(out, "base"), filepath.Join(out, "head")
	if runs.base, err = results.Read(base); err != nil {
		return runs, nil, unusable(err)
	}
	if runs.head, err = results.Read(head); err != nil {
		return runs, nil, unusable(err)
	}
	if len(runs.base.Visits) == 0 || len(runs.head.Visits) == 0 {
		return runs, nil, nil
	}
	if r, err = gate.CompareRuns(o.gate(), runs.base, runs.head); err != nil {
		return runs, nil, unusable(fmt.Errorf("--compare: %w", err))
	}
	return runs, r, nil
}

// printRuns prints the comparison of the two runs in a directory.
func (o *runOptions) printRuns(r *gate.Report, out string, ended error, again bool) error {
	return o.printComparison(r, filepath.Join(out, "base", results.BenchFile),
		filepath.Join(out, "head", results.BenchFile), ended, again)
}

// judgeRuns compares the two runs in a directory and prints the comparison. It returns the report, and the error that
// the command ends with.
func judgeRuns(out string, complete bool, o *runOptions) (*gate.Report, error) {
	runs, r, err := compareRuns(out, o)
	if runs.base == nil || runs.head == nil {
		return nil, err
	}
	cut := verdict(runs.head, complete, o.strict)
	var ended error
	switch {
	case r == nil && err == nil:
		return nil, cut
	case !complete: // visits that one side lacks may be the cause of err
		ended = &exitError{exitInterrupted, errors.Join(cut, err)}
	case err != nil:
		return nil, err
	default:
		ended = cmp.Or(judged(r), cut, verdict(runs.base, complete, o.strict))
	}
	if r != nil {
		ended = cmp.Or(o.printRuns(r, out, ended, o.measuresAgain(r, ended)), ended)
	}
	return r, ended
}

// family returns the number of figures that a comparison of s with a revision judges.
func (o *runOptions) family(s *scenarios.Scenario) int {
	if s.Service != nil { // whose arms are the sides
		return o.gate().Primary() * len(s.Comparisons())
	}
	return o.gate().Primary() * len(s.Cells())
}
