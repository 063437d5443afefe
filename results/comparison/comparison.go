// Package comparison says whether one set of measurements is worse than another, and how
// sure that is.
//
// A [Cell] is what was measured of one thing in one unit, of a base and of a head. [Judge]
// estimates by how much the head differs, with an interval of 95%, and gives each cell a
// verdict: regressed only if the interval lies wholly beyond the margin and the p-value,
// corrected for how many cells there are, is below 5%. What cannot be told is
// inconclusive, and says why and how many rounds would do; it is never a pass.
//
// Where measurements come in rounds, i-th with i-th, what slowed down a round slowed down
// both, and pairs see through it; else all of one are set against all of the other.
//
// Judging 10,000 cells of 12 rounds takes some 100 ms.
package comparison

import (
	"fmt"
	"math"
	"slices"

	"golang.org/x/perf/benchmath"

	"github.com/loadgen-go/loadgen/results"
)

// A Verdict is what there is to say of a cell.
type Verdict string

// The verdicts.
const (
	Improved     Verdict = "improved"
	Regressed    Verdict = "regressed"
	Worse        Verdict = "worse"        // it differs; whether by more than the margin is not clear
	Better       Verdict = "better"       // the same, the other way
	Equivalent   Verdict = "equivalent"   // the interval lies within the margin
	Inconclusive Verdict = "inconclusive" // the reason is beside it
	NotJudged    Verdict = "not judged"   // no direction of the unit is better
	Exploratory  Verdict = "exploratory"  // it is shown, as Cell.Exploratory asks, and not judged
)

// Differs reports whether a difference was shown.
func (v Verdict) Differs() bool {
	return v == Improved || v == Regressed || v == Better || v == Worse || v == Expected
}

// Undecided reports whether the verdict leaves open if the difference is beyond the margin.
func (v Verdict) Undecided() bool { return v == Better || v == Worse || v == Inconclusive }

// Judged reports whether the cell was judged at all.
func (v Verdict) Judged() bool { return v != NotJudged && v != Exploratory }

// Alpha is the chance of calling any of a family of cells worse or better though none is.
const Alpha = 0.05

// MinPairs is the least number of rounds that give an interval of 95%.
const MinPairs = 6

// A Cell is what was measured.
type Cell struct {
	Name string // of what, such as a row and its configuration
	Rule Rule   // of its unit
	Base []float64
	Head []float64
	// Paired says that the i-th values of both are of one round. There are as many.
	Paired bool
	// Exploratory says that the cell is shown and not judged: it is not one of the family.
	Exploratory bool
	// Incomparable says why the values cannot be compared, if they cannot: the cell is then
	// inconclusive, and not one of the family.
	Incomparable string
}

// A Result is a cell that was judged.
type Result struct {
	Cell
	BaseMedian, HeadMedian float64
	// Shift is by how much the head differs, and Low to High where that lies with
	// Confidence: shares of the base, or amounts if Absolute. They are NaN if they are not
	// known.
	Shift, Low, High float64
	Confidence       float64
	Absolute         bool
	P                float64 // of there being no difference; NaN if it was not tested
	Adjusted         float64 // P for all cells of the family, by Holm's procedure
	Marked           bool    // exploratory, and found among all that are
	Verdict          Verdict
	Why              string // the reason for which it is inconclusive, or a remark
}

// Judge judges cells together: they are one family. Values are finite. An error tells of
// cells that cannot be judged at all, and what would help; there are no results then.
func Judge(cells []Cell) ([]Result, error) {
	all := make([]Result, len(cells))
	var faults faults
	var family []int // those that a p-value decides on
	for i, c := range cells {
		r, err := measure(c)
		if err != nil {
			faults.add(&c, err)
			continue
		}
		if !math.IsNaN(r.P) && c.Rule.Better != Neither && !c.Exploratory {
			family = append(family, i)
		}
		all[i] = *r
	}
	if err := faults.join(); err != nil {
		return nil, err
	}
	p := make([]float64, len(family))
	for i, k := range family {
		p[i] = all[k].P
	}
	for i, adjusted := range holm(p) {
		all[family[i]].Adjusted = adjusted
	}
	for i := range all {
		all[i].judge(len(family))
	}
	return all, nil
}

// measure is all of a result but its verdict.
func measure(c Cell) (*Result, error) {
	nan := math.NaN()
	r := &Result{Cell: c, BaseMedian: nan, HeadMedian: nan, Shift: nan, Low: nan, High: nan, P: nan, Adjusted: nan}
	if len(c.Base) > 0 && len(c.Head) > 0 {
		r.BaseMedian, r.HeadMedian = results.Median(c.Base), results.Median(c.Head)
	}
	if c.Incomparable != "" {
		return r, nil
	}
	if len(c.Base) == 0 || len(c.Head) == 0 {
		return nil, fmt.Errorf("%d values of the base and %d of the head: want some of both", len(c.Base), len(c.Head))
	}
	if c.Paired && len(c.Base) != len(c.Head) {
		return nil, fmt.Errorf("%d rounds of the base and %d of the head: want pairs", len(c.Base), len(c.Head))
	}
	lowest := math.Inf(1)
	for _, x := range slices.Concat(c.Base, c.Head) {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil, fmt.Errorf("it has the value %v: want finite numbers", x)
		}
		lowest = min(lowest, x)
	}
	m := c.Rule.Margin
	switch {
	case lowest > 0:
		r.Absolute = m.byAmount()
	case c.Rule.Better == Neither, allZero(c.Base) && allZero(c.Head):
		r.Absolute = true
	case math.IsNaN(m.Amount):
		return nil, &NoAmountError{c.Rule.Unit, lowest}
	default:
		r.Absolute = true
	}
	r.shift()
	return r, nil
}

