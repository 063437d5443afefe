// Package fleet plans how many instances carry a peak, given the capacity of one instance.
//
// After a number of instances are lost, the remaining instances carry the peak and have headroom left. Each is offered
//
//	peak / (instances - failures)
//
// calls per second on average. During a visit it is offered a random number of calls, and some instances more than
// others. The plan is the smallest number of instances for which the busiest instance is offered at most
//
//	(1 - headroom) told
//
// during a visit, in [Plan.Share] of the visits. Told is the rate at which the search saw visits hold, and the plan
// never exceeds it. A visit of an instance is then like a visit of the search at that rate or below, and holds as
// often. The chance that all instances hold at once falls with their number, which is what headroom is for.
//
// The model is that of N+k spares, in which instances are alike and fail independently. leftOut lists what it ignores.
package fleet

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// leftOut returns what the plan does not take into account.
func leftOut() []string {
	return []string{
		"uneven balancing beyond chance: the busiest instance decides, and if it gets 10% more than its share, that " +
			"much headroom is gone",
		"all instances at once: each holds as often as visits at plan/s did, and with many instances it is likelier " +
			"that one misses; headroom covers that",
		"failures that come together, such as of a zone or by a bad release: --failures is how many are lost at " +
			"once, for any reason",
		"retries and reconnections while instances fail, which raise the peak",
		"shared resources of instances, such as a database, a network or a collector of spans",
		"another machine, mix of keys or latency behind the target than those that were measured",
	}
}

// mostInstances is more than any plausible fleet.
const mostInstances = 1_000_000

// An Ask is what the fleet must carry.
type Ask struct {
	Peak     float64 `json:"peak_qps"` // calls per second in total
	Headroom float64 `json:"headroom"` // share of capacity that is left at the peak, after the failures
	Failures int     `json:"failures"` // number of instances that are lost
}

// The largest headroom and number of failures.
const (
	MostHeadroom = 0.95
	MostFailures = 1000
)

// Check returns an error that reports everything that is wrong, by the flags of loadgen capacity plan.
func (a Ask) Check() error {
	var errs []error
	if !(a.Peak > 0 && a.Peak <= 1e12) {
		errs = append(errs, fmt.Errorf("--peak: %v is not valid: want calls per second, above 0", a.Peak))
	}
	if !(a.Headroom >= 0 && a.Headroom <= MostHeadroom) {
		errs = append(errs,
			fmt.Errorf("--headroom: %s is not valid: want 0%% to %s", format.Given(a.Headroom),
				format.Given(MostHeadroom)))
	}
	if a.Failures < 0 || a.Failures > MostFailures {
		errs = append(errs, fmt.Errorf("--failures: %d is not valid: want 0 to %d", a.Failures, MostFailures))
	}
	return errors.Join(errs...)
}

// instances returns how many instances of a capacity are needed.
func (a Ask) instances(c Capacity) int {
	return a.Failures + carrying(a.Peak, (1-a.Headroom)*c.Told, c.Visit)
}

// A WhatIf is the number of instances for another headroom or number of failures.
type WhatIf struct {
	Headroom  float64 `json:"headroom"`
	Failures  int     `json:"failures"`
	Instances int     `json:"instances"`
}

// An ArmPlan is the plan for an arm. Utilisations are shares of the told rate.
type ArmPlan struct {
	Capacity
	Instances            int     `json:"instances"`
	Utilisation          float64 `json:"utilisation"`            // mean
	UtilisationInFailure float64 `json:"utilisation_in_failure"` // mean of the remaining instances
	// Busiest is the utilisation of the busiest instance during a visit after the failures, in [Plan.Share] of the
	// visits.
	Busiest float64 `json:"busiest_in_failure"`
	// More is the number of additional instances compared with the first arm.
	More   int      `json:"more_instances"`
	WhatIf []WhatIf `json:"what_if"` // by headroom, then by failures
}

// A Plan is the answer to an Ask.
type Plan struct {
	Schema int    `json:"schema"`
	Kind   string `json:"kind"` // capacity-plan
	Ask
	// Share is the share of visits in which no instance is offered more than the plan allows.
	Share  float64 `json:"share_of_visits"`
	Source string  `json:"source"` // origin of the capacities
	// Environment is where they were measured; nil if the user gave them.
	Environment *results.Environment `json:"environment,omitempty"`
	Arms        []ArmPlan            `json:"arms"` // the others are compared with the first
	Curves      []Curve              `json:"curves,omitempty"`
	Searches    []Search             `json:"-"`                 // for drawing; capacity.json has them
	Caveats     []string             `json:"caveats,omitempty"` // about all arms
	Warnings    []string             `json:"warnings,omitempty"`
	LeftOut     []string             `json:"left_out"`
}

// New returns the plan for each arm of m. The error reports everything that is wrong with a.
func New(a Ask, m *Measured) (*Plan, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	if len(m.Arms) == 0 {
		return nil, fmt.Errorf("%s has no capacity to plan with", m.Source)
	}
	p := &Plan{Schema: 2, Kind: "capacity-plan", Ask: a, Share: plannedShare, Source: m.Source,
		Environment: m.Environment, Curves: m.Curves,
		Searches: m.Searches, Caveats: m.Caveats, Warnings: m.Warnings, LeftOut: leftOut()}
	var errs []error
	for _, c := range m.Arms {
		if a.instances(c) > mostInstances {
			errs = append(errs, fmt.Errorf("%s needs more than %s instances: are the peak of %s and the capacity "+
				"of %s in one unit?", c.Arm, format.Count(mostInstances), format.GivenRate(a.Peak),
				format.Rate(c.Told)))
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

// plan returns the plan for a capacity.
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

// headrooms returns the headrooms to try, including the requested one.
func (a Ask) headrooms() []float64 {
	list := []float64{0.1, 0.2, 0.3, 0.4, 0.5, 0.6}
	if !slices.ContainsFunc(list, func(h float64) bool { return math.Abs(h-a.Headroom) < 1e-9 }) {
		list = append(list, a.Headroom)
		slices.Sort(list)
	}
	return list
}

// losses returns the numbers of failures to try, including the requested one.
func (a Ask) losses() []int {
	list := []int{0, 1, 2}
	if a.Failures > 2 {
		list = append(list, a.Failures)
	}
	return list
}
