package record

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"math/bits"
	"strconv"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// An SLOResult is the result of an objective.
//
// An objective is a budget of bad calls: "p99 < 5ms" allows one in a hundred of the calls due to be
// bad, and a call is bad if it takes 5ms or longer, fails, or never begins. (If Record.FailedApart
// is set, failed calls are left out.) The objective is met if at most as many calls are bad as it
// allows. An objective over windows is met if it is met in every window, and Due, Bad, Budget and
// Burn belong to the window with the highest Burn.
type SLOResult struct {
	SLO string `json:"slo"`
	// Met is true if the objective was met. It has no meaning unless Judged is true, which it is
	// not if there were too few calls.
	Met    bool   `json:"met"`
	Judged bool   `json:"judged"`
	Detail string `json:"detail"` // the measured value, and its window

	Due uint64 `json:"due"` // calls due
	// Bad is the number of bad calls; for a mean, of the calls that make it infinite. Budget is
	// the number of calls that may be bad, which need not be a whole number and is at least 0.5;
	// it is 0 for a mean.
	Bad    uint64  `json:"bad"`
	Budget float64 `json:"budget"`
	// Burn is the share of the budget that was used: Bad/Budget, or, for a mean, the mean over
	// its limit. It is at most 1 if the objective was met, and 1e9 for an infinite mean.
	Burn float64 `json:"burn"`
}

// Missed reports whether the objective was judged and not met.
func (r SLOResult) Missed() bool { return r.Judged && !r.Met }

// Margin returns by how much the objective was met: the natural logarithm of Budget/Bad, or, for a
// mean, of its limit over the mean. It is 0.69 if half of the budget was used, and -0.69 if twice
// the budget was. It is above 0 only if the objective was met, below 0 only if it was missed, and 0
// if it was not judged. No bad call counts as half a call, so that the margin is finite.
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
	// leastCalls replaces a count of 0 in logarithms and quotients.
	leastCalls = 0.5
	// infiniteBurn is the burn of an infinite mean. JSON has no infinity.
	infiniteBurn = 1e9
	// sloParts is the number of parts of 1 in which quantiles and shares are computed exactly.
	sloParts = 1e11
)

// budget returns the share of calls that may be bad, in 1/sloParts.
func (s SLO) budget() uint64 {
	switch {
	case s.q > 0:
		return sloParts - uint64(math.Round(s.q*sloParts))
	case s.metric == "achieved":
		return sloParts - uint64(math.Round(s.limit*sloParts))
	case s.IsShare():
		return uint64(math.Round(s.limit * sloParts))
	}
	return 0
}

// allowed returns the number of the calls due that may be bad.
func (s SLO) allowed(due uint64) uint64 {
	n, rest := bits.Div64(mul(due, s.budget(), sloParts))
	if rest == 0 && s.IsShare() && !s.equal {
		n = max(n, 1) - 1 // < and > exclude the bound itself
	}
	return n
}

// mul returns the 128 bits of x*y, followed by the divisor: the arguments of bits.Div64.
func mul(x, y, by uint64) (hi, lo, divisor uint64) {
	hi, lo = bits.Mul64(x, y)
	return hi, lo, by
}

// Longest returns the longest latency that does not make a call bad.
func (s SLO) Longest() time.Duration {
	switch {
	case s.IsShare() || s.metric == "mean":
		return math.MaxInt64
	case s.equal:
		return time.Duration(s.limit)
	}
	return time.Duration(s.limit) - 1
}

// Calls counts the calls by which an objective is judged: the calls due in a run, or in a part of
// it. Calls that are due, but neither done, failed nor never begun, have not ended yet.
type Calls struct {
	Due, Done, Failed uint64
	Never             uint64        // calls dropped or missed
	Missed            uint64        // calls missed
	Slow              uint64        // calls done that took longer than SLO.Longest
	Late              uint64        // calls not achieved
	Sum               time.Duration // the sum of the latencies of calls done
	Latency           Latencies     // the latencies of calls done, from which values are shown
	Apart             uint64        // failed calls that are left out
}

