package comparison

import (
	"cmp"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/results"
)

// A family holds the cells of one call to Judge that are tested in the same way.
type family []*reading

// test sets the p-value of each cell.
//
// Under no difference base and head of a round can be exchanged, which is all that the signed-rank test needs. The
// rank-sum test needs more: rounds that slow down both sides only make it miss differences, but if what slows down
// one side speeds up the other, it finds differences that are not there. Then pairs alone are tested.
//
// A wide gap is not made by such noise unless that puts each side into one of a few narrow modes, and then
// correlations are close to -1. So it counts unless they are surely negative: by chance alone, a third of the
// families of two cells in 6 rounds seem opposed, and a gap is all that so few rounds can show.
func (f family) test() {
	opposed, surely := f.opposed()
	for _, r := range f {
		switch {
		case !r.Paired:
			r.P = r.rankSum
		case surely:
			r.P, r.opposed = r.signedRank, true
		case opposed:
			r.P, r.opposed = min(r.signedRank, 2*r.gap), true
		default:
			r.P = min(1, 2*min(r.signedRank, r.rankSum, r.gap))
		}
	}
}

// opposed reports whether base and head seem to vary in opposite directions within rounds: the median of their
// correlations over the cells is below -0.25. In simulated families without a difference that limit keeps false
// alarms at the 5% that they may have, whatever the correlation. They surely do if chance makes the mean of the
// correlations, on Fisher's scale, as low in one of 1,000 families.
func (f family) opposed() (seems, surely bool) {
	var known []float64
	z := 0.0
	for _, r := range f {
		if !math.IsNaN(r.correlation) {
			known = append(known, r.correlation)
			z += math.Atanh(max(-nearlyOne, min(r.correlation, nearlyOne))) * math.Sqrt(float64(len(r.Base)-3))
		}
	}
	seems = len(known) > 0 && results.Median(known) < -0.25-tolerance
	return seems, seems && z < -z999*math.Sqrt(float64(len(known)))
}

const (
	z999      = 3.090232 // standard deviations; one value in 1,000 of a normal distribution is further below the mean
	nearlyOne = 1 - 1e-6 // the largest correlation that is a number on Fisher's scale
)

// correct corrects the p-values for the number of cells in the family. Cells that were not tested count as well.
func (f family) correct() {
	p, least := make([]float64, len(f)), make([]float64, len(f))
	for i, r := range f {
		p[i], least[i] = r.P, r.least
		if math.IsNaN(r.P) {
			p[i] = 1
		}
	}
	p, least = holm(p), holm(least)
	for i, r := range f {
		if !math.IsNaN(r.P) {
			r.Adjusted = p[i]
		}
		// Holm's correction is monotone: no p-values above the least ones are corrected to less.
		r.Family, r.TooFew = len(f), least[i] >= Alpha
	}
}

// holm returns corrected p-values by Holm's step-down procedure. If those below a level are rejected, the chance of
// rejecting any true hypothesis is at most that level, however the p-values depend on each other.
func holm(p []float64) []float64 {
	adjusted, most := make([]float64, len(p)), 0.0
	for i, k := range ascending(p) {
		most = max(most, min(1, float64(len(p)-i)*p[k]))
		adjusted[k] = most
	}
	return adjusted
}

// ascending returns the indices of p in ascending order of their values.
func ascending(p []float64) []int {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	return order
}

// mark marks the cells that Benjamini and Hochberg's procedure finds at Alpha, and exact cells that differ.
// At most the share Alpha of the cells that it finds are expected to be false.
func (f family) mark() {
	var tested family
	var p []float64
	for _, r := range f {
		switch {
		case r.Rule.Exact:
			r.Marked = r.disjoint()
		case !math.IsNaN(r.P):
			tested, p = append(tested, r), append(p, r.P)
		}
	}
	order, found := ascending(p), 0
	for i, k := range order {
		if p[k] <= Alpha*float64(i+1)/float64(len(p)) {
			found = i + 1
		}
	}
	for _, k := range order[:found] {
		tested[k].Marked = true
	}
}
