// Package fleet plans how many instances carry a peak, from what one of them carries.
//
// After a number of instances are lost, the rest carry the peak and have headroom left. Each is offered
//
//	peak / (instances - failures)
//
// calls a second in the mean, but over a visit a random number of calls, some instances more than others. The plan is
// the fewest instances of which the busiest is offered at most
//
//	(1 - headroom) told
//
// over a visit, in [Share] of the visits. Told is the rate at which the search saw visits hold. The plan never
// exceeds it. A visit of an instance is then like one of the search at that rate or below, and holds as often as
// those. All instances hold at once less often, the more there are, which headroom is for.
//
// The model is that of N+k spares: instances fail independently and are alike. What it leaves out is in LeftOut.
package fleet

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// LeftOut is what the plan knows nothing of.
var LeftOut = []string{
	"balancing that is uneven beyond chance: the busiest instance decides, and if it gets 10% more than its share, " +
		"so much headroom is gone",
	"all instances at once: each holds as often as visits at plan/s did, and of many instances one is likelier to " +
		"miss; headroom covers that",
	"failures that come together, of a zone or by a bad release: --failures is how many are lost at once, for any " +
		"reason",
	"retries and reconnections while instances fail, which make the peak higher",
	"what instances share: a database, a network, a collector of spans",
	"another machine, another mix of keys or another latency behind the target than those that were measured",
}

// mostInstances is above any fleet that is planned with one number.
const mostInstances = 1_000_000

// An Ask is what the fleet is to carry.
type Ask struct {
	Peak     float64 `json:"peak_qps"` // calls a second, in all
	Headroom float64 `json:"headroom"` // the share of capacity that is left at the peak, after the failures
	Failures int     `json:"failures"` // how many instances are lost
}

// The greatest headroom and number of failures.
const (
	MostHeadroom = 0.95
	MostFailures = 1000
)

// Check reports everything that is wrong, by the flags of loadgen capacity plan.
func (a Ask) Check() error {
	var errs []error
	if !(a.Peak > 0 && a.Peak <= 1e12) {
		errs = append(errs, fmt.Errorf("--peak: %v is not valid: want calls a second, above 0", a.Peak))
	}
	if !(a.Headroom >= 0 && a.Headroom <= MostHeadroom) {
		errs = append(errs,
			fmt.Errorf("--headroom: %.6g%% is not valid: want 0%% to %v%%", 100*a.Headroom, 100*MostHeadroom))
	}
	if a.Failures < 0 || a.Failures > MostFailures {
		errs = append(errs, fmt.Errorf("--failures: %d is not valid: want 0 to %d", a.Failures, MostFailures))
	}
	return errors.Join(errs...)
}

// instances returns how many carry what is asked, at a capacity each.
func (a Ask) instances(c Capacity) int {
	return a.Failures + carrying(a.Peak, (1-a.Headroom)*c.Told, c.Visit)
}

// A WhatIf is how many instances another question would need.
type WhatIf struct {
	Headroom  float64 `json:"headroom"`
	Failures  int     `json:"failures"`
	Instances int     `json:"instances"`
}

// An ArmPlan is what an arm needs. Utilisations are shares of the rate that was told.
type ArmPlan struct {
	Capacity
	Instances            int     `json:"instances"`
	Utilisation          float64 `json:"utilisation"`            // in the mean
	UtilisationInFailure float64 `json:"utilisation_in_failure"` // in the mean, of those that are left
	// Busiest is the utilisation of the busiest instance over a visit after the failures, in [Share] of the visits.
	Busiest float64 `json:"busiest_in_failure"`
	// More are the instances that it needs beyond those of the first arm.
	More   int      `json:"more_instances"`
	WhatIf []WhatIf `json:"what_if"` // by headroom, then by failures
}

// A Plan is the answer to an Ask.
type Plan struct {
	Schema int `json:"schema"`
	Ask
	// Share is the share of visits in which no instance is offered more than the headroom leaves.
	Share  float64 `json:"share_of_visits"`
	Source string  `json:"source"` // where the capacities are from
	// Environment is where they were measured; nil if they were given.
	Environment *results.Environment `json:"environment,omitempty"`
	Arms        []ArmPlan            `json:"arms"` // the first is what the others are set against
	Curves      []Curve              `json:"curves,omitempty"`
	Caveats     []string             `json:"caveats,omitempty"` // about all arms
	Warnings    []string             `json:"warnings,omitempty"`
	LeftOut     []string             `json:"left_out"`
}

// New plans for each arm of m. Everything wrong with a is reported.
func New(a Ask, m *Measured) (*Plan, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if len(m.Arms) == 0 {
		return nil, fmt.Errorf("%s has no capacity to plan with", m.Source)
	}
	p := &Plan{Schema: 2, Ask: a, Share: Share, Source: m.Source, Environment: m.Environment, Curves: m.Curves,
		Caveats: m.Caveats, Warnings: m.Warnings, LeftOut: LeftOut}
	var errs []error
	for _, c := range m.Arms {
		if a.instances(c) > mostInstances {
			errs = append(errs, fmt.Errorf("%s needs more than %s instances: are the peak of %.6g/s and the capacity "+
				"of %.6g/s in one unit?", c.Arm, report.Count(mostInstances), a.Peak, c.Told))
			continue
		}
		p.Arms = append(p.Arms, a.plan(c))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	for i := range p.Arms {
		p.Arms[i].More = p.Arms[i].Instances - p.Arms[0].Instances
	}
	return p, nil
}

func (a Ask) plan(c Capacity) ArmPlan {
	p := ArmPlan{Capacity: c, Instances: a.instances(c)}
	left := p.Instances - a.Failures
	p.Utilisation = a.Peak / (float64(p.Instances) * c.Told)
	p.UtilisationInFailure = a.Peak / (float64(left) * c.Told)
	p.Busiest = busiest(a.Peak, left, c.Visit) / c.Told
	for _, headroom := range a.headrooms() {
		for _, failures := range a.losses() {
			p.WhatIf = append(p.WhatIf, WhatIf{headroom, failures, Ask{a.Peak, headroom, failures}.instances(c)})
		}
	}
	return p
}

// headrooms are those to try, with the one that was asked for.
func (a Ask) headrooms() []float64 {
	all := []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
	if !slices.ContainsFunc(all, func(h float64) bool { return math.Abs(h-a.Headroom) < 1e-9 }) {
		all = append(all, a.Headroom)
		slices.Sort(all)
	}
	return all
}

// losses are the failures to try, with those that were asked for.
func (a Ask) losses() []int {
	all := []int{0, 1, 2}
	if a.Failures > 2 {
		all = append(all, a.Failures)
	}
	return all
}
