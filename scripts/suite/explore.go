package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/internal/property"
)

const exploreUsage = `usage: scripts/explore [-run REGEXP] [-seed N] DURATION [PACKAGES]

Runs the property tests and the fuzz targets of PACKAGES (default ./...) with new seeds for DURATION, such as 10m. If a
property fails, its seed is kept as a row of testdata/found.tsv beside its test. If a fuzz target fails, its input is
kept as a file below testdata/fuzz. go test runs both from then on. It exits with 1 if anything failed.

`

// slice is how long a fuzz target is fuzzed before the next one.
const slice = 20 * time.Second

func explore(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("explore", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), exploreUsage); flags.PrintDefaults() }
	only := flags.String("run", "", "run only the properties and fuzz targets that match `REGEXP`")
	first := flags.Uint64("seed", 0,
		"the seed of properties in the first round, 0 for a random seed; round k adds k-1")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("DURATION is missing: run, for example, scripts/explore 10m")
	}
	length, err := time.ParseDuration(flags.Arg(0))
	if err != nil || length <= 0 {
		return fmt.Errorf("%q: want a duration such as 10m", flags.Arg(0))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	targets, err := findTargets(ctx, wanted, flags.Args()[1:])
	if err != nil {
		return err
	}
	e := explorer{seed: *first, until: time.Now().Add(length), counted: tally{}}
	for e.seed == 0 {
		e.seed = rand.Uint64()
	}
	defer func() { e.counted.print(os.Stdout) }()
	if err := e.explore(ctx, targets); err != nil {
		return err
	}
	if len(e.counted.failed()) > 0 {
		return errFound
	}
	return nil
}

// An explorer runs targets in turn until its time is up.
type explorer struct {
	seed    uint64
	until   time.Time
	counted tally
}

func (e *explorer) explore(ctx context.Context, targets []targets) error {
	began := time.Now()
	for round := 1; ; round, e.seed = round+1, e.seed+1 {
		fmt.Fprintf(os.Stderr, "%6s  round %d: properties with -rapid.seed=%d\n",
			time.Since(began).Round(time.Second), round, e.seed)
		for _, pkg := range targets {
			// A test that has failed would fail again until it is mended, so it is left out from then on.
			pkg.properties = e.counted.without(pkg.path, pkg.properties)
			pkg.fuzz = e.counted.without(pkg.path, pkg.fuzz)
			if err := e.properties(ctx, pkg); err != nil {
				return err
			}
			for _, name := range pkg.fuzz {
				if err := e.fuzz(ctx, pkg, name); err != nil {
					return err
				}
			}
			if !time.Now().Before(e.until) {
				return nil
			}
		}
	}
}

// properties runs the properties of a package from the seed of the round, and keeps the seeds that fail.
func (e *explorer) properties(ctx context.Context, pkg targets) error {
	if len(pkg.properties) == 0 {
		return nil
	}
	env := []string{"RAPID_SEED=" + strconv.FormatUint(e.seed, 10), "RAPID_CHECKS=300"}
	round := tally{}
	err := round.goTest(ctx, env, "-count=1", "-timeout=30m", "-run=^("+strings.Join(pkg.properties, "|")+")$",
		pkg.path)
	if err == nil {
		err = keep(pkg.dir, round)
	}
	e.counted.add(round)
	return err
}

// fuzz runs a fuzz target for a slice of time.
func (e *explorer) fuzz(ctx context.Context, pkg targets, name string) error {
	left := min(slice, time.Until(e.until))
	if left <= 0 {
		return nil
	}
	return e.counted.fuzz(ctx, pkg, name, max(left.Round(time.Second), time.Second))
}

var failedSeed = regexp.MustCompile(`-rapid\.seed=(\d+)`)

// keep adds a row to the file of found seeds in dir for each failed property whose output contains the seed.
func keep(dir string, failures tally) error {
	for _, which := range failures.failed() {
		seed := failedSeed.FindStringSubmatch(failures[which].output)
		if seed == nil {
			continue // the failure is not of the property, or of a subtest
		}
		row := strings.Join([]string{which.name, seed[1], reason(failures[which].output)}, "\t") + "\n"
		path := filepath.Join(dir, property.Found)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.OpenFile(path, os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o644)
		if err != nil {
			return err
		}
		_, err = f.WriteString(row)
		if err := errors.Join(err, f.Close()); err != nil {
			return err
		}
		fmt.Fprintf(os.Stderr, "        %s: added %s", path, row)
	}
	return nil
}

var failure = regexp.MustCompile(`\[rapid\] (?:failed|panic) after \d+ tests: (.*)`)

// reason returns the reason that rapid printed for the failure of a property.
func reason(output string) string {
	if m := failure.FindStringSubmatch(output); m != nil {
		return strings.ReplaceAll(m[1], "\t", " ")
	}
	return "unknown"
}

// add adds the counts of other to t.
func (t tally) add(other tally) {
	for which, c := range other {
		sum := t.countsOf(which)
		if sum.failures == 0 {
			sum.again, sum.output = c.again, c.output
		}
		sum.runs, sum.skips, sum.failures = sum.runs+c.runs, sum.skips+c.skips, sum.failures+c.failures
	}
}

// without returns names without the tests of the package that have failed.
func (t tally) without(pkg string, names []string) []string {
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		c := t[test{pkg, name}]
		return c != nil && c.failures > 0
	})
}

// sorted returns the keys of a set in ascending order.
func sorted(set map[string]bool) (names []string) {
	for name := range set {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