// Latencies estimate the latencies of calls done. A [*Buckets] and a [*quantile.HDR] do.
type Latencies interface {
	// Quantile returns an estimate of the q-quantile.
	Quantile(q float64) time.Duration
	// Max returns the longest latency.
	Max() time.Duration
}

// Open returns the number of calls that have not ended.
func (v *Calls) Open() uint64 { return v.Due - min(v.Done+v.Failed+v.Never, v.Due) }

// bad returns the number of bad calls.
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

// need returns the fewest calls due by which the objective can be judged.
func (s SLO) need() uint64 { return max(quantile.SamplesFor(s.q), 1) }

// result returns the result for v, which must have enough calls. Calls that have not ended count as
// good, so that a miss is certain, but meeting the objective is not. It does not allocate.
func (s SLO) result(v *Calls) SLOResult {
	r := s.judged(SLOResult{Bad: s.bad(v), Judged: true}, v)
	if r.Due = v.Due; v.Due == UnknownDue {
		r.Due -= v.Open()
	}
	return r
}

// CertainToMiss reports whether the objective will be missed whatever the result of the calls that
// have not ended. It does not allocate.
func (s SLO) CertainToMiss(v *Calls) bool { return v.Due >= s.need() && s.result(v).Missed() }

// LeaveOut leaves failed calls out of v, unless the metric is a share of calls.
func (s SLO) LeaveOut(v *Calls) {
	if !s.IsShare() {
		v.Due -= v.Failed
		v.Apart, v.Failed = v.Failed, 0
	}
}

// judged returns r, whose Bad must be set, with Met, Budget and Burn for the calls of v.
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

// meanHolds reports whether the mean of the latencies is within the bound.
func (s SLO) meanHolds(v *Calls) bool {
	hi, most := bits.Mul64(v.Due, uint64(s.limit))
	return hi > 0 || uint64(v.Sum) < most || s.equal && uint64(v.Sum) == most
}

// value returns the value of the metric. If calls have not ended, it returns the lowest possible
// value (for achieved, the highest). A histogram estimates latencies, while bad calls are counted
// exactly, so an estimate on the wrong side of the bound is moved to the bound.
func (s SLO) value(v *Calls, r SLOResult) float64 {
	share := float64(r.Bad) / float64(v.Due)
	switch {
	case s.metric == "achieved":
		return 1 - share
	case s.IsShare():
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

// judge returns the result for one or more views of the calls, each with the instant at which it
// begins.
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
		r := s.result(v)
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

// surelyMissed reports whether the objective is missed although there are too few calls: too many
// calls would be bad even if all the others that it needs were good.
func (s SLO) surelyMissed(v *Calls) bool {
	return v.Due > 0 && s.metric != "mean" && s.bad(v) > s.allowed(s.need())
}

// tooFew returns the reason why there are too few calls to judge the objective.
func (s SLO) tooFew(v *Calls) error {
	switch {
	case v.Due == 0 && v.Apart > 0:
		return fmt.Errorf("all %d calls failed and are left out", v.Apart)
	case v.Due == 0:
		return errors.New("no call was due")
	}
	return &TooFewError{s.q, v.Due, s.need(), v.Apart}
}

// detail returns the text of value x, with its window.
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

// Measured returns the measured value in the detail of a result, in the unit of Limit. It may be infinite. Ok is false
// if the detail has no value, as if there were too few calls.
func (s SLO) Measured(detail string) (x float64, ok bool) {
	for word := range strings.FieldsSeq(detail) {
		if word == "infinite" {
			return math.Inf(1), true
		}
		if d, err := time.ParseDuration(word); err == nil && !s.IsShare() {
			return float64(d), true
		}
		for suffix, size := range map[string]float64{"%": 1e-2, "ppm": 1e-6} {
			number, found := strings.CutSuffix(word, suffix)
			if x, err := strconv.ParseFloat(number, 64); found && err == nil && s.IsShare() {
				return x * size, true
			}
		}
	}
	return 0, false
}
