// Package selftest tests the generator on the machine it is to be believed on, in
// real time, against what is known without measuring: a stall whose percentiles
// follow from arithmetic, instants that are due, and calls that the target counted.
//
// The target is the witness. It has a clock of its own and counts for itself, so that
// a generator which is late, early or leaves calls out cannot be its own alibi.
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
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
)

// Names of groups of checks, in the order in which they run.
const (
	Oracle     = "oracle"     // a stall, and the latency that follows from it
	Companions = "companions" // nothing is corrected that was right
	Pacing     = "pacing"     // calls begin when they are due
	Accounting = "accounting" // every call is accounted for
	Arrivals   = "arrivals"   // random arrivals are those asked for
)

// Groups are all of them.
func Groups() []string { return []string{Oracle, Companions, Pacing, Accounting, Arrivals} }

// A Check is one experiment with the generator, and what must come of it.
type Check struct {
	Group, Name string
	Takes       time.Duration // about so long
	// Measure makes the experiment. An error is one that kept it from being made; what
	// is wrong with what was measured is in the outcome.
	Measure func(ctx context.Context) (Outcome, error)
}

// An Outcome is what came of a check.
type Outcome struct {
	Findings []Finding
	Note     string // what else there is to know, such as the pace
}

// Checks are those of some groups, of all if none is named; quick takes a quarter
// of the time and leaves some out.
func Checks(quick bool, groups ...string) ([]Check, error) { return realTime().checks(quick, groups) }

// An engine makes the runs of checks. Tests put others in its place: one that runs by
// a fake clock, and several that lie.
type engine struct {
	do func(context.Context, *bench.Run) (*record.Record, error)
	// pace is how the generator waits, and sleep how a target does that workers call.
	pace  func(perSecond uint64, workers int) pace.Pace
	sleep func(workers int) pace.Pace
}

// realTime is the generator as it is, with the pace that it picks.
func realTime() engine {
	return engine{
		do: func(ctx context.Context, r *bench.Run) (*record.Record, error) { return r.Do(ctx) },
		pace: func(perSecond uint64, workers int) pace.Pace {
			return pace.Choose(float64(perSecond), workers, runtime.GOMAXPROCS(0))
		},
		// One worker catches up only if its calls take what they are asked to, and the runtime's timers take 1 to 2 ms
		// for 1 ms on Linux. A sleep in the kernel does not, but holds its processor until the runtime takes it back:
		// four workers on two processors made the generator's calls 56 ms late at p99, and the target serve half of
		// what was asked for. So several workers use timers, and are enough for calls of 2 ms.
		sleep: func(workers int) pace.Pace {
			if workers == 1 {
				return pace.Cheap
			}
			return pace.Sleep
		},
	}
}

func (e engine) checks(quick bool, groups []string) ([]Check, error) {
	for _, g := range groups {
		if !slices.Contains(Groups(), g) {
			return nil, fmt.Errorf("group of checks %q is unknown%s: want some of %s", g, spelling.Meant(g, Groups()),
				strings.Join(Groups(), ", "))
		}
	}
	all := slices.Concat(e.oracle(quick), e.companions(quick), e.pacing(quick), e.accounting(), e.arrivals(quick))
	if len(groups) == 0 {
		return all, nil
	}
	return slices.DeleteFunc(all, func(c Check) bool { return !slices.Contains(groups, c.Group) }), nil
}

// Takes is how long checks take together, if none is tried twice.
func Takes(checks []Check) (sum time.Duration) {
	for _, c := range checks {
		sum += c.Takes
	}
	return sum
}

// tries is how often a check is made at most. A busy machine can fail one that a
// quiet moment passes; a wrong generator fails them all.
const tries = 3

// A Result is a check that was made.
type Result struct {
	Group    string          `json:"group"`
	Name     string          `json:"name"`
	Passed   bool            `json:"passed"`
	Tries    int             `json:"tries"`
	Note     string          `json:"note,omitempty"`
	Findings []Finding       `json:"findings"` // of the last try
	Machine  results.Machine `json:"machine"`  // what it did besides, during the last try
}

// Run makes checks one after the other: at once they would disturb each other. Next
// is told of each before it begins. Once ctx ends, the results are those of the checks
// before, and the error is that of ctx; another error is of a check that could not be
// made.
func Run(ctx context.Context, checks []Check, next func(*Check)) ([]Result, error) {
	var all []Result
	for i := range checks {
		next(&checks[i])
		r, err := checks[i].run(ctx)
		if err != nil {
			return all, err
		}
		all = append(all, r)
	}
	return all, nil
}

// run makes a check until it passes, as long as its failure may be the machine's.
func (c *Check) run(ctx context.Context) (Result, error) {
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
		r.Machine = after.Besides(&before)
		r.Findings, r.Note = outcome.Findings, outcome.Note
		failed := r.Failed()
		r.Passed = len(failed) == 0 && len(r.Findings) > 0
		if r.Passed || r.Tries == tries || slices.ContainsFunc(failed, func(f Finding) bool { return !f.Timing }) {
			return r, nil
		}
	}
}

// measure makes a check once. An account that does not add up is a finding, of
// whichever check came upon it.
func (c *Check) measure(ctx context.Context) (Outcome, error) {
	outcome, err := c.Measure(ctx)
	if ctx.Err() != nil {
		return outcome, ctx.Err() // what it found is of a part only
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

// Failed are the findings that are not what they must be.
func (r *Result) Failed() (failed []Finding) {
	for _, f := range r.Findings {
		if !f.Passed {
			failed = append(failed, f)
		}
	}
	return failed
}
