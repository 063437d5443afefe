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

// options are the options of the command.
type options struct {
	only     []string // sections to run; all if empty
	rounds   int
	duration time.Duration // length of a load
	timeout  time.Duration // limit for a measurement
	seed     uint64        // seed of the orders
	judge    bool          // whether to judge the bars
	memory   [2]int        // numbers of calls in the memory section
	stall    stallPlan
	pool     poolPlan
}

// wants reports whether the section with a name is to run.
func (o options) wants(name string) bool { return len(o.only) == 0 || slices.Contains(o.only, name) }

// A section is a question and its table.
type section struct {
	name, title string
	head        []string // names of the labels of a row
	columns     []string // names of the numbers, with units
	cells       []cell
	// finish, if set, computes the numbers that need several cells of a round.
	finish func(round []figures)
	notes  []string
	bars   []bar
}

// A cell is measured once per round, and becomes a row.
type cell struct {
	labels  []string
	measure func(ctx context.Context) (figures, error)
}

// figures are the results of a measurement.
type figures struct {
	values []float64     // one for each column
	cut    time.Duration // time after which it was cut off; 0 if it was not
	note   string        // why there are no values; "" if there are
}

// names are the names of the sections, in the order in which they run.
var names = []string{"overhead", "lag", "exporter", "memory", "client", "stall", "pool"}

// barred are the names of the sections that have bars.
var barred = []string{"client", "stall", "pool"}

func sections(o options) []section {
	return []section{overhead(o), lag(o), exporter(o), memory(o), client(o), stallSection(o), pool(o)}
}

// row returns the index of the cell with the given labels.
func (s *section) row(labels ...string) int {
	return slices.IndexFunc(s.cells, func(c cell) bool { return slices.Equal(c.labels, labels) })
}

// measure visits every cell of s once per round, in an order determined by the seed, and returns the results of each
// round. If ctx ends, it returns the rounds that were complete by then.
func (s *section) measure(ctx context.Context, o options, progress io.Writer) ([][]figures, error) {
	random := rand.New(rand.NewPCG(o.seed, uint64(slices.Index(names, s.name))))
	var rounds [][]figures
	for r := range o.rounds {
		fmt.Fprintf(progress, "%s: round %d of %d, %d measurements\n", s.name, r+1, o.rounds, len(s.cells))
		round := make([]figures, len(s.cells))
		for _, i := range random.Perm(len(s.cells)) {
			runtime.GC() // garbage of a measurement must not be collected during the next
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
