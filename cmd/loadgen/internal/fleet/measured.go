package fleet

import (
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/results"
)

// A Capacity is what one instance carries, in calls a second: Holds, with an interval of
// 95%. Low is above 0, and Low <= Holds <= High.
type Capacity struct {
	Arm   string  `json:"arm"`
	Holds float64 `json:"holds"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
	// Bound says that no rate was seen to fail: the capacity is Low or more.
	Bound bool `json:"bound,omitempty"`
	// CPU is the CPU time of a call near the capacity, in nanoseconds; 0 if it is not known.
	CPU float64 `json:"cpu_ns_per_call,omitempty"`
}

// Cores is the CPU time of a million calls in seconds, which is how many cores are busy
// at a million calls a second.
func (c Capacity) Cores() float64 { return c.CPU / 1000 }

// Measured is what there is to plan with.
type Measured struct {
	Source      string
	Environment *results.Environment
	Arms        []Capacity // that without spans first, if there is one
	Curves      []Curve
	Warnings    []string
}

// Given is a capacity that was told, between low and high.
func Given(low, high float64) *Measured {
	m := &Measured{Source: "--capacity", Arms: []Capacity{{Arm: "as given", Holds: (low + high) / 2, Low: low, High: high}}}
	if low == high {
		m.Warnings = []string{"--capacity has no interval: the plan is as sure as that number; LOW..HIGH gives one"}
	}
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
