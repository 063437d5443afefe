package comparison

import (
	"cmp"
	"math"
	"slices"
)

// The largest counts for which p-values and intervals are exact. For larger counts they come from the normal
// distribution, corrected for ties and for continuity.
const (
	manyRounds = 100 // of signed ranks
	manyRanks  = 50  // of either sample; as benchstat
	manyTies   = 25  // of either sample if values are tied; as benchstat
)

// ties returns the lengths of the runs of n sorted values in which each value is tied with the next.
func ties(n int, tied func(i, j int) bool) (runs []int) {
	for i := range n {
		if i > 0 && tied(i-1, i) {
			runs[len(runs)-1]++
		} else {
			runs = append(runs, 1)
		}
	}
	return runs
}

// tieCorrection returns the sum of t^3-t over runs of t ties.
func tieCorrection(runs []int) (sum float64) {
	for _, run := range runs {
		t := float64(run)
		sum += t*t*t - t
	}
	return sum
}

// signedRank returns the p-value of Wilcoxon's signed-rank test. It leaves out differences of 0 and gives ties the
// middle of their ranks.
func signedRank(d []difference, null *nulls) float64 {
	d = slices.DeleteFunc(slices.Clone(d), func(d difference) bool { return d.by == 0 })
	slices.SortFunc(d, func(x, y difference) int { return cmp.Compare(math.Abs(x.by), math.Abs(y.by)) })
	runs := ties(len(d), func(i, j int) bool {
		return math.Abs(d[j].by)-math.Abs(d[i].by) <= max(d[i].resolution, d[j].resolution)
	})
	// Ranks are doubled, so that the middle of ties is a whole number.
	ranks, w, i := make([]int, 0, len(d)), 0, 0
	for _, run := range runs {
		for _, x := range d[i : i+run] {
			rank := 2*i + 1 + run // twice the mean of i+1 to i+run
			ranks = append(ranks, rank)
			if x.by > 0 {
				w += rank
			}
		}
		i += run
	}
	total := len(d) * (len(d) + 1)
	w = min(w, total-w)
	if len(d) > manyRounds {
		n := float64(len(d))
		// The variance of the doubled sum is four times that of the sum.
		return normalP(float64(total)/2-float64(w)-1, n*(n+1)*(2*n+1)/6-tieCorrection(runs)/12)
	}
	if len(runs) == len(d) {
		return min(1, 2*null.signedRank(len(d))[w/2])
	}
	return min(1, 2*signedRankSums(ranks)[w])
}

// normalP returns the two-sided p-value of a statistic whose distance from its mean is off, after the correction for
// continuity.
func normalP(off, variance float64) float64 {
	if variance <= 0 {
		return 1
	}
	return math.Erfc(max(off, 0) / math.Sqrt(2*variance))
}

// rankSum returns the p-value of Mann and Whitney's test. It agrees with benchstat except in two cases in which
// benchstat is wrong. If samples of different sizes have ties, benchstat looks up U of one sample in the distribution
// of the other: for 4 and 4 against 3, 0, 0 and 0 it returns p = 0, although 1 of the 15 ways to choose two of the six
// values is as extreme. And for one value against many, the normal distribution gives p-values that are too small;
// rankSum never returns less than the smallest p-value possible with these counts.
func rankSum(a, b []float64, null *nulls) float64 {
	type labelled struct {
		x      float64
		sample int // 0 for a, 1 for b
	}
	n, m := len(a), len(b)
	values := make([]labelled, 0, n+m)
	for sample, side := range [][]float64{a, b} {
		for _, x := range side {
			values = append(values, labelled{x, sample})
		}
	}
	slices.SortFunc(values, func(x, y labelled) int { return cmp.Compare(x.x, y.x) })
	runs := ties(n+m, func(i, j int) bool { return same(values[i].x, values[j].x) })
	// U counts how often a value of a is above one of b. It is doubled, since ties count half.
	u, below, i := 0, 0, 0 // below is the number of values of b seen so far
	for _, run := range runs {
		var count [2]int
		for _, x := range values[i : i+run] {
			count[x.sample]++
		}
		u += count[0] * (2*below + count[1])
		below += count[1]
		i += run
	}
	if above := 2*n*m - u; above < u {
		u, n, m = above, m, n // U of the other sample: how often a value of b is above one of a
	}
	tied := len(runs) < n+m
	switch {
	case len(runs) == 1:
		return 1
	case !tied && max(n, m) <= manyRanks:
		return min(1, 2*null.rankSum(n, m)[u/2])
	case tied && max(n, m) <= manyTies:
		return min(1, 2*tiedRankSum(n, m, u, runs))
	}
	x, y, t := float64(n), float64(m), float64(n+m)
	variance := x * y / 12 * (t + 1 - tieCorrection(runs)/(t*(t-1)))
	return max(normalP(x*y/2-float64(u)/2-0.5, variance), leastRankSum(n, m))
}

