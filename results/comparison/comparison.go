// Package comparison decides whether one set of measurements is worse than another, and says how sure that is.
//
// A [Cell] holds measurements of one thing in one unit: values of a base and values of a head. [Judge] takes all
// cells of a question. For each cell it estimates the difference of the head, with a 95% interval, and gives a
// verdict.
//
// The primary cells of a call are one family: their p-values are corrected together, so that the chance of calling
// any of them regressed or improved although nothing changed is at most 5%. A cell is regressed only if its interval
// lies wholly beyond the margin and its corrected p-value is below 5%. A cell that cannot be decided is inconclusive,
// with the reason and how many rounds would decide it; it never counts as a pass. [Cell.Exploratory] cells are
// estimated and never judged. [OfRun] makes the cells of a run from its scenario, [OfRuns] those of two runs.
//
// If values come in rounds, the i-th of the base with the i-th of the head, then whatever slowed down a round slowed
// down both, and differences within rounds leave it out. A paired cell is tested twice, by differences within rounds
// and by ranks across all values; the smaller p-value is doubled. README.md describes the procedure, what it can find
// in how many rounds, and what it does not cover.
//
// The statistics are nonparametric: Hodges and Lehmann's estimates and intervals (Annals of Mathematical Statistics
// 34, 1963), Wilcoxon's signed-rank test (Biometrics Bulletin 1, 1945), Mann and Whitney's rank-sum test (Annals of
// Mathematical Statistics 18, 1947), and Holm's correction (Scandinavian Journal of Statistics 6, 1979). Equivalence
// is decided by two one-sided tests (Schuirmann, Journal of Pharmacokinetics and Biopharmaceutics 15, 1987).
// Exploratory cells are marked by Benjamini and Hochberg's procedure (Journal of the Royal Statistical Society B 57,
// 1995).
package comparison

import (
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/results"
)

// A Verdict says what the measurements of a cell show.
type Verdict string

// The verdicts.
const (
	Improved     Verdict = "improved"     // better by more than the margin
	Regressed    Verdict = "regressed"    // worse by more than the margin
	Better       Verdict = "better"       // better, but perhaps by less than the margin
	Worse        Verdict = "worse"        // worse, but perhaps by less than the margin
	Equivalent   Verdict = "equivalent"   // the interval lies within the margin
	Inconclusive Verdict = "inconclusive" // Result.Why has the reason
	NotJudged    Verdict = "not judged"   // neither direction of the unit is better
	Exploratory  Verdict = "exploratory"  // shown with an interval of its own, as Cell.Exploratory asks
)

// Differs reports whether the verdict is that head and base differ. Only then may a sentence say by how much.
func (v Verdict) Differs() bool {
	return v == Improved || v == Regressed || v == Better || v == Worse || v == Expected
}

// Undecided reports whether the verdict leaves open if the difference is beyond the margin.
func (v Verdict) Undecided() bool { return v == Better || v == Worse || v == Inconclusive }

// Judged reports whether the cell was judged at all.
func (v Verdict) Judged() bool { return v != NotJudged && v != Exploratory }

// Alpha is the largest chance of calling any cell of a family different although none is.
const Alpha = 0.05

// MinPairs is the smallest number of rounds with a 95% interval.
const MinPairs = 6

// A Cell holds what was measured of one thing in one unit.
type Cell struct {
	Name string // such as a row and its configuration
	Rule Rule   // how its unit is judged
	Base []float64
	Head []float64
	// Paired means that Base[i] and Head[i] were measured in the same round, in random order. Both have the same
	// length.
	Paired bool
	// Exploratory keeps the cell out of the family. It gets an interval, but no verdict about better or worse.
	Exploratory bool
	// Incomparable is the reason why the values must not be compared, or "" if they can be. If it is set, the cell is
	// inconclusive for this reason and does not belong to the family, and it may have no values.
	Incomparable string
}

// A Result is a cell with its estimate and verdict.
type Result struct {
	Cell
	BaseMedian, HeadMedian float64
	// Shift is the estimated difference of the head. The true difference lies between Low and High with Confidence.
	// They are shares of the base, or amounts in the unit if Absolute is set. They are NaN if there are too few
	// values. If the unit is exact, Low and High are the smallest and the largest difference measured.
	Shift, Low, High float64
	Confidence       float64
	Absolute         bool
	// P is the p-value of no difference, or NaN if there is none. Without pairs it is benchstat's.
	P float64
	// Adjusted is P after Holm's correction for the Family of cells. It is NaN for cells that have no P or no family.
	Adjusted float64
	Family   int // the number of cells corrected together; 0 if this cell is not one of them
	// TooFew means that even the clearest difference of so few values would not be significant among so many cells.
	TooFew  bool
	Verdict Verdict
	// Marked means that Benjamini and Hochberg's procedure finds this exploratory cell at 5%.
	Marked bool
	Why    string // the reason of an undecided verdict, or a remark
}

