package command

import (
	"cmp"
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A probeRequest is a visit to make of a probe.
type probeRequest struct {
	Ask     capacity.Ask  `json:"ask"`
	Batches int           `json:"batches"`
	Visit   visit.Request `json:"visit"`
}

// newProbe is the hidden command that makes one visit of a probe. It says what the
// visit's batches say, for which every latency is needed.
func newProbe(own targets) *cobra.Command {
	return newChild("probe", func(ctx context.Context, req *probeRequest) (any, error) {
		target, err := own.own(req.Visit.Scenario)
		if err != nil {
			return nil, err
		}
		v, err := visit.Do(ctx, &req.Visit, target)
		if err := cmp.Or(err, ctx.Err()); err != nil { // a visit that was cut is no evidence
			return nil, err
		}
		p, err := capacity.NewPart(req.Ask, req.Batches, req.Visit.Scenario.SLOs, v)
		if err != nil {
			return nil, err
		}
		p.Seed = req.Visit.Seed
		return p, nil
	})
}

// A probeVisit makes one visit of a probe, and tells how long all of it took.
type probeVisit func(context.Context, *probeRequest) (*capacity.Part, time.Duration, error)

// inProcess makes visits in a fresh process of a program each.
func inProcess(program string) probeVisit {
	return func(ctx context.Context, req *probeRequest) (*capacity.Part, time.Duration, error) {
		began := time.Now()
		p := &capacity.Part{}
		_, err := ask(ctx, program, "probe", req, p)
		return p, time.Since(began), err
	}
}

// probe makes a probe, in visits one after the other until they have shown enough. If it
// is interrupted, or one cannot be made, the probe is of the visits before; nil: there are none.
// All arms have the same arrivals, keys and work in their n-th.
func (c *capacitySearch) probe(ctx context.Context, a capacity.Ask) (*capacity.Probe, error) {
	n := 1
	for _, p := range c.Probes {
		if p.Evidence.Arm == a.Arm {
			n++
		}
	}
	req, err := c.request(&a)
	if err != nil {
		return nil, err
	}
	s := req.Visit.Scenario
	var p *capacity.Probe
	var made []*capacity.Part
	var took time.Duration // what counts for the budget
	lengths := capacity.Parts(a.Rate, a.Duration, s.Warmup, s.SLOs)
	for i, length := range lengths {
		s.Duration, req.Batches = length.Duration, length.Batches
		req.Visit.Seed = roundSeed(s, n+i<<24)
		part, spent, err := c.visit(ctx, req)
		if ctx.Err() != nil || err != nil {
			if p != nil {
				p.Evidence.Confirm = false // it was not three times as long
			}
			return p, fmt.Errorf("%s at %s: %w", a.Arm, perSecond(a.Rate), cmp.Or(err, ctx.Err()))
		}
		made, took = append(made, part), took+spent
		a.Duration = took
		p = capacity.Join(a, s.SLOs, made)
		if i+1 < len(lengths) && c.Search.Done(&p.Evidence) {
			p.Stopped = true
			break
		}
	}
	return p, nil
}

// request is for the visits of a probe, but for their lengths and seeds. A probe of few
// calls gets longer.
func (c *capacitySearch) request(a *capacity.Ask) (*probeRequest, error) {
	cell, ok := c.cells[a.Arm]
	if !ok {
		return nil, fmt.Errorf("the search asks for %q, which is no arm of the scenario", a.Arm)
	}
	qps, err := bench.ParseQPS(fmt.Sprintf("%.3f", a.Rate))
	if err != nil {
		return nil, err
	}
	a.Duration = capacity.Lasting(a.Rate, a.Duration, c.Scenario.SLOs)
	s := *c.Scenario
	s.QPS = []bench.QPS{qps}
	s.Window = capacity.Window(a.Duration, s.SLOs)
	cell.Level = scenarios.Level{QPS: qps}
	return &probeRequest{Ask: *a, Visit: visit.Request{Scenario: &s, Cell: cell, Turns: c.Environment.Turns}}, nil
}
