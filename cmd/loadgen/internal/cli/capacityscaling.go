package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Limits of --scaling.
const (
	mostScaled  = 64      // numbers of workers in a list
	mostWorkers = 100_000 // workers, which is also the limit of a scenario
)

// readWorkers parses a comma-separated list of numbers of workers, and sorts them. It reports all errors together.
func readWorkers(text string) (all []int, err error) {
	var errs []error
	for item := range strings.SplitSeq(text, ",") {
		item = strings.TrimSpace(item)
		n, err := strconv.Atoi(item)
		switch {
		case err != nil || n < 1 || n > mostWorkers:
			errs = append(errs, fmt.Errorf("--scaling: %q is no number of workers: want 1 to %d", item, mostWorkers))
		case slices.Contains(all, n):
			errs = append(errs, fmt.Errorf("--scaling: %d is given twice", n))
		default:
			all = append(all, n)
		}
	}
	if len(all) < usl.LeastDistinct || len(all) > mostScaled {
		errs = append(errs, fmt.Errorf("--scaling: %d different numbers of workers: want %d to %d", len(all),
			usl.LeastDistinct, mostScaled))
	}
	slices.Sort(all)
	if len(all) > 0 && all[0] > usl.NearOne {
		errs = append(errs, fmt.Errorf("--scaling: the fewest workers are %d: want 1 or %d among them, since the law "+
			"starts from the throughput of one", all[0], usl.NearOne))
	}
	return all, errors.Join(errs...)
}

// scale measures the remaining throughputs and reports whether all are measured. It saves the state after every visit.
// An interrupt makes scale return early, without the visit that was running.
func (c *capacitySearch) scale(ctx context.Context) (ended bool, err error) {
	left := c.Unscaled()
	of := len(c.Throughputs) + len(left)
	defer c.begin(ctx, terminal.Stage{Steps: len(left), Noun: "visit", Takes: time.Duration(len(left)) * c.scales()},
		"visit")()
	for _, t := range left {
		c.scaling(t)
		if t.Achieved, err = c.throughput(ctx, t); ctx.Err() != nil {
			return false, nil
		}
		if err != nil {
			return false, fmt.Errorf("%s with %s: %w", t.Arm, format.Plural(t.Workers, "worker"), err)
		}
		c.Throughputs = append(c.Throughputs, t)
		if err := c.Write(c.dir); err != nil {
			return false, err
		}
		c.options.progress.Log(fmt.Sprintf("scaling %d of %d: %s with %s: %s", len(c.Throughputs), of, t.Arm,
			format.Plural(t.Workers, "worker"), format.Rate(t.Achieved)))
	}
	return true, nil
}

// scaling shows the visit that begins, which measures a throughput.
func (c *capacitySearch) scaling(t capacity.Throughput) {
	name := c.Scenario.NameOf(c.cells[t.Arm]) + " " + format.Plural(t.Workers, "worker")
	c.options.progress.Next("scaling", name, c.scales())
}

// scales returns how long a visit that measures a throughput takes, according to plan.
func (c *capacitySearch) scales() time.Duration {
	return c.Scenario.Besides() + c.Search.Options().Probe
}

// throughput makes a visit in a closed loop, in a fresh process. It returns the rate of calls that ended, in calls per
// second.
func (c *capacitySearch) throughput(ctx context.Context, t capacity.Throughput) (float64, error) {
	cell, ok := c.cells[t.Arm]
	if !ok {
		return 0, errors.New("it is no arm of the scenario")
	}
	s := *c.Scenario
	s.Closed, s.AlsoClosed, s.QPS, s.SLOs, s.Window = true, false, nil, nil, 0
	s.Workers, s.Duration = t.Workers, c.Search.Options().Probe
	cell.Level = scenarios.Level{}
	v, err := c.program.Visit(ctx, &visit.Request{Scenario: &s, Cell: cell, Seed: rounds.Seed(&s, t.Round),
		Turns: c.Environment.Turns, Inputs: c.Inputs, Provided: c.provided})
	switch {
	case err != nil:
		return 0, err
	case v.Error != "":
		return 0, errors.New(v.Error)
	case c.provided.Lost() != nil:
		return 0, c.provided.Lost()
	case v.Record.Interrupted:
		return 0, errors.New("its process was interrupted")
	case v.Record.Loop != record.ClosedLoop || v.Record.Workers != t.Workers:
		return 0, fmt.Errorf("it was a loop %s of %d workers (a fault of loadgen; please report it)", v.Record.Loop,
			v.Record.Workers)
	}
	return v.Record.Achieved(), nil
}