// Judge judges cells. The primary cells form one family: all cells that are neither exploratory nor exact, and whose
// unit has a better direction. All values must be finite. If cells cannot be judged, Judge returns no results and an
// error that names these cells and says what would help.
func Judge(cells []Cell) ([]Result, error) {
	readings := make([]reading, len(cells))
	null := newNulls()
	var faults faults
	for i := range cells {
		if err := readings[i].measure(&cells[i], null); err != nil {
			faults.add(&cells[i], err)
		}
	}
	if err := faults.join(); err != nil {
		return nil, err
	}
	var primary, exploratory, rest family
	for i := range readings {
		r := &readings[i]
		switch {
		case r.Incomparable != "":
		case r.Exploratory:
			exploratory = append(exploratory, r)
		case r.Rule.Better == Neither || r.Rule.Exact:
			rest = append(rest, r)
		default:
			primary = append(primary, r)
		}
	}
	for _, f := range []family{primary, exploratory, rest} {
		f.test()
	}
	primary.correct()
	exploratory.mark()
	judged := make([]Result, len(readings))
	for i := range readings {
		readings[i].judge()
		judged[i] = readings[i].Result
	}
	return judged, nil
}

// A reading is a result that is being computed.
type reading struct {
	Result
	signedRank, rankSum float64 // the p-values of the two tests; NaN if a test was not made
	gap                 float64 // the p-value of a wide gap between base and head; 1 if there is none
	least               float64 // the smallest P possible with this number of values
	correlation         float64 // between base and head within rounds; NaN if it is unknown
	opposed             bool    // P comes from the signed-rank test alone
}

// measure checks c and sets everything that depends on c alone.
func (r *reading) measure(c *Cell, null *nulls) error {
	nan := math.NaN()
	*r = reading{Result: Result{Cell: *c, BaseMedian: nan, HeadMedian: nan, Shift: nan, Low: nan, High: nan, P: nan,
		Adjusted: nan},
		signedRank: nan, rankSum: nan, gap: 1, least: 1, correlation: nan}
	if len(c.Base) > 0 && len(c.Head) > 0 {
		r.BaseMedian, r.HeadMedian = results.Median(c.Base), results.Median(c.Head)
	}
	if c.Incomparable != "" {
		return nil
	}
	lowest, err := c.check()
	if err != nil {
		return err
	}
	m := c.Rule.Margin
	switch {
	case lowest > 0:
		r.Absolute = m.byAmount()
	case c.Exploratory, c.Rule.Better == Neither, constant(slices.Concat(c.Base, c.Head)):
		r.Absolute = true
	case math.IsNaN(m.Amount):
		return &NoAmountError{c.Rule.Unit, lowest}
	default:
		r.Absolute = true
	}
	r.estimate(null)
	if math.IsInf(r.Low, 0) || math.IsInf(r.High, 0) {
		return fmt.Errorf("its values, such as %v and %v, are too far apart to subtract or divide",
			r.BaseMedian, r.HeadMedian)
	}
	return nil
}

// check returns the smallest value, or an error that says why c cannot be judged.
func (c *Cell) check() (lowest float64, err error) {
	if len(c.Base) == 0 || len(c.Head) == 0 {
		return 0, fmt.Errorf("%d values of the base and %d of the head: want some of both", len(c.Base), len(c.Head))
	}
	if c.Paired && len(c.Base) != len(c.Head) {
		return 0, fmt.Errorf("%d rounds of the base and %d of the head: want pairs", len(c.Base), len(c.Head))
	}
	lowest = math.Inf(1)
	for _, side := range [][]float64{c.Base, c.Head} {
		for _, x := range side {
			if math.IsNaN(x) || math.IsInf(x, 0) {
				return 0, fmt.Errorf("it has the value %v: want finite numbers", x)
			}
			lowest = min(lowest, x)
		}
	}
	if c.Exploratory {
		return lowest, nil
	}
	return lowest, c.Rule.check()
}

// estimate sets the shift with its interval, and the p-values.
func (r *reading) estimate(null *nulls) {
	scale, back := math.Log, math.Expm1
	if r.Absolute {
		scale = func(x float64) float64 { return x }
		back = scale
	}
	a, b := mapped(r.Base, scale), mapped(r.Head, scale)
	var e estimate
	switch {
	case r.Rule.Exact:
		e = extremes(a, b)
	case r.Paired && len(a) < MinPairs:
		return
	case r.Paired:
		d := differences(r.Base, r.Head, r.Absolute)
		e = ofPairs(d, null)
		r.signedRank, r.rankSum = signedRank(d, null), rankSum(r.Base, r.Head, null)
		if apart(a, b, resolutionOf(r.Base, r.Head, r.Absolute)) {
			r.gap = apartP(len(a))
		}
		if !constant(r.Base) && !constant(r.Head) {
			r.correlation = correlation(a, b)
		}
		r.least = leastPaired(len(a))
	default:
		r.rankSum = rankSum(r.Base, r.Head, null)
		c, confidence := null.rankSumBound(len(a), len(b))
		if c == 0 {
			return
		}
		e = ofSamples(a, b, c, confidence)
		r.least = leastRankSum(len(a), len(b))
	}
	r.Shift, r.Low, r.High, r.Confidence = back(e.mid), back(e.low), back(e.high), e.confidence
}

// mapped returns f of each value of x.
func mapped(x []float64, f func(float64) float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = f(x[i])
	}
	return y
}
