package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

const fuzzUsage = `usage: scripts/fuzz [-run REGEXP] MINUTES [PACKAGES]

Runs every fuzz target of PACKAGES (default ./...) for MINUTES each, one after the other. If a target fails, its input
is kept as a file below testdata/fuzz, which go test runs from then on. It exits with 1 if a target failed.

`

func fuzz(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fuzz", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), fuzzUsage); flags.PrintDefaults() }
	only := flags.String("run", "", "run only the fuzz targets that match `REGEXP`")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if flags.NArg() == 0 {
		return errors.New("MINUTES is missing: run, for example, scripts/fuzz 10")
	}
	minutes, err := strconv.ParseFloat(flags.Arg(0), 64)
	each := time.Duration(minutes * float64(time.Minute)).Round(time.Second)
	if err != nil || !(minutes <= 24*60 && each >= time.Second) {
		return fmt.Errorf("%q: want minutes for each target, up to a day, such as 10 or 0.5", flags.Arg(0))
	}
	wanted, err := regexp.Compile(*only)
	if err != nil {
		return fmt.Errorf("-run: %w", err)
	}
	found, err := findTargets(ctx, wanted, flags.Args()[1:])
	if err != nil {
		return err
	}
	return fuzzEach(ctx, found, each)
}

// fuzzEach fuzzes each target for the time each, and prints what failed.
func fuzzEach(ctx context.Context, found []targets, each time.Duration) error {
	counted := tally{}
	defer func() { counted.print(os.Stdout) }()
	n := 0
	for _, pkg := range found {
		n += len(pkg.fuzz)
	}
	if n == 0 {
		return errors.New("no fuzz target: check -run and the packages")
	}
	fmt.Fprintf(os.Stderr, "%d fuzz targets, %v each, about %v in all\n", n, each, time.Duration(n)*each)
	for _, pkg := range found {
		for _, name := range pkg.fuzz {
			fmt.Fprintf(os.Stderr, "%s %s\n", pkg.path, name)
			if err := counted.fuzz(ctx, pkg, name, each); err != nil {
				return err
			}
		}
	}
	if len(counted.failed()) > 0 {
		return errFound
	}
	return nil
}

// fuzz runs a fuzz target for length. The fuzzer keeps a failing input by itself.
func (t tally) fuzz(ctx context.Context, pkg targets, name string, length time.Duration) error {
	return t.goTest(ctx, nil, "-count=1", "-timeout=0", "-run=^$", "-fuzz=^"+name+"$", "-fuzztime="+length.String(),
		pkg.path)
}
