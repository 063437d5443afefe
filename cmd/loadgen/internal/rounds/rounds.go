// Package rounds visits every cell of a scenario in rounds, in random order. Each visit runs in
// a new process that answers with one line of JSON.
//
// [Run] makes all visits of a run. A [Program] sends a request to one process, and [Answer]
// answers the request in that process. [Benchmarks] runs Go benchmarks of two revisions in rounds.
package rounds

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/rng"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Options say what to visit. The scenario determines the number of rounds and the seed of their order.
type Options struct {
	Scenario *scenarios.Scenario
	Cells    []scenarios.Cell   // cells to visit; nil means all cells of the scenario
	Sides    []Side             // sides that visit each cell; more than one for a comparison
	Turns    work.Turns         // the speed of this machine
	Provided visit.Provided     // for the services that visits start
	Logs     string             // directory for the output of these services
	Progress *terminal.Progress // shows the visits; nil shows none
}

// A Side is a program that makes visits, with the writer that keeps them.
type Side struct {
	Name    string // "" for the only side
	Program Program
	Writer  *results.Writer
	Inputs  []results.Input // inputs that every visit checks for changes
}

// Run visits every cell with every side in rounds, and closes the writers of the sides. All visits of a round share
// one seed, so that they have the same arrivals, keys and work. Each round has its own random order. If ctx ends, Run
// stops early. It reports whether it made all visits.
//
// If a visit fails, its Error says why, and Run continues. Run returns an error if it cannot write the files, if an
// input has changed, if a sidecar of all visits has ended, or if one of several sides fails in every visit of the
// first round.
func Run(ctx context.Context, o *Options) (complete bool, err error) {
	r := &runner{Options: o, cells: o.cells(), visit: o.visit, keep: o.keep}
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

// cells returns the cells to visit.
func (o *Options) cells() []scenarios.Cell {
	if o.Cells != nil {
		return o.Cells
	}
	return o.Scenario.Cells()
}

// visit makes a visit in a new process of a side.
func (o *Options) visit(ctx context.Context, side int, req *visit.Request) (*results.Visit, error) {
	return o.Sides[side].Program.Visit(ctx, req)
}

// keep adds a visit to the files of a side.
func (o *Options) keep(side int, v *results.Visit) error { return o.Sides[side].Writer.Add(v) }

// name returns a short name of a cell for the progress line, such as sdk 50,000/s.
func (o *Options) name(cell scenarios.Cell) string {
	level := record.ClosedLoop + " loop"
	switch l := cell.Level; {
	case l.Load != "":
		level = l.Load
	case l.QPS != schedule.Rate{}:
		level = format.GivenRate(l.QPS.Float())
	}
	return o.Scenario.NameOf(cell) + " " + level
}

// request returns the request for the visit of a cell by a side in a round.
func (o *Options) request(side int, cell scenarios.Cell, round int) *visit.Request {
	req := &visit.Request{Scenario: o.Scenario, Cell: cell, Seed: Seed(o.Scenario, round), Turns: o.Turns,
		Inputs: o.Sides[side].Inputs, Provided: o.Provided}
	if o.Scenario.Service != nil && o.Logs != "" {
		req.Log = filepath.Join(o.Logs, fmt.Sprintf("%s_round-%d.log", fileName(cell), round))
	}
	return req
}

// Seed returns the seed that all visits of a round share. Rounds are numbered from 1.
func Seed(s *scenarios.Scenario, round int) uint64 {
	return rng.New(s.Seed, rng.Rounds+rng.Stream(round)).Uint64()
}

// A runner holds the state of a run. Tests replace its functions.
type runner struct {
	*Options
	cells []scenarios.Cell
	visit func(ctx context.Context, side int, req *visit.Request) (*results.Visit, error)
	keep  func(side int, v *results.Visit) error
}

// A turn is a visit of a cell by a side. It holds their indices.
type turn struct{ side, cell int }

// turns returns the turns of a round, in the order of sides and cells.
func (r *runner) turns() (all []turn) {
	for side := range r.Sides {
		for cell := range r.cells {
			all = append(all, turn{side, cell})
		}
	}
	return all
}

// stage returns the visits of all rounds, for the progress line.
func (r *runner) stage() terminal.Stage {
	n := len(r.Sides) * r.Scenario.Rounds
	s := terminal.Stage{Steps: n * len(r.cells), Noun: "visit"}
	for _, cell := range r.cells {
		s.Takes += time.Duration(n) * r.Scenario.Takes(cell)
	}
	return s
}

// run makes the visits of all rounds.
func (r *runner) run(ctx context.Context) (complete bool, err error) {
	r.Progress.Begin(r.stage())
	defer r.Progress.End()
	defer r.Progress.AfterInterrupt(ctx, "the process of the visit to end")()
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
				r.Progress.Skip(r.Scenario.Takes(r.cells[t.cell]))
				continue // its remaining visits cannot change the outcome
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

// take makes the visit of a turn, the order-th of its round, and keeps it. It returns nil if ctx ended before
// anything was measured.
func (r *runner) take(ctx context.Context, t turn, round, order int) (*results.Visit, error) {
	cell := r.cells[t.cell]
	what := r.name(cell)
	if side := r.Sides[t.side].Name; side != "" {
		what = side + " " + what
	}
	r.Progress.Next(fmt.Sprintf("round %d of %d", round, r.Scenario.Rounds), what, r.Scenario.Takes(cell))
	v, err := r.visit(ctx, t.side, r.request(t.side, cell, round))
	if err != nil {
		return nil, err
	}
	v.Round, v.Order = round, order
	if ctx.Err() != nil && !v.Usable() && (v.Error != "" || v.Record.Offered == 0) {
		return nil, nil
	}
	lost := r.Provided.Lost()
	if lost != nil {
		v.Error = cmp.Or(v.Error, lost.Error())
	}
	return v, cmp.Or(r.keep(t.side, v), lost)
}

// unmade returns an error if there are several sides and one of them failed in every visit of the first round.
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

// failures counts the visits that could not be made, and holds the error of the first one.
type failures struct {
	n     int
	first string
}

// add counts v if it has an error.
func (f *failures) add(v *results.Visit) {
	if v.Error == "" {
		return
	}
	if f.n++; f.n == 1 {
		f.first = v.Error
	}
}
