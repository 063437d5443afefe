package capacity

import (
	"cmp"
	"math"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A Verdict says what kind of answer there is for an arm.
type Verdict string

const (
	Found            Verdict = "found"             // a rate holds and a higher one does not: see Capacity, Low and High
	HoldsThroughout  Verdict = "holds-throughout"  // no rate failed
	FailsThroughout  Verdict = "fails-throughout"  // no rate held: see Fails
	FailsNow         Verdict = "fails-now"         // a rate that held failed later, after an overload
	GeneratorLimited Verdict = "generator-limited" // the generator, or the machine, ran out before the target
	Undecided        Verdict = "undecided"         // the budget did not reach for more
)

// An Answer is what the evidence so far says.
type Answer struct {
	Arms []Arm `json:"arms"` // in the order of Options.Arms
}

// An Arm is the answer for one arm. Rates are in calls a second.
type Arm struct {
	Arm     string  `json:"arm"`
	Verdict Verdict `json:"verdict"`

	// Told is the rate to rely on: Visits visits were made there one after the other, and all held. It is 0 if
	// there is none.
	Told   float64 `json:"confirmed,omitempty"`
	Visits int     `json:"visits,omitempty"`

	// Capacity is the rate at which half of the visits hold, if the arm is Found. Low and High are its 95% interval if
	// Fitted, or else a rate that held and one that did not. Precise is whether the interval is as narrow as asked. All
	// three are a rate that holds if no rate failed, or the generator was the limit, and 0 if there is none.
	Capacity float64 `json:"holds"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Fitted   bool    `json:"fitted,omitempty"`
	Precise  bool    `json:"precise"`

	Within   Tally   `json:"within"`            // visits from Low to High
	Below    Tally   `json:"below"`             // visits at Told, Low, or Fails, which is first above 0, and at lower rates
	Required Tally   `json:"required"`          // visits at the required rate
	Refused  bool    `json:"refused,omitempty"` // fewer than half of the visits hold at the required rate
	Fails    float64 `json:"fails,omitempty"`   // the lowest rate that failed, if none held or if it held before

	Silent   Remark `json:"silent"`             // probes that said nothing of the target
	Spoiled  Remark `json:"spoiled"`            // probes that kept the objectives and do not hold all the same
	Unsteady Remark `json:"unsteady"`           // visits, of those that are Below, in the course of which latency changed
	Resource string `json:"resource,omitempty"` // what ran out in most of the probes that failed
	Probes   int    `json:"probes"`

	// Taken is the share of the capacity of the first arm that this one takes, if both
	// are fitted and this is not the first.
	Taken *Share `json:"taken,omitempty"`
}

// A Tally counts visits that tell something of the target.
type Tally struct {
	Held   int `json:"held"`
	Visits int `json:"visits"`
}

// A Remark counts probes of a kind, and has the last reason of the name that most of them gave.
type Remark struct {
	Probes int    `json:"probes"`
	Last   string `json:"last,omitempty"`
}

// A Share is a part of 1, with its 95% interval. It is below 0 where the arm carries more.
type Share struct {
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Answer returns what the evidence so far tells. It may be asked for at any time.
func (s *Search) Answer() Answer {
	var a Answer
	for _, name := range s.options.Arms {
		arm := s.arms[name].answer()
		arm.Arm = name
		a.Arms = append(a.Arms, arm)
	}
	for i := range a.Arms[1:] {
		a.Arms[i+1].Taken = taken(&a.Arms[0], &a.Arms[i+1])
	}
	return a
}

func (a *armSearch) answer() Arm {
	r := Arm{Verdict: a.verdict(), Probes: len(a.evidence), Resource: a.resource()}
	if t := a.told(); t != nil && r.Verdict != FailsNow {
		r.Told, r.Visits = a.rate(t.x), t.held
	}
	if a.require > 0 {
		r.Required, r.Refused = a.tally(a.require, a.require), a.refused()
	}
	switch r.Verdict {
	case Found:
		a.found(&r)
	case HoldsThroughout, GeneratorLimited:
		r.Capacity = r.Told
		if r.Told == 0 && !math.IsInf(a.bracket.low, -1) {
			r.Capacity = a.rate(a.bracket.low)
		}
		r.Low, r.High = r.Capacity, r.Capacity
	case FailsThroughout:
		r.Fails = a.lowestFailed()
	case FailsNow:
		r.Fails = a.rate(a.lowestHeld())
	}
	below := cmp.Or(r.Told, r.Low, r.Fails)
	r.Below = a.tally(0, below)
	a.remark(&r, below)
	return r
}

func (a *armSearch) verdict() Verdict {
	low, high := !math.IsInf(a.bracket.low, -1), !math.IsInf(a.bracket.high, 1)
	switch {
	case a.broken():
		return FailsNow
	case high && a.bracket.limited:
		return GeneratorLimited
	case low && high:
		return Found
	case low || a.told() != nil:
		return HoldsThroughout
	case high || a.require > 0 && a.refused():
		return FailsThroughout
	}
	return Undecided
}

// found fills in the interval, or the bracket as long as there are too few probes for one.
func (a *armSearch) found(r *Arm) {
	low, high := a.bracket.low, a.bracket.high
	at := (low + high) / 2
	if r.Fitted = a.curve != nil && a.refined >= fewest; r.Fitted {
		low, at, high = a.interval()
	}
	r.Low, r.Capacity, r.High, r.Precise = a.rate(low), a.rate(at), a.rate(high), a.precise()
	r.Within = a.tally(r.Low, r.High)
}

// tally counts the visits from a rate to another.
func (a *armSearch) tally(from, to float64) (t Tally) {
	for _, e := range a.evidence {
		if e.Telling() && e.Rate >= from*(1-1e-9) && e.Rate <= to*(1+1e-9) {
			t.Visits++
			if e.Held() {
				t.Held++
			}
		}
	}
	return t
}

// lowestFailed returns the lowest rate that failed, in two of three visits or surely.
func (a *armSearch) lowestFailed() float64 {
	if math.IsInf(a.bracket.high, 1) {
		return a.require
	}
	return a.rate(a.bracket.high)
}

// remark counts the probes that say less than others. A rate and those below it should be steady.
func (a *armSearch) remark(r *Arm, below float64) {
	var silent, spoiled, unsteady []string
	for _, e := range a.evidence {
		switch {
		case !e.Telling():
			silent = append(silent, e.Limited)
			continue
		case e.Met && e.Spoiled != "":
			spoiled = append(spoiled, e.Spoiled)
		}
		if e.Rate <= below*(1+1e-9) && strings.HasPrefix(e.Spoiled, record.NotStationary) {
			unsteady = append(unsteady, e.Spoiled)
		}
	}
	r.Silent, r.Spoiled, r.Unsteady = newRemark(silent), newRemark(spoiled), newRemark(unsteady)
}

func newRemark(reasons []string) Remark { return Remark{len(reasons), mostNamed(reasons)} }

// mostNamed returns the last of the texts with the name that most of them have: a name stands
// before the colon. Of names that come up equally often it is the one that did so first.
func mostNamed(texts []string) string {
	counts, last := make(map[string]int), make(map[string]string)
	best := ""
	for _, text := range texts {
		name, _, _ := strings.Cut(text, ":")
		counts[name]++
		last[name] = text
		if counts[name] > counts[best] {
			best = name
		}
	}
	return last[best]
}

// resource returns what ran out in most of the probes that failed.
func (a *armSearch) resource() string {
	var names []string
	for _, e := range a.evidence {
		if e.Resource != "" && e.Failed() {
			names = append(names, e.Resource)
		}
	}
	return mostNamed(names)
}

// taken is 1 minus the ratio of capacities. Its interval is put together from the two of them
// on the scale of logarithms, by "MOVER" (Zou and Donner, Statistics in Medicine 27, 2008),
// as if they were independent: what disturbed both arms in a round makes it wider than it need be.
func taken(base, arm *Arm) *Share {
	if !base.Fitted || !arm.Fitted {
		return nil
	}
	ratio := math.Log(arm.Capacity / base.Capacity)
	down := math.Hypot(math.Log(arm.Capacity/arm.Low), math.Log(base.High/base.Capacity))
	up := math.Hypot(math.Log(arm.High/arm.Capacity), math.Log(base.Capacity/base.Low))
	less := func(x float64) float64 { return 0 - math.Expm1(x) } // and 0, not -0, of equal ones
	return &Share{Share: less(ratio), Low: less(ratio + up), High: less(ratio - down)}
}