func allZero(x []float64) bool {
	return !slices.ContainsFunc(x, func(x float64) bool { return x != 0 })
}

// constant tells whether all values are the same.
func constant(x []float64) bool {
	return !slices.ContainsFunc(x, func(v float64) bool { return v != x[0] })
}

// shift estimates the difference.
func (r *Result) shift() {
	scale, back := math.Log, math.Expm1
	if r.Absolute {
		same := func(x float64) float64 { return x }
		scale, back = same, same
	}
	a, b := mapped(r.Base, scale), mapped(r.Head, scale)
	var s shift
	switch {
	case r.exact():
		d := b[0] - a[0]
		s = shift{d, d, d, math.NaN(), 1}
	case r.Paired && len(a) >= MinPairs:
		d := make([]float64, len(a))
		for i := range a {
			d[i] = b[i] - a[i]
		}
		s = paired(d)
	case r.Paired:
		return
	default:
		p := min(benchmath.AssumeNothing.Compare(sample(r.Base), sample(r.Head)).P, 1)
		if c, _ := rankSumBound(len(a), len(b)); c == 0 {
			r.P = p
			return
		}
		s = unpaired(a, b, p)
	}
	r.Shift, r.Low, r.High, r.P, r.Confidence = back(s.mid), back(s.low), back(s.high), s.p, s.confidence
}

// exact tells whether the cell is of a unit that does not vary, and did not.
func (r *Result) exact() bool {
	return r.Rule.Exact && constant(r.Base) && constant(r.Head)
}

func mapped(x []float64, f func(float64) float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = f(x[i])
	}
	return y
}

func sample(x []float64) *benchmath.Sample {
	return benchmath.NewSample(slices.Clone(x), &benchmath.DefaultThresholds)
}

// judge gives r its verdict, as one of a family.
func (r *Result) judge(family int) {
	if r.Exploratory {
		r.Verdict, r.Why = Exploratory, r.Incomparable
		return
	}
	if r.Rule.Better == Neither {
		r.Verdict = NotJudged
		return
	}
	if r.Incomparable != "" {
		r.Verdict, r.Why = Inconclusive, r.Incomparable
		return
	}
	if math.IsNaN(r.Shift) {
		r.Verdict, r.Why = Inconclusive, r.tooFew(family)
		return
	}
	low, high := r.Low, r.High // of how much worse it is
	if r.Rule.Better == Higher {
		low, high = -r.High, -r.Low
	}
	worse, better := r.beyond()
	sure := r.exact() || r.Adjusted < Alpha
	switch {
	case low > worse && sure:
		r.Verdict = Regressed
	case high < -better && sure:
		r.Verdict = Improved
	case low > worse || high < -better:
		r.Verdict, r.Why = Inconclusive, r.tooMany(family)
	case low >= -better && high <= worse:
		r.Verdict = Equivalent
	case low > 0 || high < 0:
		r.Verdict, r.Why = Inconclusive, "it differs, but whether by more than the margin is not clear"
	default:
		r.Verdict, r.Why = Inconclusive, "it varies too much for the margin"
	}
	if r.Rule.Exact && !r.exact() {
		r.Why = remark(r.Why, "it varies, though it is said to be exact")
	}
}

func remark(why, more string) string {
	if why == "" {
		return more
	}
	return why + "; " + more
}

// beyond is where the margin ends, for the worse and for the better, in the terms of the
// shift. If the margin is a share and an amount, both must be exceeded.
func (r *Result) beyond() (worse, better float64) {
	m := r.Rule.Margin
	if r.Absolute {
		// A share of a base that may be 0 says nothing; of one that is not, it adds to
		// the amount.
		amount := m.Amount
		if math.IsNaN(amount) {
			amount = 0
		}
		if !math.IsNaN(m.Share) {
			amount = max(amount, m.Share*math.Abs(r.BaseMedian))
		}
		return amount, amount
	}
	// As many steps up as down: 5% up is undone by 4.76% down.
	share := m.Share
	if !math.IsNaN(m.Amount) {
		share = max(share, m.Amount/r.BaseMedian)
	}
	up, down := share, share/(1+share)
	if r.Rule.Better == Higher {
		up, down = down, up
	}
	return up, down
}

// tooFew says how many rounds would give an interval.
func (r *Result) tooFew(family int) string {
	return fmt.Sprintf("%s cannot show this: need %d", r.rounds(), max(r.need(1), r.least()))
}

// tooMany is why an interval beyond the margin is not enough.
func (r *Result) tooMany(family int) string {
	if least := leastP(len(r.Base), len(r.Head), r.Paired) * float64(family); least >= Alpha {
		return fmt.Sprintf("%s cannot show this among %d cells: need %d", r.rounds(), family, r.need(family))
	}
	return fmt.Sprintf("it is beyond the margin, but among %d cells that may be chance (p=%.3f)", family, r.Adjusted)
}

func (r *Result) rounds() string {
	switch n, m := len(r.Base), len(r.Head); {
	case n == 1 && m == 1:
		return "one round"
	case n == m:
		return fmt.Sprintf("%d rounds", n)
	default:
		return fmt.Sprintf("%d and %d rounds", n, m)
	}
}

// least is how many rounds of both give an interval.
func (r *Result) least() int {
	if r.Paired {
		return MinPairs
	}
	return 4
}

// need is how many rounds of both can show a difference in a family of that size.
func (r *Result) need(family int) int { return Need(family, r.Paired) }

// Need is how many rounds can show a difference among so many cells at all: with fewer,
// the clearest is not clear enough, and a gate can never fire.
func Need(family int, paired bool) int {
	n := 1
	for leastP(n, n, paired)*float64(max(family, 1)) >= Alpha {
		n++
	}
	if paired {
		n = max(n, MinPairs)
	}
	return n
}
