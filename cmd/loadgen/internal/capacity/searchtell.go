package capacity

import "math"

// An attempt is a series of visits to confirm a rate. It ends when one fails.
type attempt struct {
	x            float64
	need         int // visits that must hold
	held, visits int
	silent       int     // probes in a row that said nothing about the target
	burn, due    float64 // sum of burn weighted by due calls, and number of due calls
}

const (
	// confirming is how many visits must hold to confirm a rate. Each failed attempt adds as many, since with enough
	// attempts any rate would hold once.
	confirming = 6
	// mostAttempts is how many rates are tried.
	mostAttempts = 4
	// often is the share of visits that fail at any rate from which twice as many visits must hold. For a target that
	// fails in three of ten visits, six visits would all hold in one of nine attempts.
	often = 0.07
	// sound is the expected share of visits that hold at the first rate to confirm, of those that hold at a low rate.
	sound = 0.95
	// pooled is the share of the objectives' budgets that all visits of an attempt together may use.
	pooled = 2.0 / 3
)

// attempt returns the attempt at a rate.
func (a *armSearch) attempt(x float64) *attempt {
	for i := range a.attempts {
		if same(a.attempts[i].x, x) {
			return &a.attempts[i]
		}
	}
	need := confirming * (1 + a.lost())
	if a.curve != nil && a.curve.lapse() > often {
		need *= 2
	}
	a.attempts = append(a.attempts, attempt{x: x, need: need})
	return &a.attempts[len(a.attempts)-1]
}

// add adds the result of a probe.
func (t *attempt) add(e *Evidence) {
	if !e.Telling() {
		t.silent++
		return
	}
	t.silent = 0
	t.visits++
	if e.Held() {
		t.held++
	}
	t.burn, t.due = t.burn+e.Burn*float64(e.Due), t.due+float64(e.Due)
}

// confirmed reports whether the rate is confirmed.
func (t *attempt) confirmed() bool {
	return t.held == t.visits && t.held >= t.need && t.burn <= pooled*t.due
}

// over reports whether the attempt has ended.
func (t *attempt) over() bool { return t.held < t.visits || t.held >= t.need || t.silent >= again }

// lost returns the number of failed attempts at rates where visits should hold. An attempt at the required rate does
// not count before anything is known about the capacity.
func (a *armSearch) lost() (n int) {
	below := math.Inf(1)
	if a.curve != nil {
		below, _, _ = a.interval()
	}
	for i := range a.attempts {
		t := &a.attempts[i]
		unknown := a.curve == nil && a.require > 0 && same(t.x, a.log(a.require))
		if t.x <= below && !unknown && t.over() && !t.confirmed() {
			n++
		}
	}
	return n
}

// same reports whether two rates are equal except for rounding.
func same(x, y float64) bool { return math.Abs(x-y) < 1e-9 }

// told returns the confirmed attempt with the highest rate that does not exceed the low end of the interval, or nil.
func (a *armSearch) told() (best *attempt) {
	most := math.Inf(1)
	if a.curve != nil && a.refined >= fewest {
		most, _, _ = a.interval()
	}
	for i := range a.attempts {
		if t := &a.attempts[i]; t.confirmed() && t.x <= most && (best == nil || t.x > best.x) {
			best = t
		}
	}
	return best
}

// trying reports whether a rate must still be confirmed.
func (a *armSearch) trying() bool {
	return !math.IsInf(a.bracket.low, -1) && a.told() == nil && a.lost() < mostAttempts && a.silent < 2*again
}

// tell returns the rate to confirm.
func (a *armSearch) tell() float64 {
	n := len(a.attempts)
	if n > 0 && !a.attempts[n-1].over() {
		return a.attempts[n-1].x
	}
	x, spread := a.bracket.low, a.Precision
	if a.curve != nil {
		low, _, high := a.interval()
		x, spread = min(low, a.curve.holding(sound)), max(high-low, a.Precision)/2
	}
	if lost := a.lost(); lost > 0 {
		x = min(x, a.attempts[n-1].x-spread*math.Exp2(float64(lost-1)))
	}
	return x
}

// askedFirst reports whether the required rate must still be probed: its visits have not decided yet, and are not so
// many that the rate must be near the capacity.
func (a *armSearch) askedFirst() bool {
	if a.curve != nil || len(a.evidence) > 0 && a.evidence[0].Step != Confirm {
		return false
	}
	if len(a.attempts) == 0 {
		return true
	}
	t := &a.attempts[0]
	return same(t.x, a.log(a.require)) && t.visits < enough && t.silent < again
}

// decided reports whether it is known that the arm carries the required rate, or that it does not carry it.
func (a *armSearch) decided() bool { return a.require > 0 && (a.carries() || a.refused()) }

// carries reports whether a confirmed rate is at least as high as the required rate.
func (a *armSearch) carries() bool {
	t := a.told()
	return t != nil && t.x > a.log(a.require)-1e-9
}

// refused reports whether it is certain that fewer than half of the visits hold at the required rate.
func (a *armSearch) refused() bool {
	x := a.log(a.require)
	for i := range a.attempts {
		if t := &a.attempts[i]; t.x < x+1e-9 && atMost(t.held, t.visits) < tail {
			return true
		}
	}
	if a.bracket.done && math.IsInf(a.bracket.low, -1) && !a.bracket.limited {
		return a.bracket.high <= x
	}
	if a.curve == nil || a.refined < fewest {
		return false
	}
	_, _, high := a.interval()
	return high < x
}

// atMost returns the probability that at most held of n visits hold, if each holds with probability one half.
func atMost(held, n int) (sum float64) {
	p := math.Pow(0.5, float64(n))
	for k := 0; k <= held; k++ {
		sum += p
		p *= float64(n-k) / float64(k+1)
	}
	return sum
}
