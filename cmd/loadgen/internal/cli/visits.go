package cli

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/internal/rng"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// visits are those of one run, or of several that are made side by side.
type visits struct {
	sides    []side
	scenario *scenarios.Scenario
	only     []scenarios.Cell // nil: all of the scenario
	turns    work.Turns
	progress *progress
}

func (v *visits) cells() []scenarios.Cell {
	if v.only != nil {
		return v.only
	}
	return v.scenario.Cells()
}

// A side is a program that makes visits, and where they are written.
type side struct {
	name    string // "" if it is the only one
	program string
	writer  *results.Writer
	inputs  []results.Input // that its visits are held to
}

// A turn is a cell, visited by a side.
type turn struct {
	side int // index
	cell scenarios.Cell
}

// round is every turn of one.
func (v *visits) round() (all []turn) {
	for i := range v.sides {
		for _, c := range v.cells() {
			all = append(all, turn{i, c})
		}
	}
	return all
}

// profile visits every cell once more, on the arrivals of the first round, and keeps
// the profiles of it in a directory. Nothing of these visits is in the results:
// profiling would be in them. It returns where the profiles are, for the user, and the
// error to end with.
func (v *visits) profile(ctx context.Context, kinds []string, dir string) (found string, err error) {
	defer v.progress.finish()
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", unusable(err)
	}
	s := v.scenario
	for _, cell := range s.Cells() {
		v.progress.next(fmt.Sprintf("profile of %v", cell))
		name := strings.Map(func(r rune) rune {
			if strings.ContainsRune("/: ", r) {
				return '_'
			}
			return r
		}, cell.Arm()+"_"+cell.Level.Name())
		got, err := spawn(ctx, v.sides[0].program, &visit.Request{Scenario: s, Cell: cell, Seed: roundSeed(s, 1),
			Turns:   v.turns,
			Profile: &visit.Profile{Kinds: kinds, Prefix: filepath.Join(dir, name)}, Inputs: v.sides[0].inputs})
		switch {
		case err != nil:
			return "", unusable(fmt.Errorf("profiling %v: %w", cell, err))
		case ctx.Err() != nil:
			return "", &exitError{exitInterrupted, errors.New("interrupted before every cell was profiled")}
		case got.Error != "":
			return "", unusable(fmt.Errorf("profiling %v: %s", cell, got.Error))
		}
	}
	return fmt.Sprintf("\nProfiles of one more visit of every cell\n\n  %s\n\nLook at them with go tool pprof "+
		"-http : FILE, and go tool trace FILE.\n", dir), nil
}

// roundSeed is the seed of a round.
func roundSeed(s *scenarios.Scenario, round int) uint64 {
	return rng.New(s.Seed, rng.Rounds+rng.Stream(round)).Uint64()
}

// run visits every cell of every side in rounds. Each round has one seed for all, so
// that they are compared on the same arrivals, keys and work, and an order of its own.
// It tells whether all were made: an interrupt ends it sooner. An error is that of
// the files, of an input that has changed, or of a side that cannot be visited at all: one of
// a visit is in its record.
func (v *visits) run(ctx context.Context) (complete bool, err error) {
	defer v.progress.finish()
	s := v.scenario
	lost := lostCells{scenario: s}
	order := rng.New(s.Seed, rng.Order)
	for round := 1; round <= s.Rounds; round++ {
		turns := v.round()
		order.Shuffle(len(turns), func(i, j int) { turns[i], turns[j] = turns[j], turns[i] })
		failed := make([]failures, len(v.sides))
		for i, t := range turns {
			if ctx.Err() != nil {
				return false, nil
			}
			if lost.has(t) {
				continue // it misses what it is to hold, whatever the rest of its visits do
			}
			side := &v.sides[t.side]
			v.progress.next(strings.TrimSpace(fmt.Sprintf("round %d of %d, %v %s", round, s.Rounds, t.cell, side.name)))
			got, err := spawn(ctx, side.program, &visit.Request{Scenario: s, Cell: t.cell, Seed: roundSeed(s, round),
				Turns: v.turns, Inputs: side.inputs})
			if err != nil {
				return false, err
			}
			got.Round, got.Order = round, i+1
			lost.add(t, got)
			cut := ctx.Err() != nil && !got.Usable()
			if cut && (got.Error != "" || got.Record.Offered == 0) {
				return false, nil // nothing had been measured
			}
			if err := side.writer.Add(got); err != nil || cut {
				return false, err
			}
			failed[t.side].add(got)
		}
		for i, f := range failed {
			if round == 1 && len(v.sides) > 1 && f.n == len(v.cells()) {
				return false, fmt.Errorf("no visit of %s could be made, the first because %s", v.sides[i].name, f.first)
			}
		}
	}
	return true, nil
}

// lostCells are those of a scenario that ends visits early of which it is certain that they
// miss an objective in too many visits.
type lostCells struct {
	scenario *scenarios.Scenario
	missed   map[turn]map[string]int // visits, by objective
	lost     map[turn]bool
}

func (l *lostCells) has(t turn) bool { return l.lost[t] }

func (l *lostCells) add(t turn, v *results.Visit) {
	s := l.scenario
	if !s.Abort || v.Record == nil {
		return
	}
	if l.missed == nil {
		l.missed, l.lost = map[turn]map[string]int{}, map[turn]bool{}
	}
	if l.missed[t] == nil {
		l.missed[t] = map[string]int{}
	}
	for _, r := range v.Record.SLOs {
		if r.Missed() {
			l.missed[t][r.SLO]++
			l.lost[t] = l.lost[t] || !s.SLOVisits.Met(s.Rounds-l.missed[t][r.SLO], s.Rounds)
		}
	}
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
