package capacity

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A Probe is the result of one visit of the search, with figures for readers.
type Probe struct {
	Evidence   Evidence           `json:"evidence"`
	Began      time.Time          `json:"began"`
	Seed       uint64             `json:"seed"`
	Stopped    bool               `json:"stopped,omitempty"` // whether it ended early, since it was certain to miss
	Scheduled  time.Duration      `json:"scheduled_ns"`      // duration of the load, until it was stopped
	Offered    float64            `json:"offered"`           // calls per second
	Objectives []record.SLOResult `json:"objectives"`
	Verdict    []record.Reason    `json:"verdict,omitempty"` // why the visit is not valid
	Cores      float64            `json:"cores"`             // CPU time of the calls per second
	Generator  time.Duration      `json:"generator_lag_p99_ns"`
	InSystem   float64            `json:"in_system"` // mean number of calls
}

const (
	// spare is the ratio of requested to needed calls, since arrivals are random.
	spare = 1.2
	// leastCalls is the smallest number of calls of a probe, whatever its objectives.
	leastCalls = 100
	// windows is the number of windows of a visit, by which its steadiness is judged. In shorter windows a single late
	// call would weigh too much.
	windows = 10
)

// Window returns the length of a probe's windows, or 0 if objectives about windows determine it.
func Window(duration time.Duration, slos []record.SLO) time.Duration {
	if slices.ContainsFunc(slos, func(s record.SLO) bool { return s.Every() > 0 }) {
		return 0
	}
	return (duration / windows).Round(time.Millisecond)
}

// Calls returns how many calls a probe needs for its objectives. With this number, percentiles have an interval, and a
// probe without a single bad call is evidence that the share of bad calls is below the bound.
func Calls(slos []record.SLO) uint64 {
	need := uint64(leastCalls)
	for _, s := range slos {
		if s.Every() == 0 {
			need = max(need, samples(s))
		}
	}
	return need
}

// LeastRate returns the lowest rate, in calls per second, at which windows have enough calls for their percentiles.
func LeastRate(slos []record.SLO) (rate float64) {
	for _, s := range slos {
		if s.Every() > 0 && s.Quantile() > 0 {
			rate = max(rate, float64(samples(s))/s.Every().Seconds())
		}
	}
	return rate
}

// samples returns how many calls an objective needs.
func samples(s record.SLO) uint64 {
	share := s.Quantile()
	switch s.Metric() {
	case "errors", "drops":
		share = 1 - s.Limit()
	case "achieved":
		share = s.Limit()
	}
	return uint64(math.Ceil(spare * float64(quantile.SamplesFor(share))))
}

// NewProbe returns the result of a visit. It returns an error if the visit was not judged by the objectives.
func NewProbe(ask Ask, slos []record.SLO, v *results.Visit) (*Probe, error) {
	r := v.Record
	if len(slos) == 0 || len(r.SLOs) != len(slos) {
		return nil, errors.New("the probe was judged by no objective")
	}
	e := Evidence{Ask: ask, Achieved: r.Achieved()}
	e.judge(r.SLOs)
	if e.Limited == "" {
		e.Limited = limited(slos, v, e.Met)
	}
	e.Spoiled = spoiled(v)
	if e.Failed() {
		e.Resource = resource(v)
	}
	return &Probe{
		Evidence:   e,
		Began:      v.Began,
		Stopped:    r.Aborted != "",
		Scheduled:  r.Scheduled,
		Offered:    r.Rate(),
		Objectives: r.SLOs,
		Verdict:    v.Verdict,
		Cores:      perElapsed(v.Cost.CPU, r),
		Generator:  r.Generator.Quantile(0.99),
		InSystem:   r.InSystem,
	}, nil
}

// judge sets Met, which a single missed objective makes false, and the figures of the objective with the highest burn.
func (e *Evidence) judge(objectives []record.SLOResult) {
	e.Met = true
	first := true
	for _, o := range objectives {
		if !o.Judged {
			e.Limited = fmt.Sprintf("%s: %s %s", record.TooFewSamples, o.SLO, o.Detail)
			continue
		}
		e.Met = e.Met && o.Met
		if first || o.Burn > e.Burn {
			e.Due, e.Bad, e.Burn = o.Due, o.Bad, o.Burn
		}
		first = false
	}
	if !e.Met {
		e.Limited = "" // one missed objective decides, even if others cannot be judged
	} else if e.Limited != "" {
		e.Met = false
	}
}

// spoiled returns why a visit does not hold even if it met its objectives, or "".
func spoiled(v *results.Visit) string {
	for _, r := range v.Verdict {
		if r.Name == record.Saturated || r.Name == record.NotStationary {
			return r.Name + ": " + r.Detail
		}
	}
	return ""
}

// perElapsed returns a duration divided by the elapsed time of the load.
func perElapsed(d time.Duration, r *record.Record) float64 {
	return float64(d) / float64(max(r.Elapsed, 1))
}
