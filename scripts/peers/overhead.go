package main

import (
	"context"
	"fmt"
	"time"

	"github.com/loadgen-go/loadgen/bench/pace"
)

// never is a rate that cannot be reached, so that nothing waits.
const never = 1_000_000_000

// overhead measures the cost of a call when nothing waits and the target does nothing.
func overhead(o options) section {
	// Make as many calls as the slowest of the peers makes in about the duration.
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
		title:   fmt.Sprintf("the cost of an empty call, 1 worker, %d calls due 1 ns apart", calls),
		head:    []string{"who"},
		columns: []string{"CPU ns", "wall ns", "allocs", "CPU / loadgen's", "CPU / clock's"},
		notes: []string{
			"Measured by the target, from the first call to the last. Ratios are of the same round.",
			"uber and x/time/rate are limiters: they keep no schedule and record nothing.",
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

// cost measures what each of calls calls by p costs. It leaves room for two ratios.
func cost(ctx context.Context, p peer, calls int, limit time.Duration) (figures, error) {
	l := &load{gap: time.Second / never, calls: calls}
	var made int
	var first, last reading
	// The target itself measures from its first to its last call. What a peer needs to get ready and
	// to add up results is not part of a call.
	l.call = func(int) {
		made++
		if made == 1 {
			first = readAll()
		} else if made == calls {
			last = readAll()
		}
	}
	r, err := p.run(ctx, l, limit, nil)
	if err != nil {
		return figures{}, err
	}
	if last.time == 0 {
		last = readAll() // p was cut off
	}
	if first.err != nil {
		return figures{}, first.err
	}
	if last.err != nil {
		return figures{}, last.err
	}
	if made < 2 {
		return figures{values: []float64{missing, missing, missing, missing, missing}, cut: r.cut}, nil
	}
	per := func(total float64) float64 { return total / float64(made-1) }
	return figures{values: []float64{
		per(float64(last.cpu - first.cpu)), per(float64(last.time - first.time)),
		per(float64(last.mallocs - first.mallocs)),
		missing, missing,
	}, cut: r.cut}, nil
}
