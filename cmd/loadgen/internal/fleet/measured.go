package fleet

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// A Capacity is what one instance carries, in calls per second.
type Capacity struct {
	Arm string `json:"arm"`
	// Told is the rate to plan with, at which visits of an instance hold. It is positive.
	Told float64 `json:"told"`
	// Holds is the measured capacity, with its 95% interval. Low <= Holds <= High.
	Holds float64 `json:"holds"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Bound means that no rate failed, so that the capacity is Told or more.
	Bound bool `json:"bound,omitempty"`
	// Visit is the duration of the visits for which the objectives are judged.
	Visit time.Duration `json:"visit_ns"`
	// CPU is the CPU time per call near the capacity, in nanoseconds; 0 if it is unknown.
	CPU float64 `json:"cpu_ns_per_call,omitempty"`
	// Caveats are reasons to doubt Told, in a few words each.
	Caveats []string `json:"caveats,omitempty"`
}

// told returns the rate to plan with, at which visits were confirmed to hold, or 0 if there is none. The low end of
// the interval alone would not do, since half of the visits may fail there.
func (a *answer) told() float64 { return min(a.Confirmed, a.Low) }

// Cores returns the CPU time of a million calls in seconds, which is the number of cores that are busy
// at a million calls per second.
func (c Capacity) Cores() float64 { return c.CPU / 1000 }

// Measured holds the capacities to plan with.
type Measured struct {
	Source      string
	Environment *results.Environment
	Arms        []Capacity // the arm without spans is the first, if there is one
	Curves      []Curve
	Searches    []Search
	// Caveats are about all arms, in a few words each: why to doubt the search, and which arms it left out.
	Caveats  []string
	Warnings []string
}

// The duration of visits for a capacity that the user gave: the default duration of a probe of loadgen capacity, or
// the duration of as many calls as such a probe needs for a p99.
const (
	givenVisit = 2 * time.Second
	givenCalls = 442
)

// Given returns a capacity that the user gave, as an interval.
func Given(low, high float64) *Measured {
	visit := max(givenVisit, time.Duration(givenCalls/low*1e9))
	m := &Measured{Source: "--capacity", Arms: []Capacity{
		{Arm: "as given", Told: low, Holds: (low + high) / 2, Low: low, High: high, Visit: visit}}}
	if low == high {
		m.Warnings = append(m.Warnings,
			"--capacity has no interval, so the plan is only as certain as that number: LOW..HIGH gives an interval")
	}
	m.Warnings = append(m.Warnings, fmt.Sprintf("--capacity does not say for how long the objectives must hold: "+
		"the plan assumes visits of %v", format.Duration(visit)))
	return m
}

// check returns an error that reports everything that is wrong with an arm.
func (c Capacity) check() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value float64
	}{{"low", c.Low}, {"holds", c.Holds}, {"high", c.High}} {
		if !(v.value > 0 && v.value <= 1e12) {
			errs = append(errs, fmt.Errorf("%s is %v: want calls per second, above 0", v.name, v.value))
		}
	}
	if len(errs) == 0 && !(c.Low <= c.Holds && c.Holds <= c.High) {
		errs = append(errs, fmt.Errorf("low %v, holds %v and high %v are not in that order", c.Low, c.Holds, c.High))
	}
	if len(errs) == 0 && !(c.Told > 0 && c.Told <= c.Holds) {
		errs = append(errs,
			fmt.Errorf("the rate to plan with is %v: want one above 0, and at most its capacity, %v", c.Told, c.Holds))
	}
	if !(c.CPU >= 0) || math.IsInf(c.CPU, 0) {
		errs = append(errs, fmt.Errorf("its CPU time is %v ns per call: want 0 or more", c.CPU))
	}
	return errors.Join(errs...)
}

// first moves the arm without spans to the front.
func (m *Measured) first() {
	if i := slices.IndexFunc(m.Arms, func(c Capacity) bool { return c.Arm == "spans=none" }); i > 0 {
		none := m.Arms[i]
		m.Arms = slices.Insert(slices.Delete(m.Arms, i, i+1), 0, none)
	}
}
