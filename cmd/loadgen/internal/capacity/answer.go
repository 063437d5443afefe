package capacity

import (
	"cmp"
	"math"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A Verdict is the kind of answer for an arm.
type Verdict string

const (
	Found            Verdict = "found"             // a rate holds, a higher rate does not: see Capacity, Low, High
	HoldsThroughout  Verdict = "holds-throughout"  // no rate failed
	FailsThroughout  Verdict = "fails-throughout"  // no rate held: see Fails
	FailsNow         Verdict = "fails-now"         // a rate that held failed later, after an overload
	GeneratorLimited Verdict = "generator-limited" // the generator or the machine reached its limit before the target
	Undecided        Verdict = "undecided"         // the budget was too small for another answer
)

// An Answer holds the results of a search so far.
type Answer struct {
	Arms []Arm `json:"arms"` // in the order of Options.Arms
}

// An Arm is the answer for one arm. Rates are in calls per second.
type Arm struct {
	Arm     string  `json:"arm"`
	Verdict Verdict `json:"verdict"`

	// Told is the rate to rely on. Visits visits were made at this rate in succession, and all of them held. It is 0
	// if there is no such rate.
	Told   float64 `json:"confirmed,omitempty"`
	Visits int     `json:"visits,omitempty"`

	// Capacity is the rate at which half of the visits hold, if the arm is Found. Low and High are its 95% interval if
	// Fitted is set, or else a rate that held and a rate that did not. Precise means that the interval is as narrow as
	// requested. If no rate failed, or the generator was the limit, all three are a rate that holds, or 0 if there is
	// none.
	Capacity float64 `json:"holds"`
	Low      float64 `json:"low"`
	High     float64 `json:"high"`
	Fitted   bool    `json:"fitted,omitempty"`
	Precise  bool    `json:"precise"`

	Within   Tally   `json:"within"`            // visits from Low to High
	Below    Tally   `json:"below"`             // visits up to the first of Told, Low and Fails that is above 0
	Required Tally   `json:"required"`          // visits at the required rate
	Refused  bool    `json:"refused,omitempty"` // fewer than half of the visits hold at the required rate
	Fails    float64 `json:"fails,omitempty"`   // the lowest rate that failed, if none held or if it held before

	Silent   Remark `json:"silent"`             // probes that say nothing about the target
	Spoiled  Remark `json:"spoiled"`            // probes that met the objectives but do not hold
	Unsteady Remark `json:"unsteady"`           // visits, of those counted by Below, during which latency changed
	Resource string `json:"resource,omitempty"` // resource that was exhausted in most of the probes that failed
	Probes   int    `json:"probes"`

	// Taken is the share of the first arm's capacity that this arm takes, if both are fitted and this is not the first
	// arm.
	Taken *Share `json:"taken,omitempty"`
}

// A Tally counts visits that say something about the target.
type Tally struct {
	Held   int `json:"held"`
	Visits int `json:"visits"`
}

// A Remark counts probes of a kind. Last is the last reason among those with the most frequent name.
type Remark struct {
	Probes int    `json:"probes"`
	Last   string `json:"last,omitempty"`
}

// A Share is a share with its 95% interval. It is negative if the arm has a higher capacity.
type Share struct {
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Answer returns what the evidence so far shows. It may be called at any time.
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

// answer returns the answer for the arm, without its name.
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

// verdict returns the kind of answer.
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

// found sets the interval or, as long as there are too few probes for an interval, the bracket.
func (a *armSearch) found(r *Arm) {
	low, high := a.bracket.low, a.bracket.high
	middle := (low + high) / 2
	if r.Fitted = a.curve != nil && a.refined >= fewest; r.Fitted {
		low, middle, high = a.interval()
	}
	r.Low, r.Capacity, r.High, r.Precise = a.rate(low), a.rate(middle), a.rate(high), a.precise()
	r.Within = a.tally(r.Low, r.High)
}

// tally counts the visits at rates in a range.
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

// lowestFailed returns the lowest rate that failed in two of three visits, or the required rate if it was refused.
func (a *armSearch) lowestFailed() float64 {
	if math.IsInf(a.bracket.high, 1) {
		return a.require
	}
	return a.rate(a.bracket.high)
}

// remark sets the remarks. Latency should be steady at rates up to below.
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

// newRemark returns the remark on probes with these reasons.
func newRemark(reasons []string) Remark { return Remark{len(reasons), mostNamed(reasons)} }

// mostNamed returns the last text with the most frequent name, which is the part before the colon. If several names
// are equally frequent, it takes the one that reached this number first.
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

// resource returns the resource that was exhausted in most of the probes that failed.
func (a *armSearch) resource() string {
	var names []string
	for _, e := range a.evidence {
		if e.Resource != "" && e.Failed() {
			names = append(names, e.Resource)
		}
	}
	return mostNamed(names)
}

// taken returns 1 minus the ratio of capacities. Its interval combines the intervals of the capacities on the scale of
// logarithms by the method MOVER (Zou and Donner, Statistics in Medicine 27, 2008), as if they were independent.
// Disturbances that both arms share in a round make it wider than necessary.
func taken(base, arm *Arm) *Share {
	if !base.Fitted || !arm.Fitted {
		return nil
	}
	ratio := math.Log(arm.Capacity / base.Capacity)
	down := math.Hypot(math.Log(arm.Capacity/arm.Low), math.Log(base.High/base.Capacity))
	up := math.Hypot(math.Log(arm.High/arm.Capacity), math.Log(base.Capacity/base.Low))
	less := func(x float64) float64 { return 0 - math.Expm1(x) } // 0 - x avoids -0 for equal capacities
	return &Share{Share: less(ratio), Low: less(ratio + up), High: less(ratio - down)}
}
