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

// A Probe is what came of one visit that was made for the search, and the figures of it that a
// reader wants to see.
type Probe struct {
	Evidence   Evidence           `json:"evidence"`
	Began      time.Time          `json:"began"`
	Seed       uint64             `json:"seed"`
	Stopped    bool               `json:"stopped,omitempty"` // once it was certain to miss
	Scheduled  time.Duration      `json:"scheduled_ns"`      // of the load, until it was stopped
	Offered    float64            `json:"offered"`           // calls a second
	Objectives []record.SLOResult `json:"objectives"`
	Verdict    []record.Reason    `json:"verdict,omitempty"` // why the visit is not valid
	Cores      float64            `json:"cores"`             // CPU time of the calls, a second
	Generator  time.Duration      `json:"generator_lag_p99_ns"`
	InSystem   float64            `json:"in_system"` // calls, in the mean
}

const (
	// spare is how many times as many calls as needed are asked for: arrivals are random.
	spare = 1.2
	// leastCalls is how many calls a probe has at least, whatever its objectives.
	leastCalls = 100
	// windows is how many windows a visit has, by which it is judged to be steady: in shorter ones a
	// single call that is late is much.
	windows = 10
)

// Window returns how long the windows of a probe are, or 0 if objectives about windows decide.
func Window(duration time.Duration, slos []record.SLO) time.Duration {
	if slices.ContainsFunc(slos, func(s record.SLO) bool { return s.Every() > 0 }) {
		return 0
	}
	return (duration / windows).Round(time.Millisecond)
}

// Calls returns how many calls a probe needs for its objectives: so many that a percentile has an
// interval, and that none going wrong is evidence of a share of calls below the bound.
func Calls(slos []record.SLO) uint64 {
	need := uint64(leastCalls)
	for _, s := range slos {
		if s.Every() == 0 {
			need = max(need, samples(s))
		}
	}
	return need
}

// LeastRate returns the lowest rate, in calls a second, at which windows have calls enough for their percentiles.
func LeastRate(slos []record.SLO) (rate float64) {
	for _, s := range slos {
		if s.Every() > 0 && s.Quantile() > 0 {
			rate = max(rate, float64(samples(s))/s.Every().Seconds())
		}
	}
	return rate
}

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

// NewProbe returns what a visit says of its objectives.
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

// judge takes the verdict from objectives, of which one that is missed decides, and the figures from the
// one with the highest burn.
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
		e.Limited = "" // one that is missed is enough
	} else if e.Limited != "" {
		e.Met = false
	}
}

// spoiled returns why a visit does not hold, whatever its objectives.
func spoiled(v *results.Visit) string {
	for _, r := range v.Verdict {
		if r.Name == record.Saturated || r.Name == record.NotStationary {
			return r.Name + ": " + r.Detail
		}
	}
	return ""
}

func perElapsed(d time.Duration, r *record.Record) float64 {
	return float64(d) / float64(max(r.Elapsed, 1))
}
