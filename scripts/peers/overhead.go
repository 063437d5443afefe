package main

import (
	"context"
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
)

// never is a rate that nobody reaches, so that nothing ever waits.
const never = 1_000_000_000

// overhead asks what a call costs when nothing waits and the target does nothing.
func overhead(o options) section {
	// As many calls as take about the duration for the slowest of the peers.
	calls := max(int(o.duration/time.Microsecond), 8)
	peers := []peer{
		clockLoop(), ours(pace.Tight, 1), fortio(1, false), fortio(1, true),
		uber(), xTimeRate("never empty", func(l *load) int { return l.calls }, true),
	}
	const floor, we = 0, 1
	peers[we].name = "loadgen"
	peers[2].name, peers[3].name = "fortio, max rate", "fortio, paced"
	s := section{
		name:    "overhead",
		title:   fmt.Sprintf("the cost of a call of nothing, 1 worker, %d calls due 1 ns apart", calls),
		head:    []string{"who"},
		columns: []string{"CPU ns", "wall ns", "allocs", "CPU / loadgen's", "CPU / clock's"},
		notes: []string{
			"From the first call to the last, as the target sees them. Ratios are taken within a round.",
			"uber and x/time/rate only limit: no schedule is kept and nothing is recorded.",
		},
	}
	for _, p := range peers {
		s.cells = append(s.cells, cell{[]string{p.name}, func(ctx context.Context) (figures, error) {
			return cost(ctx, p, calls, o.timeout)
		}})
	}
	s.finish = func(round []figures) {
		for _, f := range round {
			f.values[3] = f.values[0] / round[we].values[0]
			f.values[4] = f.values[0] / round[floor].values[0]
		}
	}
	return s
}

// cost is what each of so many calls costs by p, with room for two ratios.
func cost(ctx context.Context, p peer, calls int, limit time.Duration) (figures, error) {
	l := &load{gap: time.Second / never, calls: calls}
	var made int
	var from, to reading
	// The target itself sees where it starts and ends: what a peer takes to get
	// ready, and to add up, is not of a call.
	l.call = func(int) {
		made++
		if made == 1 {
			from = readAll()
		} else if made == calls {
			to = readAll()
		}
	}
	r, err := p.run(ctx, l, limit, nil)
	if err != nil {
		return figures{}, err
	}
	if to.at == 0 {
		to = readAll() // it was cut off
	}
	if from.err != nil {
		return figures{}, from.err
	}
	if to.err != nil {
		return figures{}, to.err
	}
	if made < 2 {
		return figures{[]float64{missing, missing, missing, missing, missing}, r.cut}, nil
	}
	per := func(total float64) float64 { return total / float64(made-1) }
	return figures{[]float64{
		per(float64(to.cpu - from.cpu)), per(float64(to.at - from.at)), per(float64(to.mallocs - from.mallocs)),
		missing, missing,
	}, r.cut}, nil
}
