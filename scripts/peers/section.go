package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"runtime"
	"slices"
	"time"
)

// options are those of the command.
type options struct {
	only     []string // sections; none: all
	rounds   int
	duration time.Duration // of a load
	timeout  time.Duration // of a measurement
	seed     uint64        // of the orders
	memory   [2]int        // calls of the memory section
}

// A section is one question, and its table.
type section struct {
	name, title string
	head        []string // of the labels of a row
	columns     []string // with their units
	cells       []cell
	// finish, if set, works out what takes several cells of one round.
	finish func(round []figures)
	notes  []string
}

// A cell is what is measured once a round, and becomes a row.
type cell struct {
	labels  []string
	measure func(ctx context.Context) (figures, error)
}

// figures are what one measurement says.
type figures struct {
	values []float64     // one for each column
	cut    time.Duration // after how long it was cut off; 0: it was not
}

// names are those of the sections, in the order in which they run.
var names = []string{"overhead", "lag", "exporter", "memory"}

func sections(o options) []section {
	return []section{overhead(o), lag(o), exporter(o), memory(o)}
}

// measure visits every cell of s once a round, in an order that the seed decides,
// and returns what was measured in each round. If ctx ends, the rounds that were
// whole by then are returned.
func (s *section) measure(ctx context.Context, o options, progress io.Writer) ([][]figures, error) {
	random := rand.New(rand.NewPCG(o.seed, uint64(slices.Index(names, s.name))))
	var rounds [][]figures
	for r := range o.rounds {
		fmt.Fprintf(progress, "%s: round %d of %d, %d measurements\n", s.name, r+1, o.rounds, len(s.cells))
		round := make([]figures, len(s.cells))
		for _, i := range random.Perm(len(s.cells)) {
			runtime.GC() // what one leaves behind is not collected at the cost of the next
			f, err := s.cells[i].measure(ctx)
			if ctx.Err() != nil {
				return rounds, nil
			}
			if err != nil {
				return rounds, fmt.Errorf("%s: %w", s.name, err)
			}
			round[i] = f
		}
		if s.finish != nil {
			s.finish(round)
		}
		rounds = append(rounds, round)
	}
	return rounds, nil
}
