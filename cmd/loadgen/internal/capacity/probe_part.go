package capacity

import (
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench"
)

// A Part is what one visit of a probe says, as if it were all of it, and what it takes
// to join it with others.
type Part struct {
	Probe
	Latency []float64 `json:"latency_margins"` // of each batch, by the objectives that it can be judged by
	Others  []float64 `json:"other_margins"`   // of each objective that is about the whole; MaxMargin of the others
}

// A Length is how long a visit of a probe is.
type Length struct {
	Duration time.Duration
	Batches  int
}

// perPart is how many batches each visit of a probe has: the first as many as Done asks
// for. More visits would end some probes sooner, but each takes a process and a warm-up.
var perPart = [...]int{looks, Batches - looks}

// beginning is about how long it takes to begin a visit, besides its warm-up.
const beginning = 150 * time.Millisecond

// Parts are the visits that a probe is made in, so that it can be stopped between them. It
// is one visit if parts were of too few calls, if they took longer to begin than to make, or if
// the objectives are about windows, or the whole, of which parts do not tell.
func Parts(rate float64, duration, warmup time.Duration, slos []bench.SLO) []Length {
	least := spare * float64(perBatch(slos)) * Batches
	windows := slices.ContainsFunc(slos, func(s bench.SLO) bool { return read(s).every })
	if windows || !anyBatched(slos) || rate*duration.Seconds() < least || duration < 5*(beginning+warmup) {
		return []Length{{duration, Batches}}
	}
	parts := make([]Length, len(perPart))
	for i, n := range perPart {
		parts[i] = Length{duration * time.Duration(n) / Batches, n}
	}
	return parts
}

// Join is the probe that parts are together, of which there is at least one. Batches are judged by latency each, and
// by what is about the whole all alike: by the share of calls that went wrong in all parts,
// and the largest latency of any.
func Join(ask Ask, slos []bench.SLO, parts []*Part) *Probe {
	p := parts[0].Probe
	p.Evidence = Evidence{Ask: ask}
	p.Objectives, p.Verdict = slices.Clone(p.Objectives), nil
	p.Visits, p.Scheduled, p.Generator = len(parts), 0, 0
	offered, achieved, cores, inSystem := 0.0, 0.0, 0.0, 0.0
	var latency []float64
	for _, part := range parts {
		t := part.Scheduled.Seconds()
		offered, achieved = offered+t*part.Offered, achieved+t*part.Evidence.Achieved
		cores, inSystem = cores+t*part.Cores, inSystem+t*part.InSystem
		p.Scheduled += part.Scheduled
		p.Generator = max(p.Generator, part.Generator)
		latency = append(latency, part.Latency...)
		for _, r := range part.Verdict {
			if !slices.ContainsFunc(p.Verdict, func(had bench.Reason) bool { return had.Name == r.Name }) {
				p.Verdict = append(p.Verdict, r)
			}
		}
	}
	t := max(p.Scheduled.Seconds(), 1e-9)
	p.Offered, p.Evidence.Achieved, p.Cores, p.InSystem = offered/t, achieved/t, cores/t, inSystem/t
	others := float64(MaxMargin)
	for i, s := range slos {
		o := read(s)
		others = min(others, o.ofParts(i, parts))
		p.Objectives[i] = o.worst(i, parts)
	}
	p.Evidence.Margins = atMost(latency, others)
	if !p.Held() {
		for _, part := range parts {
			if p.Evidence.Limited == "" {
				p.Evidence.Limited, p.Evidence.Resource = part.Evidence.Limited, part.Evidence.Resource
			}
		}
	}
	return &p
}

// ofParts is the margin over parts of an objective, the i-th, that is about the whole.
func (o objective) ofParts(i int, parts []*Part) float64 {
	least, wrong, calls := float64(MaxMargin), 0.0, 0.0
	for _, p := range parts {
		least = min(least, p.Others[i])
		n := p.Offered * p.Scheduled.Seconds()
		wrong, calls = wrong+n*math.Exp(-p.Others[i]), calls+n // beside the bound
	}
	if o.batched() || o.metric == "max" || calls == 0 {
		return least
	}
	return min(max(-math.Log(wrong/calls), -MaxMargin), MaxMargin)
}

// worst is how the part judged the i-th objective that came nearest to missing it.
func (o objective) worst(i int, parts []*Part) bench.SLOResult {
	worst := parts[0].Objectives[i]
	least := math.Inf(1)
	for _, p := range parts {
		if m, err := o.ofRun(p.Objectives[i]); err == nil && m < least {
			least, worst = m, p.Objectives[i]
		}
	}
	return worst
}
