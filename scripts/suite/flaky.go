package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"time"
)

const flakyUsage = `usage: scripts/flaky [-rounds N] [-run REGEXP] [-quick] [PACKAGES]

Runs the tests of PACKAGES (default ./...) once or more under each of these conditions:

  alone, and beside twice as many busy loops as there are processors
  without the race detector, and with it
  with GOMAXPROCS 1, 2 and 8

and prints the tests that failed: how often each was run, how often it failed, and how to run it again.
It exits with 1 if any test failed. One round of ./... takes about an hour on two processors.

`

// A condition is a setting under which all tests must pass.
type condition struct {
	busy, race bool
	procs      int
}

func (c condition) String() string {
	beside, with := "alone", ""
	if c.busy {
		beside = "beside busy loops"
	}
	if c.race {
		with = ", -race"
	}
	return fmt.Sprintf("%s%s, GOMAXPROCS=%d", beside, with, c.procs)
}

// conditions returns all conditions, or, if quick is set, the two that differ most.
func conditions(quick bool) (list []condition) {
	if quick {
		return []condition{{procs: 2}, {busy: true, race: true, procs: 8}}
	}
	for _, busy := range []bool{false, true} {
		for _, race := range []bool{false, true} {
			for _, procs := range []int{1, 2, 8} {
				list = append(list, condition{busy, race, procs})
			}
		}
	}
	return list
}

func flaky(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("flaky", flag.ContinueOnError)
	flags.Usage = func() { fmt.Fprint(flags.Output(), flakyUsage); flags.PrintDefaults() }
	rounds := flags.Int("rounds", 1, "how often each test runs under each condition")
	only := flags.String("run", "", "run only the tests that match `REGEXP`")
	quick := flags.Bool("quick", false,
		"two conditions: alone with GOMAXPROCS=2; beside busy loops with -race and GOMAXPROCS=8")
	if err := flags.Parse(args); err != nil {
		return err
	}
	if *rounds < 1 {
		return fmt.Errorf("-rounds %d: want at least 1", *rounds)
	}
	packages := flags.Args()
	if len(packages) == 0 {
		packages = []string{"./..."}
	}
	counted, began := tally{}, time.Now()
	defer func() { counted.print(os.Stdout) }()
	for round := range *rounds {
		for _, c := range conditions(*quick) {
			fmt.Fprintf(os.Stderr, "%6s  round %d of %d: %v\n", time.Since(began).Round(time.Second), round+1,
				*rounds, c)
			if err := counted.under(ctx, c, *only, packages); err != nil {
				return err
			}
		}
	}
	if len(counted) == 0 {
		return errors.New("no test was run: check -run and the packages")
	}
	if len(counted.failed()) > 0 {
		return errFound
	}
	return nil
}

// under runs the tests of packages once under the condition c, and adds the results.
func (t tally) under(ctx context.Context, c condition, only string, packages []string) error {
	args := []string{"-count=1", "-timeout=30m"}
	if c.race {
		args = append(args, "-race")
	}
	if only != "" {
		args = append(args, "-run="+only)
	}
	if c.busy {
		defer busy(2 * runtime.NumCPU())()
	}
	return t.goTest(ctx, []string{fmt.Sprintf("GOMAXPROCS=%d", c.procs)}, append(args, packages...)...)
}

// busy keeps n processors busy until stop is called. The loops run in goroutines with threads of their own, so they
// end when this process ends, for any reason.
func busy(n int) (stop func()) {
	before := runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + n)
	var ended atomic.Bool
	for range n {
		go func() {
			runtime.LockOSThread()
			for !ended.Load() {
			}
		}()
	}
	return func() { ended.Store(true); runtime.GOMAXPROCS(before) }
}
