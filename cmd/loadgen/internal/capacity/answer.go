package capacity

import (
	"fmt"
	"math"
	"slices"
	"strings"
)

// A Verdict says what kind of answer there is for an arm.
type Verdict string

const (
	Found            Verdict = "found"             // it holds at some rates and fails at others: the capacity is within Low and High
	HoldsThroughout  Verdict = "holds-throughout"  // no rate failed: the capacity is Holds or more
	FailsThroughout  Verdict = "fails-throughout"  // no rate held: the capacity is below Fails; Holds is 0
	GeneratorLimited Verdict = "generator-limited" // the generator ran out before the target: it surely holds at Holds, more is not known
	Undecided        Verdict = "undecided"         // no probe said anything of the target
)

// An Answer is what the evidence so far says.
type Answer struct {
	Arms []Arm `json:"arms"` // in the order of Options.Arms
}

// An Arm is the answer for one arm. Low <= Holds <= High, in calls a second. They are
// the capacity and its 95% interval if the verdict is Found, else a bound, all three alike.
type Arm struct {
	Arm     string  `json:"arm"`
	Verdict Verdict `json:"verdict"`
	Holds   float64 `json:"holds"`
	Low     float64 `json:"low"`
	High    float64 `json:"high"`

	Precise     bool    `json:"precise"`               // the interval is as narrow as Options.Precision asks
	Confirmed   float64 `json:"confirmed,omitempty"`   // the rate, at the low end of the interval, that held in a probe three times as long; 0: none did
	Fails       float64 `json:"fails,omitempty"`       // the lowest rate, at High or above, that was seen to fail; 0: none
	Limited     string  `json:"limited,omitempty"`     // why probes said nothing of the target, if any
	NotMonotone string  `json:"notMonotone,omitempty"` // two rates of which the lower one does surely less well, in words; empty: none
	Resource    string  `json:"resource,omitempty"`    // what ran out in most of the probes that failed
	Probes      int     `json:"probes"`

	// Taken is the share of the capacity of the first arm that this one takes, if both
	// are Found and this is not the first.
	Taken *Share `json:"taken,omitempty"`
}

// A Share is a part of 1, with its 95% interval. It is below 0 where the arm carries more.
type Share struct {
	Share float64 `json:"share"`
	Low   float64 `json:"low"`
	High  float64 `json:"high"`
}

// Answer says what the evidence so far tells. It may be asked for at any time.
func (s *Search) Answer() Answer {
	var a Answer
	for _, name := range s.options.Arms {
		a.Arms = append(a.Arms, s.view(name).answer(name))
	}
	for i := range a.Arms[1:] {
		a.Arms[i+1].Taken = taken(&a.Arms[0], &a.Arms[i+1])
	}
	return a
}

func (v *view) answer(name string) Arm {
	a := Arm{Arm: name}
	for _, l := range v.levels {
		a.Probes += l.count()
	}
	a.Limited, a.Resource = v.limited, v.resource()
	if low, high := v.reversed(func(l *level) bool { return len(l.probes) > 1 }); low != nil {
		a.NotMonotone = fmt.Sprintf("the objectives are kept less well at %.6g/s (margin %+.2f) than at %.6g/s (%+.2f)",
			v.rate(low.at), low.margin(), v.rate(high.at), high.margin())
	}
	usable := slices.ContainsFunc(v.levels, func(l level) bool { return len(l.probes) > 0 })
	switch {
	case len(v.levels) == 0:
		a.Verdict = Undecided
		return a
	case !usable:
		a.Verdict = GeneratorLimited
		return a
	case v.cut == 0:
		a.Verdict = FailsThroughout
		if v.generatorLimited() {
			a.Verdict = GeneratorLimited
		}
	case v.cut == len(v.levels):
		a.Verdict = HoldsThroughout
		a.bound(v.held())
	case v.generatorLimited():
		a.Verdict = GeneratorLimited
		a.bound(v.held())
	default:
		a.Verdict = Found
		v.found(&a)
	}
	a.Confirmed = v.confirmed(&a)
	if a.Verdict != GeneratorLimited {
		a.Fails = v.fails(a.High)
	}
	return a
}

func (a *Arm) bound(rate float64) { a.Holds, a.Low, a.High = rate, rate, rate }

// found fills in the interval: of the fit, or the bracket itself while there is none.
func (v *view) found(a *Arm) {
	f, ok := v.fit()
	if !ok || f.probes < fewest {
		a.Low, a.High = v.rate(v.levels[v.cut-1].at), v.rate(v.levels[v.cut].at)
		a.Holds = a.Low
		return
	}
	at := func(x float64) float64 { return min(max(v.Start*math.Exp(x), v.Least), v.Most) }
	a.Low, a.Holds, a.High = at(f.low()), at(f.at), at(f.high())
	a.Precise = f.precise(v.Precision)
	if lowest, _ := v.confirmations(); lowest <= a.Low {
		a.Low = max(min(a.Low, v.rate(v.place(lowest)-1)), v.Least) // what failed when confirmed is not surely held
	}
}

// held is the highest rate that holds, surely if there is one.
func (v *view) held() float64 {
	for _, l := range slices.Backward(v.levels[:v.cut]) {
		if l.score >= 1 {
			return v.rate(l.at)
		}
	}
	return v.rate(v.levels[0].at)
}

// fails is the lowest rate at or above another that failed; 0 if none did.
func (v *view) fails(from float64) float64 {
	for _, l := range v.levels {
		if rate := v.rate(l.at); rate >= from && l.score < 0 && len(l.probes) > 0 {
			return rate
		}
	}
	return 0
}

// confirmations are the lowest rate that failed when it was confirmed, and those that held, from the lowest.
func (v *view) confirmations() (failed float64, held []float64) {
	failed = math.Inf(1)
	for _, l := range v.levels {
		for _, p := range l.probes {
			switch {
			case !p.confirm:
			case p.margin > 0:
				held = append(held, v.rate(l.at))
			default:
				failed = min(failed, v.rate(l.at))
			}
		}
	}
	return failed, held
}

// confirmed is the highest rate that held when it was confirmed, below those that did not; 0 if none did.
func (v *view) confirmed(a *Arm) float64 {
	failed, held := v.confirmations()
	for _, rate := range slices.Backward(held) {
		if rate < failed && rate <= a.Holds {
			return rate
		}
	}
	return 0
}

// resource is what ran out in most of the probes that failed: what is said before the colon
// names it, and the last that names it has the word.
func (v *view) resource() string {
	counts, words := make(map[string]int), make(map[string]string)
	best := ""
	for _, said := range v.spent {
		name, _, _ := strings.Cut(said, ":")
		counts[name]++
		words[name] = said
		if counts[name] > counts[best] {
			best = name
		}
	}
	return words[best]
}

// taken is 1 minus the ratio of capacities. Its interval is put together from those of the
// two on the scale of logarithms, by "MOVER" (Zou and Donner, Statistics in Medicine 27, 2008),
// as if they were independent: what disturbed both arms in a round makes it wider than it need be.
func taken(base, arm *Arm) *Share {
	if base.Verdict != Found || arm.Verdict != Found {
		return nil
	}
	ratio := math.Log(arm.Holds / base.Holds)
	down := math.Hypot(math.Log(arm.Holds/arm.Low), math.Log(base.High/base.Holds))
	up := math.Hypot(math.Log(arm.High/arm.Holds), math.Log(base.Holds/base.Low))
	less := func(x float64) float64 { return 0 - math.Expm1(x) } // and 0, not -0, of equal ones
	return &Share{Share: less(ratio), Low: less(ratio + up), High: less(ratio - down)}
}
