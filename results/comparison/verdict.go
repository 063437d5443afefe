package comparison

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
)

// tolerance is the share of a base up to which a threshold counts as met exactly and not exceeded.
const tolerance = 1e-9

// beyond reports whether x exceeds the margin m. A difference of exactly m is within it: 100 to 105 is within 5%,
// despite the rounding of logarithms and of unit conversions.
func (r *reading) beyond(x, m float64) bool {
	if r.Absolute {
		return r.exceeds(x, m)
	}
	return x > m+tolerance*max(1, m)
}

// exceeds reports whether the amount x is larger than m, beyond the rounding of printed values.
func (r *reading) exceeds(x, m float64) bool {
	return x > m+max(resolution*m, resolutionOf(r.Base, r.Head, true))
}

// Allowed returns the margin in the terms of Shift, which is the largest difference in either direction that does not
// matter.
func (r *Result) Allowed() float64 { return r.allowed(r.Absolute) }

// allowed returns the margin as an amount, or as a share of the base. If the margin is a share and an amount, it
// returns the larger of them.
func (r *Result) allowed(absolute bool) float64 {
	share, amount := r.Rule.Margin.Share, r.Rule.Margin.Amount
	if math.IsNaN(share) {
		share = 0
	}
	if math.IsNaN(amount) {
		amount = 0
	}
	if absolute {
		return max(amount, share*math.Abs(r.BaseMedian))
	}
	return max(share, amount/r.BaseMedian)
}

// judge sets the verdict.
func (r *reading) judge() {
	switch {
	case r.Exploratory:
		r.Verdict, r.Why = Exploratory, r.Incomparable
	case r.Incomparable != "":
		r.Verdict, r.Why = Inconclusive, r.Incomparable
	case r.Rule.Better == Neither:
		r.Verdict = NotJudged
	case r.Rule.Exact:
		r.judgeExact()
	case math.IsNaN(r.Shift):
		r.Verdict, r.Why = Inconclusive, r.tooFew()
	default:
		r.judgeInterval()
	}
}

// worsening returns the bounds of a difference as amounts of worsening.
func (r *reading) worsening(low, high float64) (from, to float64) {
	if r.Rule.Better == Higher {
		return -high, -low
	}
	return low, high
}

// judgeInterval sets the verdict from the interval, the margin and the corrected p-value.
func (r *reading) judgeInterval() {
	from, to := r.worsening(r.Low, r.High)
	margin, sure := r.Allowed(), r.Adjusted < Alpha
	worse, better := r.beyond(from, margin), r.beyond(-to, margin)
	switch {
	case worse && sure:
		r.Verdict = Regressed
	case better && sure:
		r.Verdict = Improved
	case worse || better:
		r.Verdict, r.Why = Inconclusive, r.unsure()
	case !r.beyond(-from, margin) && !r.beyond(to, margin):
		r.Verdict = Equivalent
	case r.beyond(from, 0) && sure:
		r.Verdict, r.Why = Worse, whetherBeyond
	case r.beyond(-to, 0) && sure:
		r.Verdict, r.Why = Better, whetherBeyond
	default:
		r.Verdict, r.Why = Inconclusive, "it varies too much for the margin"
	}
}

const whetherBeyond = "it differs, but whether by more than the margin is not clear"

// judgeExact sets the verdict of an exact unit, for which any difference counts, without a test. If values vary
// anyway, the unit is not exact, and only a difference that every pair of values shows is certain. It compares
// amounts, since they are not rounded.
func (r *reading) judgeExact() {
	from, to := r.worsening(slices.Min(r.Head)-slices.Max(r.Base), slices.Max(r.Head)-slices.Min(r.Base))
	margin := r.allowed(true)
	switch {
	case r.exceeds(from, margin):
		r.Verdict = Regressed
	case r.exceeds(-to, margin):
		r.Verdict = Improved
	case !r.exceeds(-from, margin) && !r.exceeds(to, margin), slices.EqualFunc(distinct(r.Base), distinct(r.Head),
		same):
		r.Verdict = Equivalent
	default:
		r.Verdict = Inconclusive
	}
	base, head := distinct(r.Base), distinct(r.Head)
	var varies []string
	if len(base) > 1 {
		varies = append(varies, "the base had "+list(base))
	}
	if len(head) > 1 {
		varies = append(varies, "the head had "+list(head))
	}
	if len(varies) > 0 {
		r.Why = "it is said to be exact, but " + strings.Join(varies, " and ")
	}
}

