package capacity

import (
	"math"
	"slices"
	"time"
)

// An armSearch is the state of the search for one arm. Its rates are logarithms of the ratio to Options.Start.
type armSearch struct {
	*Options
	evidence []*Evidence
	bracket  bracket
	curve    *curve    // nil until the bracket is closed
	refined  int       // probes with the step Refine that said something about the target
	look     int       // the value of refined at which the width of the interval is checked next
	narrow   bool      // whether the interval was narrow enough at the last check
	silent   int       // probes in a row, since the bracket was closed, that said nothing about the target
	attempts []attempt // attempts to confirm a rate
	rechecks []bool    // whether a rate that held before held again
	require  float64   // rate that the arm must carry, in calls per second; 0 means none
}

const (
	// enough is the number of probes for a precise interval, and fewest the number for any interval.
	enough, fewest = 16, 8
	// tail is the probability on each side of the interval. It is less than 2.5%, since the search stops once the
	// interval is narrow, which may happen by chance. For the same reason the width is checked rarely, each time that
	// the number of probes has grown by a quarter.
	tail = 0.0125
	// sinking is how far below the bracket a rate must have held for its failure to cast doubt on the target: three
	// rates held, each twice the previous one.
	sinking = 2*math.Ln2 - 1e-9
	// surely is how many visits in a row must fail at that rate. Even if two in five visits fail at any rate, this
	// happens with a chance of one in a hundred.
	surely = 5
	// slack is the largest width of a precise interval, as a share of the requested width.
	slack = 0.95
)

// log returns the logarithm of the ratio of a rate to the start.
func (o *Options) log(rate float64) float64 { return math.Log(rate / o.Start) }

// rate is the inverse of log, limited to the rates that may be probed.
func (o *Options) rate(x float64) float64 { return min(max(o.Start*math.Exp(x), o.Least), o.Most) }

// newArm returns the search for an arm, without evidence.
func newArm(o *Options) *armSearch {
	return &armSearch{Options: o, bracket: newBracket(o), look: enough}
}

// add adds the result of a probe.
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

// interval returns the capacity and its interval, which extends by at least a sixth of the precision to each side.
func (a *armSearch) interval() (low, middle, high float64) {
	middle = a.curve.quantile(0.5)
	low, high = min(a.curve.quantile(tail), middle-a.Precision/6), max(a.curve.quantile(1-tail), middle+a.Precision/6)
	return low, middle, high
}

// width returns the width of the interval.
func (a *armSearch) width() float64 {
	low, _, high := a.interval()
	return high - low
}

// precise reports whether the interval is as narrow as requested.
func (a *armSearch) precise() bool { return a.narrow && a.width() <= 2*a.Precision }

// next returns the rate and the step of the next probe of the arm, and false if it needs none. Share is the arm's part
// of the remaining budget, and whole its part of the whole budget.
func (a *armSearch) next(share, whole time.Duration) (x float64, step Step, ok bool) {
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
		// A quarter of the budget is reserved for confirming.
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

// place returns the rate for refining. It lies on either side of the capacity, at twice the distance of the
// uncertainty, where probes are most informative. The quantiles follow van der Corput's sequence between 10% and 90%.
func (a *armSearch) place() float64 {
	u, half := 0.1, 0.4
	for i := a.refined + 1; i > 0; i /= 2 {
		u += half * float64(i%2)
		half /= 2
	}
	middle := a.curve.quantile(0.5)
	return min(max(middle+2*(a.curve.quantile(u)-middle), a.log(a.Least)), a.log(a.Most))
}

// doubtful reports whether the capacity seems to lie below a rate that held, and no rate far below has held since. The
// target may not have recovered from an overload.
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

// broken reports whether a rate that held before has failed more often in a row than it would for a steady target.
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
