package bench

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// An SLOResult is what became of an objective.
//
// An objective is a budget of bad calls: "p99 < 5ms" lets one call in a hundred of those
// that are due be bad, and a call is bad if it takes 5ms or longer, fails, or never begins.
// It is met if no more calls are bad. One over windows is met if it is in every window,
// and Due, Bad, Budget and Burn are those of the window with the highest Burn.
type SLOResult struct {
	SLO string `json:"slo"`
	// Met is whether the objective was met; it says nothing unless Judged, which is false
	// if there were too few calls.
	Met    bool   `json:"met"`
	Judged bool   `json:"judged"`
	Detail string `json:"detail"` // the value, and where

	Due uint64 `json:"due"` // calls
	// Bad are the calls that count against the objective: of a mean, those that make it
	// infinite. Budget is how many may, as a share of Due that need not be whole, and at
	// least half a call; it is 0 for a mean.
	Bad    uint64  `json:"bad"`
	Budget float64 `json:"budget"`
	// Burn is the share of the budget that was used: Bad/Budget, or, of a mean, the mean
	// by its limit. It is at most 1 if the objective was met. An infinite mean has a burn
	// of 1e9.
	Burn float64 `json:"burn"`
}

// Missed reports whether the objective was judged and not met.
func (r SLOResult) Missed() bool { return r.Judged && !r.Met }

// Margin returns by how much the objective was met, as the logarithm of Budget by Bad: 0.69
// if half of the budget was used, and -0.69 if twice as many calls were bad. It is above 0
// only if the objective was met, and below 0 only if it was missed. Half a call stands for
// none, so that it is always finite; for a mean it is the logarithm of limit by mean. It is 0
// if the objective was not judged.
func (r SLOResult) Margin() float64 {
	switch {
	case !r.Judged:
		return 0
	case r.Budget == 0:
		return -math.Log(max(r.Burn, 1/infiniteBurn))
	}
	return -math.Log(max(float64(r.Bad), leastCalls) / r.Budget)
}

const (
	// leastCalls stands for no call where a logarithm or a quotient is taken.
	leastCalls = 0.5
	// infiniteBurn stands for the burn of an infinite mean: files hold no infinity.
	infiniteBurn = 1e9
	// sloParts are the parts of 1 that quantiles and shares of objectives are made of.
	sloParts = 1e11
)

// budget returns the share of calls that may be bad, in parts of sloParts.
func (s SLO) budget() uint64 {
	switch {
	case s.q > 0:
		return sloParts - uint64(math.Round(s.q*sloParts))
	case s.metric == "achieved":
		return sloParts - uint64(math.Round(s.limit*sloParts))
	case s.share():
		return uint64(math.Round(s.limit * sloParts))
	}
	return 0
}

// allowed returns how many of the calls due may be bad.
func (s SLO) allowed(due uint64) uint64 {
	n, rest := bits.Div64(mul(due, s.budget(), sloParts))
	if rest == 0 && s.share() && !s.equal {
		n = max(n, 1) - 1 // < and > leave the bound itself out
	}
	return n
}

// mul returns the 128 bits of x*y, and what they are to be divided by.
func mul(x, y, by uint64) (hi, lo, divisor uint64) {
	hi, lo = bits.Mul64(x, y)
	return hi, lo, by
}

// longest returns the longest latency that does not make a call bad.
func (s SLO) longest() time.Duration {
	switch {
	case s.share() || s.metric == "mean":
		return math.MaxInt64
	case s.equal:
		return time.Duration(s.limit)
	}
	return time.Duration(s.limit) - 1
}

// A sloView is the calls that an objective is judged by: those due in a run, or in windows
// of it. Slow are the calls done that took longer than the objective's longest, and late
// those that were not achieved.
type sloView struct {
	due, done, failed, never uint64 // never: dropped or missed
	slow, late               uint64
	sum                      time.Duration // of the latencies of calls done
	latency                  interface {   // an estimate, to be shown
		Quantile(q float64) time.Duration
		Max() time.Duration
	}
}

// bad returns how many calls count against the objective.
func (s SLO) bad(v *sloView) uint64 {
	switch s.metric {
	case "errors":
		return v.failed
	case "drops":
		return v.never
	case "achieved":
		return v.late
	}
	return v.slow + v.failed + v.never
}

// of judges the objective by v. The value is that of the metric, for readers. The error says
// why the objective cannot be judged.
func (s SLO) of(v *sloView) (r SLOResult, value float64, err error) {
	r = SLOResult{SLO: s.String(), Due: v.due, Bad: s.bad(v)}
	if v.due == 0 {
		return r, 0, errors.New("no call was due")
	}
	if need := quantile.SamplesFor(s.q); v.due < need {
		return r, 0, &TooFewError{s.q, v.due, need, 0}
	}
	r.Judged = true
	if s.metric == "mean" {
		return s.ofMean(r, v)
	}
	r.Met = r.Bad <= s.allowed(v.due)
	r.Budget = max(float64(s.budget())/sloParts*float64(v.due), leastCalls)
	r.Burn = float64(r.Bad) / r.Budget
	return r, s.measured(v, r), nil
}

// ofMean judges an objective about the mean.
func (s SLO) ofMean(r SLOResult, v *sloView) (SLOResult, float64, error) {
	if r.Bad > 0 {
		r.Burn = infiniteBurn
		return r, math.Inf(1), nil
	}
	mean := float64(v.sum) / float64(v.due)
	r.Burn = mean / s.limit
	hi, lo := bits.Mul64(v.due, uint64(s.limit))
	most := lo
	if hi > 0 {
		most = math.MaxUint64 // more than any sum
	}
	r.Met = uint64(v.sum) < most || s.equal && uint64(v.sum) == most
	return r, mean, nil
}

// measured returns the value of a metric that is a count, or a latency. Latencies are known
// by a histogram, to some digits, and calls are counted exactly: what the histogram says is
// kept on the side of the bound on which it lies.
func (s SLO) measured(v *sloView, r SLOResult) float64 {
	share := float64(r.Bad) / float64(v.due)
	switch {
	case s.metric == "achieved":
		return 1 - share
	case s.share():
		return share
	}
	rank := v.due
	if s.q > 0 {
		rank = quantile.Rank(s.q, v.due)
	}
	if rank > v.done {
		return math.Inf(1)
	}
	latency, longest := v.latency.Max(), s.longest()
	if s.q > 0 {
		latency = v.latency.Quantile(float64(rank) / float64(v.done))
	}
	if r.Met {
		return float64(min(latency, longest))
	}
	return float64(max(latency, longest+1))
}

// judge judges the objective by views, each of which begins at an instant.
func (s SLO) judge(views iter.Seq2[time.Duration, *sloView]) SLOResult {
	worst, worstValue, met := SLOResult{SLO: s.String()}, 0.0, true
	why := errors.New("there is no whole window")
	for begin, v := range views {
		r, x, err := s.of(v)
		if err != nil {
			why = err
			if !worst.Judged {
				worst.Due, worst.Bad = r.Due, r.Bad
			}
			continue
		}
		met = met && r.Met
		if worst.Judged && (r.Burn < worst.Burn || r.Burn == worst.Burn && s.below != (x > worstValue)) {
			continue
		}
		worst, worstValue = r, x
		worst.Detail = fmt.Sprintf("%s is %s", s.metric, s.shown(x))
		if s.every > 0 {
			worst.Detail += fmt.Sprintf(" in the %v from %v on", s.every, begin)
		}
	}
	worst.Met = worst.Judged && met
	if !worst.Judged {
		worst.Detail = "cannot be judged: " + why.Error()
	}
	return worst
}
