package main

import (
	"slices"
	"strings"
	"time"
)

// A ratio is how a percentile of latency with an outage compares with the same load without one, over the rounds.
type ratio struct {
	Arm        string        `json:"arm"`
	Percentile string        `json:"percentile"`
	Calm       time.Duration `json:"calm_ns"`   // median of the rounds
	Outage     time.Duration `json:"outage_ns"` // likewise
	Ratio      float64       `json:"ratio"`     // median of the ratios of the rounds
	Least      float64       `json:"least"`
	Most       float64       `json:"most"`
}

// wide is a ratio that is worth a warning. Latency is not judged: the machine may be busy with something else.
const wide = 2

// warns reports whether requests took much longer in every round.
func (r ratio) warns() bool { return r.Least > wide }

// during returns the latencies of the calls that were due while a collector would be stopped, sorted.
func (p *passage) during(begin, outage time.Duration) (list []time.Duration) {
	n := float64(len(p.load.calls))
	perCall := p.load.length.Seconds() / max(n, 1)
	first, last := begin.Seconds()/perCall, (begin+outage).Seconds()/perCall
	for i := range p.load.calls {
		if c := &p.load.calls[i]; float64(i) >= first && float64(i) < last && c.status != 0 {
			list = append(list, c.latency)
		}
	}
	slices.Sort(list)
	return list
}

// ratios compares the visits with an outage with those without one, round by round.
func ratios(passages []*passage, begin, outage time.Duration) (list []ratio) {
	for _, arm := range []string{sdk, pooled} {
		for _, q := range []struct {
			name string
			q    float64
		}{{"p50", .5}, {"p99", .99}} {
			if r, ok := ratioOf(passages, arm, q.q, begin, outage); ok {
				r.Percentile = q.name
				list = append(list, r)
			}
		}
	}
	return list
}

// ratioOf compares one percentile of an arm. ok is false if there is no round.
func ratioOf(passages []*passage, arm string, q float64, begin, outage time.Duration) (r ratio, ok bool) {
	calm, out := map[string]time.Duration{}, map[string]time.Duration{}
	for _, p := range passages {
		name, round, numbered := strings.Cut(p.visit, " ")
		sorted := p.during(begin, outage)
		if p.arm != arm || !numbered || len(sorted) == 0 {
			continue
		}
		value := sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
		if name == "calm" {
			calm[round] = value
		} else {
			out[round] = value
		}
	}
	var all []float64
	var a, b []time.Duration
	for round := range calm {
		if out[round] > 0 {
			all = append(all, float64(out[round])/float64(calm[round]))
			a, b = append(a, calm[round]), append(b, out[round])
		}
	}
	if len(all) == 0 {
		return r, false
	}
	return ratio{Arm: arm, Calm: middle(a), Outage: middle(b), Ratio: middle(all), Least: slices.Min(all),
		Most: slices.Max(all)}, true
}

// middle returns the median, which is the mean of two values in the middle.
func middle[T ~float64 | ~int64](values []T) T {
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}
