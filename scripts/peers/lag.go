package main

import (
	"context"
	"fmt"

	"github.com/loadgen-go/loadgen/bench/pace"
)

// lag measures how late calls begin.
func lag(o options) section {
	s := section{
		name:    "lag",
		title:   fmt.Sprintf("how late empty calls begin, over %v", o.duration),
		head:    []string{"rate/s", "who"},
		columns: []string{"p50 us", "p99 us", "max us", "cores", "% in time", "early", "own p99 us"},
		notes: []string{
			"In time: began before the schedule ended. Calls that were not made because a peer was cut off count as",
			"late as they were by then, and early calls as 0 late. If a peer has its own schedule, it is assumed to",
			"start with the first call; otherwise, early counts calls that began before they were due, and 0 is the",
			"only correct result. Own: what loadgen itself reports.",
		},
	}
	peers := []peer{
		ours(pace.Auto, 1), ours(pace.Sleep, 1), ours(pace.Cheap, 1), fortio(1, true), fortio(fortioThreads, true),
		uber(), xTimeRate("burst 1", func(*load) int { return 1 }, false),
		xTimeRate("burst 10 ms", func(l *load) int { return l.perSecond() / 100 }, false),
		sleepLoop(), spinLoop(1),
	}
	for _, perSecond := range []int{1_000, 10_000, 50_000, 1_000_000} {
		for _, p := range peers {
			s.cells = append(s.cells, cell{[]string{fmt.Sprint(perSecond), p.name},
				func(ctx context.Context) (figures, error) {
					return lateness(ctx, p, perSecond, o)
				}})
		}
	}
	return s
}

// lateness measures how late the calls of p begin.
func lateness(ctx context.Context, p peer, perSecond int, o options) (figures, error) {
	l := newLoad(perSecond, o.duration)
	began := newTimeline(l.calls)
	var first reading
	l.call = func(n int) {
		began[n] = now()
		if n == 0 {
			first = read()
		}
	}
	r, err := p.run(ctx, l, o.timeout, began)
	if err != nil {
		return figures{}, err
	}
	last := read()
	if last.err != nil {
		return figures{}, last.err
	}
	if began[0] == 0 {
		first = last // p was cut off before the first call
	}
	late, early := r.late(began, r.end)
	f := figures{values: []float64{
		percentile(late, 0.5), percentile(late, 0.99), percentile(late, 1),
		cores(first, last), 100 * r.inTime(began), missing, missing,
	}, cut: r.cut}
	if r.known {
		f.values[5] = float64(early)
	}
	if r.record != nil {
		f.values[6] = micros(r.record.Generator.Quantile(0.99))
	}
	return f, nil
}
