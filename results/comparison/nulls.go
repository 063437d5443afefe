package comparison

import "math"

// nulls holds the distributions of the test statistics under no difference, without ties. Element x of a distribution
// is the chance that the statistic is at most x. Distributions depend on counts alone, and are computed once per call
// to Judge.
type nulls struct {
	signedRanks map[int][]float64
	rankSums    map[[2]int][]float64
}

func newNulls() *nulls { return &nulls{map[int][]float64{}, map[[2]int][]float64{}} }

// signedRank returns the distribution of the sum of the positive ranks of n differences.
func (null *nulls) signedRank(n int) []float64 {
	p, ok := null.signedRanks[n]
	if !ok {
		ranks := make([]int, n)
		for i := range ranks {
			ranks[i] = i + 1
		}
		p = signedRankSums(ranks)
		null.signedRanks[n] = p
	}
	return p
}

// signedRankSums returns the distribution of the sum of the positive ranks. Element s is the share of all patterns of
// signs whose sum is at most s.
func signedRankSums(ranks []int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	share := make([]float64, total+1)
	share[0] = 1
	for _, r := range ranks {
		for s := total; s >= 0; s-- {
			share[s] /= 2
			if s >= r {
				share[s] += share[s-r] / 2
			}
		}
	}
	return accumulate(share)
}

// accumulate replaces each share by the sum of the shares up to it.
func accumulate(share []float64) []float64 {
	for i := 1; i < len(share); i++ {
		share[i] += share[i-1]
	}
	return share
}

// rankSum returns the lower half of the distribution of Mann and Whitney's U for n and m values. The number of
// orders of the values with a given U is a coefficient of a Gaussian binomial, the product of (1-q^(m+i))/(1-q^i)
// for i from 1 to n.
//
// Source: Andrews, The Theory of Partitions, section 3.2.
func (null *nulls) rankSum(n, m int) []float64 {
	n, m = min(n, m), max(n, m)
	p, ok := null.rankSums[[2]int{n, m}]
	if ok {
		return p
	}
	p = make([]float64, n*m/2+1)
	p[0] = 1
	for i := 1; i <= n; i++ {
		for u := len(p) - 1; u >= m+i; u-- {
			p[u] -= p[u-m-i]
		}
		for u := i; u < len(p); u++ {
			p[u] += p[u-i]
		}
	}
	orders := binomial(n+m, n)
	for u := range p {
		p[u] /= orders
	}
	null.rankSums[[2]int{n, m}] = accumulate(p)
	return p
}

// z95 bounds the middle 95% of a normal distribution, in standard deviations.
const z95 = 1.959964

// signedRankBound returns the c for which the c-th smallest and the c-th largest of the Walsh averages of n
// differences are an interval of at least 95%, and its confidence.
func (null *nulls) signedRankBound(n int) (c int, confidence float64) {
	if n > manyRounds {
		m := float64(n)
		return int(m*(m+1)/4 - z95*math.Sqrt(m*(m+1)*(2*m+1)/24)), 0.95
	}
	return bound(null.signedRank(n))
}

// rankSumBound returns the c for which the c-th smallest and the c-th largest of all differences of n and m values
// are an interval of at least 95%, and its confidence. There is none if c is 0.
func (null *nulls) rankSumBound(n, m int) (c int, confidence float64) {
	if max(n, m) > manyRanks {
		x, y := float64(n), float64(m)
		return max(1, int(x*y/2-z95*math.Sqrt(x*y*(x+y+1)/12))), 0.95
	}
	return bound(null.rankSum(n, m))
}

// bound returns how many values of a statistic lie in its lower 2.5%, and the chance of lying neither there nor in
// the upper 2.5%.
func bound(p []float64) (c int, confidence float64) {
	for c < len(p) && p[c] <= 0.025 {
		c++
	}
	if c == 0 {
		return 0, 0
	}
	return c, 1 - 2*p[c-1]
}
