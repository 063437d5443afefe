package record

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
// (Where Run.FailedApart is set, calls that fail are left out of it.) It is met if no more
// calls are bad. One over windows is met if it is in every window,
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

// Longest returns the longest latency that does not make a call bad.
func (s SLO) Longest() time.Duration {
	switch {
	case s.share() || s.metric == "mean":
		return math.MaxInt64
	case s.equal:
		return time.Duration(s.limit)
	}
	return time.Duration(s.limit) - 1
}

// Calls are the calls that an objective is judged by: those due in a run, or in windows
// of it. Calls that are due and nothing else have not ended yet.
type Calls struct {
	Due, Done, Failed uint64
	Never, Missed     uint64        // dropped or missed; missed
	Slow              uint64        // done, and longer than the objective's longest
	Late              uint64        // not achieved
	Sum               time.Duration // of the latencies of calls done
	Latency           Latencies     // of calls done, to be shown
	Apart             uint64        // calls that failed, and are left out
}

// Latencies estimates the latencies of the calls done.
type Latencies interface {
	Quantile(q float64) time.Duration
	Max() time.Duration
}

// Open returns how many calls have not ended.
func (v *Calls) Open() uint64 { return v.Due - min(v.Done+v.Failed+v.Never, v.Due) }

// bad returns how many calls count against the objective.
func (s SLO) bad(v *Calls) uint64 {
	switch s.metric {
	case "errors":
		return v.Failed
	case "drops":
		return v.Never
	case "achieved":
		return v.Late
	}
	return v.Slow + v.Failed + v.Never
}

// need returns the fewest calls due that the objective can be judged by.
func (s SLO) need() uint64 { return max(quantile.SamplesFor(s.q), 1) }

// of judges the objective by v, which has calls enough. Calls that have not ended count as
// good: missed is certain then, and met is not. It does not allocate.
func (s SLO) of(v *Calls) SLOResult {
	r := s.judged(SLOResult{Bad: s.bad(v), Judged: true}, v)
	if r.Due = v.Due; v.Due == UnknownDue {
		r.Due -= v.Open()
	}
	return r
}

// CertainToMiss reports whether the objective is missed whatever becomes of the calls that are
// due and have not ended. It does not allocate.
func (s SLO) CertainToMiss(v *Calls) bool { return v.Due >= s.need() && s.of(v).Missed() }

// LeaveOut leaves failed calls out of v unless the objective is about a share of calls.
func (s SLO) LeaveOut(v *Calls) {
	if !s.share() {
		v.Due -= v.Failed
		v.Apart, v.Failed = v.Failed, 0
	}
}

// judged returns r, of which Bad is known, with the verdict that follows for the calls of v.
func (s SLO) judged(r SLOResult, v *Calls) SLOResult {
	if s.metric == "mean" {
		r.Burn, r.Met = infiniteBurn, false
		if r.Bad == 0 {
			r.Burn, r.Met = float64(v.Sum)/float64(v.Due)/s.limit, s.meanHolds(v)
		}
		return r
	}
	r.Met = r.Bad <= s.allowed(v.Due)
	r.Budget = max(float64(s.budget())/sloParts*float64(v.Due), leastCalls)
	r.Burn = float64(r.Bad) / r.Budget
	return r
}

// meanHolds reports whether the sum of latencies is within the bound of the mean for each of
// the calls due.
func (s SLO) meanHolds(v *Calls) bool {
	hi, most := bits.Mul64(v.Due, uint64(s.limit))
	return hi > 0 || uint64(v.Sum) < most || s.equal && uint64(v.Sum) == most
}

// value returns the metric's value, or of calls that have not all ended the least that it can
// be (of achieved: the most). Latencies are known by a histogram, to some digits, and calls
// are counted exactly: what the histogram says is kept on the side of the bound on which the
// value lies.
func (s SLO) value(v *Calls, r SLOResult) float64 {
	share := float64(r.Bad) / float64(v.Due)
	switch {
	case s.metric == "achieved":
		return 1 - share
	case s.share():
		return share
	case s.metric == "mean" && r.Bad > 0:
		return math.Inf(1)
	case s.metric == "mean":
		return float64(v.Sum) / float64(v.Due)
	}
	rank := v.Due
	if s.q > 0 {
		rank = quantile.Rank(s.q, v.Due)
	}
	if rank -= min(rank, v.Open()); rank > v.Done {
		return math.Inf(1)
	}
	latency, longest := v.Latency.Max(), s.Longest()
	if s.q > 0 {
		latency = v.Latency.Quantile(float64(rank) / float64(max(v.Done, 1)))
	}
	if r.Met {
		return float64(min(latency, longest))
	}
	return float64(max(latency, longest+1))
}

// judge judges the objective by views, each of which begins at an instant.
func (s SLO) judge(views iter.Seq2[time.Duration, *Calls]) SLOResult {
	worst, worstValue, met := SLOResult{}, 0.0, true
	why := errors.New("there is no whole window")
	for begin, v := range views {
		if v.Due < s.need() && !s.surelyMissed(v) {
			why = s.tooFew(v)
			if !worst.Judged {
				worst.Due, worst.Bad = v.Due, s.bad(v)
			}
			continue
		}
		r := s.of(v)
		met = met && r.Met
		x := s.value(v, r)
		if worst.Judged && (r.Burn < worst.Burn || r.Burn == worst.Burn && s.below != (x > worstValue)) {
			continue
		}
		worst, worstValue = r, x
		worst.Detail = s.detail(begin, v, x)
	}
	worst.SLO, worst.Met = s.String(), worst.Judged && met
	if !worst.Judged {
		worst.Detail = "cannot be judged: " + why.Error()
	}
	return worst
}

// surelyMissed reports whether the objective is missed by so few calls already: if all others
// that it needs were good, too many would be bad.
func (s SLO) surelyMissed(v *Calls) bool {
	return v.Due > 0 && s.metric != "mean" && s.bad(v) > s.allowed(s.need())
}

// tooFew says why the objective cannot be judged by so few calls.
func (s SLO) tooFew(v *Calls) error {
	switch {
	case v.Due == 0 && v.Apart > 0:
		return fmt.Errorf("all %d calls failed, and are left out", v.Apart)
	case v.Due == 0:
		return errors.New("no call was due")
	}
	return &TooFewError{s.q, v.Due, s.need(), v.Apart}
}

// detail says what the value is, and where.
func (s SLO) detail(begin time.Duration, v *Calls, x float64) string {
	text := fmt.Sprintf("%s is %s", s.metric, s.shown(x))
	switch {
	case v.Open() > 0 && s.below && !math.IsInf(x, 1):
		text += " or more"
	case v.Open() > 0:
		text += " or less"
	}
	if s.every > 0 {
		text += fmt.Sprintf(" in the %v from %v on", s.every, begin)
	}
	return text
}
