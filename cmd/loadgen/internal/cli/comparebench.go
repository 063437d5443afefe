package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/revision"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
)

// A benchOptions holds the flags for benchmarks that run at a revision and at the working tree.
type benchOptions struct {
	pkg, match, time string
	rounds           int
	seed             uint64
}

// benchRounds is the default number of rounds, in each of which both sides run. It is enough to compare 102 figures.
const benchRounds = 12

func (b *benchOptions) addFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&b.pkg, "bench", "",
		"With --compare REF, run the benchmarks of this `package` instead of a scenario, such as ./codec.")
	f.StringVar(&b.match, "benchmarks", ".",
		"With --bench, only benchmarks that match this `regexp`, as in go test -bench.")
	f.StringVar(&b.time, "benchtime", "1s",
		"With --bench, how long each benchmark runs in each round: a `duration`, or a number such as 100x.")
	group(cmd, groupCompare, "bench", "benchmarks", "benchtime")
}

// check checks the flags, and parses --rounds and --seed, the settings of a scenario that benchmarks have as well. It
// reports all errors together.
func (b *benchOptions) check(cmd *cobra.Command, args []string, ref string) error {
	var errs []error
	wrong := func(format string, a ...any) { errs = append(errs, fmt.Errorf(format, a...)) }
	if ref == "" {
		wrong("--bench: want --compare REF, a revision to compare with, beside it")
	}
	if b.pkg == "" || strings.HasPrefix(b.pkg, "-") || strings.Contains(b.pkg, "...") {
		wrong("--bench: %q is not a package: want one, such as ./codec", b.pkg)
	}
	for part := range strings.SplitSeq(b.match, "/") {
		if _, err := regexp.Compile(part); err != nil {
			wrong("--benchmarks: %v", err)
		}
	}
	if !regexp.MustCompile(`^[1-9]\d*x$`).MatchString(b.time) {
		if d, err := time.ParseDuration(b.time); err != nil || d <= 0 {
			wrong("--benchtime: %q is neither a duration above 0, such as 100ms, nor a number such as 100x", b.time)
		}
	}
	b.rounds = benchRounds
	if f := cmd.Flags().Lookup("rounds"); f.Changed {
		n, err := strconv.Atoi(f.Value.String())
		if err != nil || n < 1 || n > 1000 {
			wrong("--rounds: %q is not valid: want 1 to 1000", f.Value)
		}
		b.rounds = n
	}
	if f := cmd.Flags().Lookup("seed"); f.Changed {
		n, err := strconv.ParseUint(f.Value.String(), 10, 64)
		if err != nil {
			wrong("--seed: %q is not valid: want a whole number, 0 or more", f.Value)
		}
		b.seed = n
	}
	if len(args) > 0 {
		wrong("--bench: benchmarks have no scenario: leave out %q", args[0])
	}
	for _, key := range append([]string{"profile"}, settingFlags()...) {
		if key != "rounds" && key != "seed" && cmd.Flags().Changed(key) && key != "compare" {
			wrong("--%s: benchmarks have none: leave it out, or leave out --bench", key)
		}
	}
	if f := cmd.Flags().Lookup("compare"); f.Changed && ref != "" {
		wrong("--compare: benchmarks have no arms: want a revision alone")
	}
	return errors.Join(errs...)
}

// runBenchmarks runs the benchmarks of a package at ref and at the working tree, in rounds, and compares them. With
// --confirm, it measures a second time what regressed, and the second comparison determines the exit code.
func runBenchmarks(ctx context.Context, ref string, b *benchOptions, o *runOptions) error {
	checkout, err := open(ctx, ref, o.progress)
	if err != nil {
		return err
	}
	defer closing(checkout, o)
	introduce(checkout, o)
	dirs, err := checkout.PackageDirs(ctx, b.pkg)
	if err != nil {
		return compareError(ctx, err)
	}
	building := time.Now()
	programs, err := checkout.BuildTest(ctx, b.pkg)
	if err != nil {
		return compareError(ctx, err)
	}
	built(checkout, "the benchmarks of "+b.pkg, time.Since(building), o)
	drawSeed(&b.seed)
	out, err := o.directory("bench", time.Now())
	if err != nil {
		return unusable(err)
	}
	unfit(ctx, o.stderr)
	fmt.Fprintf(o.stderr, "benchmarks of %s on both sides, in %s; seed %d\n", b.pkg, format.Plural(b.rounds, "round"),
		b.seed)
	r, ended := b.compare(ctx, checkout, programs, dirs, out, o, false)
	if !o.measuresAgain(r, ended) {
		return ended
	}
	names := suspects(r, o)
	confirming(names, o)
	again := *b
	again.match, again.seed = pattern(names), 0
	drawSeed(&again.seed)
	second, err := again.compare(ctx, checkout, programs, dirs, filepath.Join(out, "confirm"), o, true)
	if second == nil || interrupted(err) {
		return err
	}
	return notConfirmed(second, o)
}

// pattern returns a pattern for go test -bench that matches the functions of the named benchmarks, and so all their
// sub-benchmarks.
func pattern(names []string) string {
	var functions []string
	for _, name := range names {
		function, _, _ := strings.Cut(name, "/")
		function = processors.ReplaceAllString(function, "")
		if !slices.Contains(functions, function) {
			functions = append(functions, function)
		}
	}
	return "^Benchmark(" + strings.Join(functions, "|") + ")$"
}

// processors matches the GOMAXPROCS at the end of a benchmark's name, such as -8. A name has none if GOMAXPROCS is 1.
var processors = regexp.MustCompile(`-\d+$`)

// compare runs both sides in rounds, writes their results to files in the directory out, and compares them. It returns
// the error that the command ends with. The report is nil if the sides could not be compared. Last means that nothing
// is measured again, whatever regressed.
func (b *benchOptions) compare(ctx context.Context, c *revision.Checkout, programs, dirs [2]string, out string,
	o *runOptions, last bool) (*gate.Report, error) {
	sides := c.Sides()
	benchmarks := &rounds.Benchmarks{Match: b.match, Time: b.time, Rounds: b.rounds, Seed: b.seed,
		Progress: o.progress, Grace: grace}
	for i := range sides {
		benchmarks.Sides[i] = rounds.BenchSide{Side: sides[i], Program: programs[i], Package: dirs[i]}
	}
	files, err := benchmarks.Create(out)
	if err != nil {
		return nil, unusable(err)
	}
	made, err := files.Run(ctx)
	if err != nil {
		return nil, unusable(fmt.Errorf("%w\nwhat was measured before is in %s", err, out))
	}
	cut := fmt.Errorf("interrupted after %d of %s", made, format.Plural(b.rounds, "round"))
	if made == 0 {
		return nil, &exitError{exitInterrupted, cut}
	}
	options := o.gate()
	options.Inputs = []string{"base=" + files.Paths[0], "head=" + files.Paths[1]}
	r, err := gate.Compare(options)
	if err != nil {
		err = unusable(fmt.Errorf("--compare: %w\nwhat was measured is in %s", err, out))
	}
	var ended error
	switch {
	case made < b.rounds:
		ended = &exitError{exitInterrupted, errors.Join(cut, err)}
	case err != nil:
		return nil, err
	default:
		ended = judged(r)
	}
	if r == nil {
		return nil, ended
	}
	again := !last && o.measuresAgain(r, ended)
	return r, cmp.Or(o.printComparison(r, files.Paths[0], files.Paths[1], ended, again), ended)
}