// tiedRankSum returns the chance that twice Mann and Whitney's U of n and m values with runs of ties is at most u. It
// goes through the runs in ascending order and counts the ways to choose k of the values so far for the first sample,
// by the U that they have.
//
// Source: Klotz, Journal of the American Statistical Association 61(315), 1966.
func tiedRankSum(n, m, u int, runs []int) float64 {
	ways := make([][]float64, n+1)
	for k := range ways {
		ways[k] = make([]float64, u+1)
	}
	ways[0][0] = 1
	before := 0
	for _, run := range runs {
		choices := binomials(run)
		// A k below least can no longer reach n. Descending order keeps the smaller k unchanged until they are read.
		least := max(1, n-(n+m-before-run))
		for k := min(n, before+run); k >= least; k-- {
			for j := max(1, k-before); j <= min(run, k); j++ {
				from := k - j
				// Each of the j values is above the earlier values of the second sample, and ties with those in its
				// run.
				gain := j * (2*(before-from) + run - j)
				most := min(u, gain+2*from*(before-from)) // no way has a larger U
				for s := gain; s <= most; s++ {
					ways[k][s] += choices[j] * ways[from][s-gain]
				}
			}
		}
		before += run
	}
	sum := 0.0
	for _, w := range ways[n] {
		sum += w
	}
	return sum / binomial(n+m, n)
}

// binomials returns the numbers of ways to choose 0, 1, ..., n elements of n.
func binomials(n int) []float64 {
	row := make([]float64, n+1)
	row[0] = 1
	for k := 1; k <= n; k++ {
		row[k] = row[k-1] * float64(n-k+1) / float64(k)
	}
	return row
}

// binomial returns the number of ways to choose k elements of n.
func binomial(n, k int) float64 { return binomials(n)[k] }

// apart reports whether the gap between the values of a and those of b is at least three times the range of either.
func apart(a, b []float64, resolution float64) bool {
	lowA, highA, lowB, highB := slices.Min(a), slices.Max(a), slices.Min(b), slices.Max(b)
	gap := max(lowB-highA, lowA-highB)
	return gap > resolution && gap*(1+tolerance) >= 3*max(highA-lowA, highB-lowB)
}

// apartP bounds the chance that two samples of n values from one distribution are apart. A gap at least as wide as
// the ranges is likeliest for a distribution with two equally likely, narrow modes. With chance p = 2/4^n one sample
// lies in one mode and the other sample in the other; p/(1-p) also counts modes within modes. No distribution is known
// to exceed the bound. There is no proof that none does; TestTheBoundOfTheGapHolds searches for one.
func apartP(n int) float64 { return 1 / (math.Ldexp(1, 2*n-1) - 1) }

// leastPaired returns the smallest p-value of n rounds: the p-value of a wide gap, doubled since there are two tests.
func leastPaired(n int) float64 { return 2 * min(math.Ldexp(1, 1-n), leastRankSum(n, n), apartP(n)) }

// leastRankSum returns the smallest p-value of n and m values, which 2 of the ways to choose n of them reach.
func leastRankSum(n, m int) float64 {
	p := 2.0
	for i := 1; i <= n; i++ {
		p *= float64(i) / float64(m+i)
	}
	return min(1, p)
}
