package capacity

import (
	"math"
	"slices"
	"time"
)

// An armSearch is the state of the search for one arm. Rates are logarithms beside Options.Start.
type armSearch struct {
	*Options
	evidence []*Evidence
	bracket  bracket
	curve    *curve    // nil until the bracket is closed
	refined  int       // probes to refine it that told something of the target
	look     int       // how many of them there are when it is next seen whether the interval is narrow
	narrow   bool      // it was when it was last looked at
	silent   int       // probes in a row, since it was closed, that did not
	attempts []attempt // at rates to be told
	rechecks []bool    // whether a rate that held before held again
	require  float64   // the rate that the arm is to carry, in calls a second; 0: none
}

const (
	// enough is how many probes an interval needs to be called precise, and fewest to be called an interval.
	enough, fewest = 16, 8
	// tail is the probability on each side of the interval. It is less than 2.5%, since the search stops once the
	// interval is narrow, which it may be by chance. For the same reason it is looked at seldom: each time that
	// there are a quarter more probes.
	tail = 0.0125
	// sinking is how far below the bracket a rate must have held for the target to be doubted if it fails: three rates
	// held, each twice the one before.
	sinking = 2*math.Ln2 - 1e-9
	// surely is how many visits in a row must fail there: even if two in five fail at any rate, that is one chance in
	// a hundred.
	surely = 5
	// slack is the share of the width asked for that a precise interval has at most.
	slack = 0.95
)

func (o *Options) log(rate float64) float64 { return math.Log(rate / o.Start) }

func (o *Options) rate(x float64) float64 { return min(max(o.Start*math.Exp(x), o.Least), o.Most) }

func newArm(o *Options) *armSearch {
	return &armSearch{Options: o, bracket: newBracket(o), look: enough}
}

func (a *armSearch) add(e *Evidence) {
	a.evidence = append(a.evidence, e)
	switch e.Step {
	case Bracket:
		a.bracket.add(e)
	case Confirm:
		a.attempt(a.log(e.Rate)).add(e)
	case Recheck:
		if e.Telling() {
			a.rechecks = append(a.rechecks, e.Held())
		}
	}
	switch {
	case a.curve == nil && a.bracket.closed():
		a.curve = newCurve((a.bracket.low+a.bracket.high)/2, a.Precision)
		for _, e := range a.evidence {
			if e.Telling() {
				a.curve.add(a.log(e.Rate), e.Held())
			}
		}
	case a.curve == nil:
	case !e.Telling():
		a.silent++
	default:
		a.silent = 0
		a.curve.add(a.log(e.Rate), e.Held())
		if e.Step != Refine {
			return
		}
		if a.refined++; a.refined == a.look {
			a.narrow = a.width() <= 2*slack*a.Precision
			a.look += a.look / 4
		}
	}
}

// interval returns the capacity and its interval, which reaches a sixth of the precision to each side at least.
func (a *armSearch) interval() (low, at, high float64) {
	at = a.curve.quantile(0.5)
	return min(a.curve.quantile(tail), at-a.Precision/6), at, max(a.curve.quantile(1-tail), at+a.Precision/6)
}

// width returns how wide the interval is.
func (a *armSearch) width() float64 {
	low, _, high := a.interval()
	return high - low
}

// precise reports whether the interval is as narrow as asked.
func (a *armSearch) precise() bool { return a.narrow && a.width() <= 2*a.Precision }

// next returns the rate of the probe that the arm needs and what it is made for, and false if it needs none.
// Share is how much of the budget is left for the arm, and whole how much it had at first.
func (a *armSearch) next(share, whole time.Duration) (x float64, what Step, ok bool) {
	switch {
	case a.decided() || a.broken():
		return 0, "", false
	case a.require > 0 && a.askedFirst():
		return a.log(a.require), Confirm, true
	case !a.bracket.done:
		return a.bracket.at, Bracket, true
	case a.doubtful():
		return a.lowestHeld(), Recheck, true
	}
	trying := a.trying()
	if a.curve != nil && a.silent < again && !a.precise() {
		// A quarter of the budget is kept for confirming.
		kept := max(2*confirming*a.Lasting(a.rate(a.curve.quantile(0.5))), whole/4)
		if !trying || share > kept {
			return a.place(), Refine, true
		}
	}
	if trying {
		x = a.tell()
	}
	return x, Confirm, trying && x >= a.log(a.Least)
}

// place returns where to refine: to both sides of the capacity, twice as far away as it is
// uncertain, which tells most. The quantiles are van der Corput's sequence, within 10% and 90%.
func (a *armSearch) place() float64 {
	u, half := 0.1, 0.4
	for i := a.refined + 1; i > 0; i /= 2 {
		u += half * float64(i%2)
		half /= 2
	}
	at := a.curve.quantile(0.5)
	return min(max(at+2*(a.curve.quantile(u)-at), a.log(a.Least)), a.log(a.Most))
}

// doubtful reports whether the capacity seems to lie below a rate that held, and a rate far below was not seen
// to hold since: the target may not have recovered from an overload.
func (a *armSearch) doubtful() bool {
	if a.curve == nil || a.silent >= again || a.lowestHeld() > a.bracket.low-sinking {
		return false
	}
	due, passed := 0, 0
	if _, _, high := a.interval(); high < a.bracket.low {
		due++
	}
	if a.lost() >= 2 {
		due++
	}
	for _, held := range a.rechecks {
		if held {
			passed++
		}
	}
	return passed < due
}

// broken reports whether a rate that held before has failed as often in a row as a steady target does not.
func (a *armSearch) broken() bool {
	n := len(a.rechecks)
	return n >= surely && !slices.Contains(a.rechecks[n-surely:], true)
}

// lowestHeld returns the lowest rate that held before the bracket was closed.
func (a *armSearch) lowestHeld() float64 {
	lowest := a.bracket.low
	for _, e := range a.evidence {
		if e.Step == Bracket && e.Held() {
			lowest = min(lowest, a.log(e.Rate))
		}
	}
	return lowest
}
