// Package selftest tests the generator in real time, on the machine that it will measure on. It compares records with
// what is known without the generator: the percentiles of a stall, which can be computed, the times when calls are
// due, and the number of calls that the target counted.
//
// The target is the witness. It has its own clock and counts calls itself, so that it notices a generator that is
// late, early or leaves calls out, whatever the generator reports.
package selftest

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/pace"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
)

// Names of groups of checks, in the order in which they run.
const (
	Oracle     = "oracle"     // the latency that follows from a stall
	Companions = "companions" // latency is not changed where there was no stall
	Pacing     = "pacing"     // calls begin when they are due
	Accounting = "accounting" // every call is accounted for
	Arrivals   = "arrivals"   // random arrivals have the requested distribution
	Service    = "service"    // the latency that follows from a stall of a server; made only if it is named
)

// Groups returns the names of all groups.
func Groups() []string { return []string{Oracle, Companions, Pacing, Accounting, Arrivals, Service} }

// A Check is one experiment with the generator.
type Check struct {
	Group, Name string
	Takes       time.Duration // approximately
	// Measure makes the experiment. It returns an error if the experiment could not be made. If it was made, wrong
	// results are in the outcome.
	Measure func(ctx context.Context) (Outcome, error)
}

// An Outcome is the result of an experiment.
type Outcome struct {
	Findings []Finding
	Note     string // other information, such as the pace
}

// Options select checks.
type Options struct {
	Quick  bool     // checks take a quarter of the time, and are fewer
	Groups []string // groups of checks; by default all but Service
	// Server is the program that the checks of Service start, with its arguments. It must call [Serve].
	Server []string
}

// Checks returns the checks that o selects.
func Checks(o Options) ([]Check, error) { return realTime().checks(o) }

// An engine makes the runs of checks. Tests replace it: by one with a fake clock, and by several that report wrong
// records.
type engine struct {
	do func(context.Context, *bench.Run) (*record.Record, error)
	// pace returns how the generator waits, and sleep how a target that workers call does.
	pace  func(perSecond uint64, workers int) pace.Pace
	sleep func(workers int) pace.Pace
}

// realTime returns the engine that runs the generator unchanged, with the pace that it chooses.
func realTime() engine {
	return engine{
		do: func(ctx context.Context, r *bench.Run) (*record.Record, error) { return r.Do(ctx) },
		pace: func(perSecond uint64, workers int) pace.Pace {
			return pace.Choose(float64(perSecond), workers, runtime.GOMAXPROCS(0))
		},
		// One worker catches up only if its calls take no longer than requested, but the runtime's timers take 1 to
		// 2 ms for 1 ms on Linux. A sleep in the kernel does not, but keeps its processor until the runtime takes it
		// back: with four workers on two processors, the generator's calls were 56 ms late at p99, and the target
		// served half of the requested rate. So several workers use timers, and are enough for calls of 2 ms.
		sleep: func(workers int) pace.Pace {
			if workers == 1 {
				return pace.Cheap
			}
			return pace.Sleep
		},
	}
}

func (e engine) checks(o Options) ([]Check, error) {
	for _, g := range o.Groups {
		if !slices.Contains(Groups(), g) {
			return nil, fmt.Errorf("group of checks %q is unknown%s: want some of %s", g, spelling.Meant(g, Groups()),
				strings.Join(Groups(), ", "))
		}
	}
	all := slices.Concat(e.oracle(o.Quick), e.companions(o.Quick), e.pacing(o.Quick), e.accounting(),
		e.arrivals(o.Quick), e.services(o.Quick, o.Server))
	return slices.DeleteFunc(all, func(c Check) bool {
		if len(o.Groups) == 0 {
			return c.Group == Service
		}
		return !slices.Contains(o.Groups, c.Group)
	}), nil
}

// Takes returns how long checks take together, if none is tried twice.
func Takes(checks []Check) (sum time.Duration) {
	for _, c := range checks {
		sum += c.Takes
	}
	return sum
}

// tries is how often a check is tried at most. A check that fails on a busy machine can pass in a quiet moment; with a
// wrong generator it fails every time.
const tries = 3

// A Result is a check that was made.
type Result struct {
	Group    string          `json:"group"`
	Name     string          `json:"name"`
	Passed   bool            `json:"passed"`
	Tries    int             `json:"tries"`
	Note     string          `json:"note,omitempty"`
	Findings []Finding       `json:"findings"` // of the last try
	Machine  results.Machine `json:"machine"`  // what else the machine did during the last try
}

// Run makes checks one after the other, since they would disturb each other, and shows on p which one. If ctx ends,
// Run returns the error of ctx, and the results of the checks before. It returns another error if a check could not
// be made.
func Run(ctx context.Context, checks []Check, p *terminal.Progress) ([]Result, error) {
	p.Begin(terminal.Stage{Steps: len(checks), Noun: "check", Takes: Takes(checks)})
	defer p.End()
	defer p.AfterInterrupt(ctx, "the check to end")()
	var done []Result
	for i := range checks {
		p.Next("self-test", checks[i].String(), checks[i].Takes)
		r, err := checks[i].run(ctx, p)
		if err != nil {
			return done, err
		}
		done = append(done, r)
	}
	return done, nil
}

// String returns the group and the name.
func (c *Check) String() string { return c.Group + ", " + c.Name }

// run repeats a check until it passes, as long as the machine may be the cause of its failure. It shows on p that it
// repeats it.
func (c *Check) run(ctx context.Context, p *terminal.Progress) (Result, error) {
	r := Result{Group: c.Group, Name: c.Name}
	for {
		r.Tries++
		before, err := machine.Read()
		if err != nil {
			return r, err
		}
		outcome, err := c.measure(ctx)
		if err != nil {
			return r, err
		}
		after, err := machine.Read()
		if err != nil {
			return r, err
		}
		r.Machine = after.Besides(&before, 0)
		r.Findings, r.Note = outcome.Findings, outcome.Note
		failed := r.Failed()
		r.Passed = len(failed) == 0 && len(r.Findings) > 0
		if r.Passed || r.Tries == tries || slices.ContainsFunc(failed, func(f Finding) bool { return !f.Timing }) {
			return r, nil
		}
		p.Now(fmt.Sprintf("%v, try %d of %d: the machine may be busy", c, r.Tries+1, tries))
	}
}

// measure makes a check once. A record whose counts do not add up is a finding, not an error.
func (c *Check) measure(ctx context.Context) (Outcome, error) {
	outcome, err := c.Measure(ctx)
	if ctx.Err() != nil {
		return outcome, ctx.Err() // the outcome is incomplete
	}
	var account *bench.AccountError
	if errors.As(err, &account) {
		outcome.Findings = append(outcome.Findings, unknown("account of the run", account))
		return outcome, nil
	}
	if err != nil {
		return outcome, fmt.Errorf("%s, %s: %w", c.Group, c.Name, err)
	}
	return outcome, nil
}

// Failed returns the findings that did not pass.
func (r *Result) Failed() (failed []Finding) {
	for _, f := range r.Findings {
		if !f.Passed {
			failed = append(failed, f)
		}
	}
	return failed
}