// disjoint reports whether all values of one side are above all values of the other.
func (r *reading) disjoint() bool {
	gap := max(slices.Min(r.Head)-slices.Max(r.Base), slices.Min(r.Base)-slices.Max(r.Head))
	return r.exceeds(gap, 0)
}

// distinct returns the values that differ as printed, in ascending order.
func distinct(x []float64) []float64 {
	return slices.CompactFunc(slices.Sorted(slices.Values(x)), same)
}

// list returns the first few values as text.
func list(x []float64) string {
	const few = 3
	var parts []string
	for _, v := range x[:min(few, len(x))] {
		parts = append(parts, strconv.FormatFloat(v, 'g', 12, 64))
	}
	if more := len(x) - few; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(parts, ", ")
}

// tooFew returns why there is no interval.
func (r *reading) tooFew() string {
	return fmt.Sprintf("%s cannot show this%s: need %s", r.rounds(), r.among(), r.need())
}

// unsure returns why a difference whose interval lies beyond the margin is not significant.
func (r *reading) unsure() string {
	if min(len(r.Base), len(r.Head)) < Need(r.Family, r.Paired) {
		return r.tooFew()
	}
	why := fmt.Sprintf("it is beyond the margin, but%s that may be chance (p=%.3f)", r.among(), r.Adjusted)
	if r.opposed {
		why += "; base and head vary in opposite directions within rounds, so only pairs are tested"
	}
	return why
}

// among returns " among N cells", or "" for a single cell.
func (r *reading) among() string {
	if r.Family < 2 {
		return ""
	}
	return fmt.Sprintf(" among %d cells", r.Family)
}

// rounds returns the number of rounds as text.
func (r *reading) rounds() string {
	switch n, m := len(r.Base), len(r.Head); {
	case n == 1 && m == 1:
		return "one round"
	case n == m:
		return fmt.Sprintf("%d rounds", n)
	default:
		return fmt.Sprintf("%d and %d rounds", n, m)
	}
}

// need returns how many rounds would show a difference, as text.
func (r *reading) need() string {
	need, apart := Need(r.Family, r.Paired), NeedApart(r.Family)
	switch {
	case !r.Paired || need <= apart:
		return strconv.Itoa(need)
	case min(len(r.Base), len(r.Head)) >= apart:
		return fmt.Sprintf("%d, or a wide gap between base and head", need)
	default:
		return fmt.Sprintf("%d, or %d and a wide gap between base and head", need, apart)
	}
}

// Need returns the smallest number of rounds in which a family of this many cells can show a difference. With fewer
// rounds, even the clearest order of values is not significant. In pairs, a gap between base and head of three times
// the range of either is significant from NeedApart rounds on.
func Need(family int, paired bool) int {
	n := 4
	if paired {
		n = MinPairs
	}
	for {
		p := leastRankSum(n, n)
		if paired {
			p = 2 * min(p, math.Ldexp(1, 1-n))
		}
		if p*float64(max(family, 1)) < Alpha {
			return n
		}
		n++
	}
}

// NeedApart returns the smallest number of paired rounds in which a family of this many cells can show a difference by
// a wide gap between base and head.
func NeedApart(family int) int {
	n := MinPairs
	for leastPaired(n)*float64(max(family, 1)) >= Alpha {
		n++
	}
	return n
}
