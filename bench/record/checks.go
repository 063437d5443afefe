package record

import (
	"math"
	"slices"
	"time"
)

// The statistics by which a run is tested: plain functions of what was measured,
// without a clock. None answers NaN: where nothing can be said, the answer is the one
// that accuses nobody, a distance or trend of 0, and a p of 1.

// ksTwoSample is the test of Kolmogorov and Smirnov whether a and b come from one
// distribution: d is the largest difference between their distribution functions, p
// the probability of as large a one if they do. Values that differ by no more than
// tolerance count as equal, in favour of a and b: d is by how much the share of one
// at or below any x is above the share of the other at or below x + tolerance.
//
// P is asymptotic, within 0.01 or so from some 20 values a side, and too large where
// there are ties or a tolerance. It supposes that all values are independent: gaps as
// they were due and as they were begun are not, and differ less than p expects, so
// that p errs for the run. With a million values a trifle has a small p: judge d as
// well. They are 0 and 1 if a side is empty.
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

// above is by how much the share of a at or below x is at most above the share of b
// at or below x + tolerance, for any x. Both are sorted.
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

// kolmogorovTail is the probability that a variable with Kolmogorov's distribution
// is above x, to 15 digits of 1.
//
// Source: Numerical Recipes, section 6.14.12: of its two series the one that
// converges, which takes no more than these terms.
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

// dispersion is the variance of the number of instants in a window over its mean: 1
// for Poisson arrivals in windows of any length, 0 for even ones in windows of many,
// k for clumps of k. Each block is a run of consecutive calls, many windows long; the
// windows follow its first instant without a gap, and only whole ones count. Blocks
// may lie anywhere in the run, and their instants in any order. The ratio is 0 if
// there are fewer than two windows, or nothing in any.
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
		// A window ends with what lies on its end, so that the instant that the first
		// one begins with is in none: it is there by choice.
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

// mannKendall tests whether x rises or falls as it goes: tau is Kendall's (tau-b, as
// far as values are tied), from -1 to 1, p the probability of as large a one, up or
// down, if the order is random. P is exact up to 10 values without ties. It supposes
// that values are independent. It takes time in the square of their number. It is 0
// and 1 if there are no two different values.
//
// Source: Mann, Econometrica 13, 1945; Kendall, Rank Correlation Methods, chapters 4
// and 5, for ties and the correction for continuity.
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

// kendallExact is the probability that Kendall's S of n values in random order, all
// different, is as far from 0 as s: of inversions there are (n(n-1)/2-S)/2, and the
// m-th value adds from 0 to m-1 of them, each as likely.
func kendallExact(n, s int) float64 {
	pairs := n * (n - 1) / 2
	likely := make([]float64, pairs+1) // by the number of inversions
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
	return min(p, 1) // at s = 0 both sides hold the middle
}

// kendallVariance is the variance of Kendall's S if the order of x is random.
func kendallVariance(x []float64) float64 {
	term := func(n int) float64 { f := float64(n); return f * (f - 1) * (2*f + 5) }
	v := term(len(x))
	for _, t := range ties(x) {
		v -= term(t)
	}
	return v / 18
}

// ties are how often each value occurs that does so more than once.
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
