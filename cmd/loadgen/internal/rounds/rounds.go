// Package rounds visits every cell of a scenario in rounds, in random order, each visit in a
// fresh process that answers with one line of JSON.
//
// [Run] is a whole run. A [Program] asks one process; [Answer] is the other end, in that
// process. [Benchmarks] are benchmarks of Go's own that take turns at two revisions.
package rounds

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/rng"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Options are what is visited. The scenario has the number of rounds, and the seed of their order.
type Options struct {
	Scenario *scenarios.Scenario
	Cells    []scenarios.Cell // nil: all cells of the scenario
	Sides    []Side           // what each cell is visited by; one, unless sides are compared
	Turns    work.Turns       // the speed of this machine
	Progress io.Writer        // where progress is drawn, if it is a terminal
}

// A Side is a program that makes visits, and where they are written.
type Side struct {
	Name    string // "" if it is the only one
	Program Program
	Writer  *results.Writer
	Inputs  []results.Input // that its visits are held to
}

// Run visits every cell of every side in rounds and closes the writers of the sides. Each round
// has one seed for all its visits, so that they are compared on the same arrivals, keys and work,
// and an order of its own. Run reports whether all visits were made: the end of ctx ends it sooner.
//
// What goes wrong in a visit is in that visit's Error and ends nothing else. The error of Run is
// one of the files, of an input that has changed, or of a side that cannot be visited at all.
func Run(ctx context.Context, o *Options) (complete bool, err error) {
	r := &runner{Options: o, cells: o.cells(), visit: o.visit, keep: o.keep,
		progress: NewProgress(o.Progress, len(o.Sides)*len(o.cells())*o.Scenario.Rounds)}
	complete, err = r.run(ctx)
	status := results.Partial
	if complete {
		status = results.Complete
	}
	for i := range o.Sides {
		err = errors.Join(err, o.Sides[i].Writer.Close(status))
	}
	return complete, err
}

func (o *Options) cells() []scenarios.Cell {
	if o.Cells != nil {
		return o.Cells
	}
	return o.Scenario.Cells()
}

// visit visits a cell in a process of a side.
func (o *Options) visit(ctx context.Context, side int, req *visit.Request) (*results.Visit, error) {
	return o.Sides[side].Program.Visit(ctx, req)
}

// keep writes a visit to the files of a side.
func (o *Options) keep(side int, v *results.Visit) error { return o.Sides[side].Writer.Add(v) }

// request returns the request for a visit of a cell in a round by a side.
func (o *Options) request(side int, cell scenarios.Cell, round int) *visit.Request {
	return &visit.Request{Scenario: o.Scenario, Cell: cell, Seed: Seed(o.Scenario, round), Turns: o.Turns,
		Inputs: o.Sides[side].Inputs}
}

// Seed returns the seed of the visits of a round.
func Seed(s *scenarios.Scenario, round int) uint64 {
	return rng.New(s.Seed, rng.Rounds+rng.Stream(round)).Uint64()
}

// A runner is a run in progress.
type runner struct {
	*Options
	cells    []scenarios.Cell
	progress *Progress
	visit    func(ctx context.Context, side int, req *visit.Request) (*results.Visit, error)
	keep     func(side int, v *results.Visit) error
}

// A turn is a visit of a cell by a side, both by index.
type turn struct{ side, cell int }

// turns returns the turns of a round, not yet shuffled.
func (r *runner) turns() (all []turn) {
	for side := range r.Sides {
		for cell := range r.cells {
			all = append(all, turn{side, cell})
		}
	}
	return all
}

// run makes the visits of all rounds.
func (r *runner) run(ctx context.Context) (complete bool, err error) {
	defer r.progress.Finish()
	lost := lostCells{scenario: r.Scenario}
	order := rng.New(r.Scenario.Seed, rng.Order)
	for round := 1; round <= r.Scenario.Rounds; round++ {
		turns := r.turns()
		order.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		failed := make([]failures, len(r.Sides))
		for i, t := range turns {
			if ctx.Err() != nil {
				return false, nil
			}
			if lost.has(t) {
				continue // it misses what it is to hold, whatever the rest of its visits do
			}
			v, err := r.take(ctx, t, round, i+1)
			if err != nil || v == nil || ctx.Err() != nil && !v.Usable() {
				return false, err
			}
			lost.add(t, v)
			failed[t.side].add(v)
		}
		if err := r.unmade(round, failed); err != nil {
			return false, err
		}
	}
	return true, nil
}

// take takes a turn, the order-th of its round, and writes its visit. There is no visit if ctx
// ended before anything was measured.
func (r *runner) take(ctx context.Context, t turn, round, order int) (*results.Visit, error) {
	cell := r.cells[t.cell]
	r.progress.Next(strings.TrimSpace(fmt.Sprintf("round %d of %d, %v %s", round, r.Scenario.Rounds, cell,
		r.Sides[t.side].Name)))
	v, err := r.visit(ctx, t.side, r.request(t.side, cell, round))
	if err != nil {
		return nil, err
	}
	v.Round, v.Order = round, order
	if ctx.Err() != nil && !v.Usable() && (v.Error != "" || v.Record.Offered == 0) {
		return nil, nil
	}
	return v, r.keep(t.side, v)
}

// unmade returns an error if a side of several could make no visit in the first round.
func (r *runner) unmade(round int, failed []failures) error {
	if round > 1 || len(r.Sides) < 2 {
		return nil
	}
	for i, f := range failed {
		if f.n == len(r.cells) {
			return fmt.Errorf("no visit of %s could be made, the first because %s", r.Sides[i].Name, f.first)
		}
	}
	return nil
}

// failures are visits that could not be made.
type failures struct {
	n     int
	first string
}

func (f *failures) add(v *results.Visit) {
	if v.Error == "" {
		return
	}
	if f.n++; f.n == 1 {
		f.first = v.Error
	}
}
