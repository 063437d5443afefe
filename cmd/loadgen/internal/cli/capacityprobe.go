package cli

import (
	"cmp"
	"context"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A probeRequest is the request for a probe, which a fresh process reads.
type probeRequest struct {
	Ask   capacity.Ask  `json:"ask"`
	Visit visit.Request `json:"visit"`
}

// newProbe returns the hidden command that makes a probe.
func newProbe(own targets) *cobra.Command {
	return newChild("probe", func(ctx context.Context, a *rounds.Asker) error {
		return rounds.Answer(ctx, a, "probe", func(ctx context.Context, req *probeRequest) (any, error) {
			target, err := own.requested(&req.Visit)
			if err != nil {
				return nil, err
			}
			v, err := visit.Do(ctx, &req.Visit, target)
			if err := cmp.Or(err, ctx.Err()); err != nil { // an interrupted visit is no evidence
				return nil, err
			}
			return capacity.NewProbe(req.Ask, req.Visit.Scenario.SLOs, v)
		})
	})
}

// A probeVisit is a function that makes a probe. It also returns the wall time of the probe, which includes the start
// of a process.
type probeVisit func(context.Context, *probeRequest) (*capacity.Probe, time.Duration, error)

// inProcess returns a probeVisit that makes each probe in a fresh process of program.
func inProcess(program rounds.Program) probeVisit {
	return func(ctx context.Context, req *probeRequest) (*capacity.Probe, time.Duration, error) {
		began := time.Now()
		p := &capacity.Probe{}
		log, err := program.Ask(ctx, "probe", req, p)
		if err == nil && p.Evidence.Ask != req.Ask {
			err = fmt.Errorf("the process of the probe failed: what it wrote is no answer\n%s", log)
		}
		return p, time.Since(began), err
	}
}

// probe makes the probe that the search asks for. It returns an error if the probe is interrupted, and discards its
// result. The n-th probes of all arms have the same seed, which determines arrivals, keys and work.
func (c *capacitySearch) probe(ctx context.Context, a capacity.Ask) (*capacity.Probe, error) {
	n := 1
	for _, p := range c.Probes {
		if p.Evidence.Arm == a.Arm {
			n++
		}
	}
	req, err := c.request(a)
	if err != nil {
		return nil, err
	}
	req.Visit.Seed = rounds.Seed(req.Visit.Scenario, n)
	p, took, err := c.visit(ctx, req)
	if err := cmp.Or(err, ctx.Err()); err != nil {
		return nil, fmt.Errorf("%s at %s: %w", a.Arm, format.Rate(a.Rate), err)
	}
	p.Seed, p.Evidence.Took = req.Visit.Seed, took
	return p, nil
}

// request returns the request for a probe, without a seed. The probe ends early once it is certain to miss an
// objective.
func (c *capacitySearch) request(a capacity.Ask) (*probeRequest, error) {
	cell, ok := c.cells[a.Arm]
	if !ok {
		return nil, fmt.Errorf("the search asks for %q, which is no arm of the scenario", a.Arm)
	}
	qps, err := schedule.ParseRate(fineRate(a.Rate))
	if err != nil {
		return nil, err
	}
	s := *c.Scenario
	s.QPS, s.Duration, s.Abort = []schedule.Rate{qps}, a.Duration, true
	s.Window = capacity.Window(a.Duration, s.SLOs)
	cell.Level = scenarios.Level{QPS: qps}
	return &probeRequest{Ask: a, Visit: visit.Request{Scenario: &s, Cell: cell, Turns: c.Environment.Turns,
		Inputs: c.Inputs}}, nil
}

// fineRate formats a rate in calls per second with three decimals. It formats rates below 100 with six significant
// digits, in at most nine decimals.
func fineRate(rate float64) string {
	digits := 5 - int(math.Floor(math.Log10(rate)))
	return strconv.FormatFloat(rate, 'f', min(max(digits, 3), 9), 64)
}
