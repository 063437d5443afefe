package fleet

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/results"
)

// A Capacity is what one instance carries, in calls a second.
type Capacity struct {
	Arm string `json:"arm"`
	// Told is the rate that the search tells to plan with: visits of an instance hold there. It is above 0.
	Told float64 `json:"told"`
	// Holds is the capacity that was searched for, with an interval of 95%. Low <= Holds <= High.
	Holds float64 `json:"holds"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Bound says that no rate was seen to fail: the capacity is Told or more.
	Bound bool `json:"bound,omitempty"`
	// Visit is how long the visits are over which the objectives are judged.
	Visit time.Duration `json:"visit_ns"`
	// CPU is the CPU time of a call near the capacity, in nanoseconds; 0 if it is not known.
	CPU float64 `json:"cpu_ns_per_call,omitempty"`
	// Caveats say in a few words each why Told is to be doubted.
	Caveats []string `json:"caveats,omitempty"`
}

// told returns the rate to plan with, at which visits were confirmed to hold. It is 0 if there is none: at the low
// end of
// the interval, half of them may fail.
func (a *answer) told() float64 { return min(a.Confirmed, a.Low) }

// Cores is the CPU time of a million calls in seconds, which is how many cores are busy
// at a million calls a second.
func (c Capacity) Cores() float64 { return c.CPU / 1000 }

// Measured is what there is to plan with.
type Measured struct {
	Source      string
	Environment *results.Environment
	Arms        []Capacity // that without spans first, if there is one
	Curves      []Curve
	// Caveats are about all arms, in a few words each: why the search is to be doubted, and which arms it left open.
	Caveats  []string
	Warnings []string
}

// Visits of a capacity that was given: as long as the probes of loadgen capacity by default, or as long as the calls
// take that such a probe has for a p99.
const (
	givenVisit = 2 * time.Second
	givenCalls = 442
)

// Given returns a capacity that the user gave, between low and high.
func Given(low, high float64) *Measured {
	visit := max(givenVisit, time.Duration(givenCalls/low*1e9))
	m := &Measured{Source: "--capacity", Arms: []Capacity{
		{Arm: "as given", Told: low, Holds: (low + high) / 2, Low: low, High: high, Visit: visit}}}
	if low == high {
		m.Warnings = append(m.Warnings,
			"--capacity has no interval: the plan is as sure as that number; LOW..HIGH gives one")
	}
	m.Warnings = append(m.Warnings, fmt.Sprintf("--capacity does not say over how long the objectives must hold: "+
		"the plan assumes visits of %v", visit.Round(time.Millisecond)))
	return m
}

// check reports everything that is wrong with an arm.
func (c Capacity) check() error {
	var errs []error
	for _, v := range []struct {
		name  string
		value float64
	}{{"low", c.Low}, {"holds", c.Holds}, {"high", c.High}} {
		if !(v.value > 0 && v.value <= 1e12) {
			errs = append(errs, fmt.Errorf("%s is %v: want calls a second, above 0", v.name, v.value))
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
		errs = append(errs, fmt.Errorf("its CPU time is %v ns a call: want 0 or more", c.CPU))
	}
	return errors.Join(errs...)
}

// first puts the arm without spans in front.
func (m *Measured) first() {
	if i := slices.IndexFunc(m.Arms, func(c Capacity) bool { return c.Arm == "spans=none" }); i > 0 {
		none := m.Arms[i]
		m.Arms = slices.Insert(slices.Delete(m.Arms, i, i+1), 0, none)
	}
}
