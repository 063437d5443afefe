package record

import (
	"math"
	"slices"
	"time"
)

// The statistical tests of a run are pure functions of measured values. None returns NaN. If a test
// cannot tell, it returns the values that report no fault: a distance or trend of 0, and a p of 1.

// ksTwoSample returns the result of the Kolmogorov-Smirnov test of whether a and b come from the same
// distribution: d is the largest difference between their distribution functions, and p is the
// probability of a difference at least as large if they do. Values that differ by at most tolerance
// count as equal: d is the most by which the share of one sample at or below any x exceeds the share
// of the other at or below x + tolerance.
//
// P is asymptotic: it is within about 0.01 from some 20 values per sample, and too large if there are
// ties or a tolerance. It assumes that all values are independent. The gaps between calls as due and
// as begun are not; they differ less than p assumes, so that p errs in favour of the run. With a
// million values even a negligible difference has a small p, so judge d too. D and p are 0 and 1 if a
// sample is empty.
//
// Source: Press et al., Numerical Recipes, 3rd edition, section 14.3.3, with the
// correction for small samples of Stephens, JRSS B 32(1), 1970.
func ksTwoSample(a, b []float64, tolerance float64) (d, p float64) {
	if len(a) == 0 || len(b) == 0 {
		return 0, 1
	}
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	n, m := float64(len(a)), float64(len(b))
	d = max(above(a, b, tolerance), above(b, a, tolerance))
	root := math.Sqrt(n / (n + m) * m)
	return d, kolmogorovTail((root + 0.12 + 0.11/root) * d)
}

// above returns the most by which the share of a at or below any x exceeds the share of b at or below
// x + tolerance. Both must be sorted.
func above(a, b []float64, tolerance float64) (most float64) {
	j := 0
	for i, x := range a {
		for j < len(b) && !(b[j] > x+tolerance) {
			j++
		}
		most = max(most, float64(i+1)/float64(len(a))-float64(j)/float64(len(b)))
	}
	return most
}

// kolmogorovTail returns the probability that a variable with Kolmogorov's distribution is above x,
// with an absolute error of about 1e-15.
//
// Source: Press et al., Numerical Recipes, 3rd edition, section 6.14.12, which gives two series. For
// each x one of them converges with no more than these terms.
func kolmogorovTail(x float64) float64 {
	switch {
	case x <= 0:
		return 1
	case x < 1.18:
		y := math.Exp(-math.Pi * math.Pi / (8 * x * x))
		return 1 - math.Sqrt(2*math.Pi)/x*(y+math.Pow(y, 9)+math.Pow(y, 25)+math.Pow(y, 49))
	}
	y := math.Exp(-2 * x * x)
	return 2 * (y - math.Pow(y, 4) + math.Pow(y, 9))
}

// dispersion returns the variance of the number of instants per window over its mean: 1 for Poisson
// arrivals in windows of any length, 0 for evenly spaced calls in windows of many calls, k for clumps
// of k calls. Each block holds the instants of successive calls, in any order, and should be many
// windows long. The windows follow its first instant without a gap, and only whole windows count.
// The ratio is 0 if there are fewer than two windows, or no instants in them.
//
// Source: the index of dispersion; Cox and Lewis, The Statistical Analysis of Series
// of Events, section 6.3.
func dispersion(blocks [][]time.Duration, window time.Duration) (ratio float64, windows int) {
	if window <= 0 {
		return 0, 0
	}
	var sum, squares float64 // of counts
	for _, block := range blocks {
		if len(block) == 0 {
			continue
		}
		if !slices.IsSorted(block) {
			block = slices.Sorted(slices.Values(block))
		}
		first := block[0]
		whole := (block[len(block)-1] - first) / window
		windows += int(whole)
		// A window includes its end but not its start. So no window counts the first instant,
		// which is at the start of the first window by construction.
		end := first + whole*window
		for i := 1; i < len(block); {
			if block[i] == first {
				i++
				continue
			}
			if block[i] > end {
				break
			}
			last := first + ((block[i]-first-1)/window+1)*window
			count := 0.0
			for ; i < len(block) && block[i] <= last; i++ {
				count++
			}
			sum += count
			squares += count * count
		}
	}
	if windows < 2 || sum == 0 {
		return 0, windows
	}
	n := float64(windows)
	return max(squares-sum*sum/n, 0) / (n - 1) / (sum / n), windows
}

// mannKendall returns the result of the Mann-Kendall test of whether x has a trend: tau is Kendall's
// tau (tau-b if there are ties), from -1 to 1, and p is the two-sided probability of a tau at least as
// large if the order is random. P is exact for up to 10 values without ties. The test assumes that the
// values are independent, and its time is quadratic in their number. Tau and p are 0 and 1 if all
// values are equal.
//
// Source: Mann, Econometrica 13, 1945; Kendall, Rank Correlation Methods, chapters 4 and 5, for ties
// and the correction for continuity.
func mannKendall(x []float64) (tau, p float64) {
	s := 0
	for i := range x {
		for _, later := range x[i+1:] {
			switch {
			case later > x[i]:
				s++
			case later < x[i]:
				s--
			}
		}
	}
	n := len(x)
	pairs, different := n*(n-1)/2, n*(n-1)/2
	for _, t := range ties(x) {
		different -= t * (t - 1) / 2
	}
	if different == 0 {
		return 0, 1
	}
	tau = float64(s) / math.Sqrt(float64(pairs)*float64(different))
	if n <= 10 && different == pairs {
		return tau, kendallExact(n, s)
	}
	z := max(math.Abs(float64(s))-1, 0) / math.Sqrt(kendallVariance(x))
	return tau, math.Erfc(z / math.Sqrt2)
}

// kendallExact returns the probability that Kendall's S of n different values in random order is at
// least as far from 0 as s. The number of inversions is (n(n-1)/2-S)/2, and the m-th value adds from 0
// to m-1 of them with equal probability.
func kendallExact(n, s int) float64 {
	pairs := n * (n - 1) / 2
	likely := make([]float64, pairs+1) // the probability of each number of inversions
	likely[0] = 1
	for m := 2; m <= n; m++ {
		before := slices.Clone(likely)
		for k := range likely {
			likely[k] = 0
			for added := range min(m, k+1) {
				likely[k] += before[k-added] / float64(m)
			}
		}
	}
	p := 0.0
	for k := range (pairs-max(s, -s))/2 + 1 {
		p += 2 * likely[k]
	}
	return min(p, 1) // for s = 0 the middle is counted on both sides
}

// kendallVariance returns the variance of Kendall's S if the order of x is random.
func kendallVariance(x []float64) float64 {
	term := func(n int) float64 { f := float64(n); return f * (f - 1) * (2*f + 5) }
	v := term(len(x))
	for _, t := range ties(x) {
		v -= term(t)
	}
	return v / 18
}

// ties returns the number of occurrences of each value that occurs more than once.
func ties(x []float64) (times []int) {
	sorted := slices.Sorted(slices.Values(x))
	for i := 0; i < len(sorted); {
		from := i
		for i++; i < len(sorted) && sorted[i] == sorted[from]; i++ {
		}
		if i-from > 1 {
			times = append(times, i-from)
		}
	}
	return times
}
