package comparison

import (
	"math"
	"slices"
	"sort"
)

// A shift is by how much one sample lies above another: an estimate, an interval of at
// least 95%, and the two-sided p-value of there being none.
type shift struct {
	mid, low, high float64
	p              float64
	confidence     float64
}

// paired is the shift of differences, one for each round: Hodges and Lehmann's estimate,
// the interval that belongs to it, and Wilcoxon's signed-rank test, exact with ties up to
// manyRounds. There are minPairs at least.
//
// Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, sections 3.1
// to 3.3.
func paired(d []float64) shift {
	var walsh []float64 // averages of all pairs, each with itself included
	for i := range d {
		for j := i; j < len(d); j++ {
			walsh = append(walsh, (d[i]+d[j])/2)
		}
	}
	c, confidence := signedRankBound(len(d))
	return between(walsh, c, signedRankP(d), confidence)
}

// between takes estimate and interval from candidates, of which the c-th from either end
// bound it.
func between(candidates []float64, c int, p, confidence float64) shift {
	slices.Sort(candidates)
	m := len(candidates)
	return shift{(candidates[(m-1)/2] + candidates[m/2]) / 2, candidates[c-1], candidates[m-c], p, confidence}
}

const (
	manyRounds = 100 // of signed ranks
	manyRanks  = 50  // of either sample
)

// signedRankBound is the c for which the c-th smallest and the c-th largest of the Walsh
// averages of n values are an interval of 95% or a little more, and its true confidence.
//
// Past manyRounds it is that of the normal distribution, which is as good there.
func signedRankBound(n int) (c int, confidence float64) {
	if n > manyRounds {
		m := float64(n)
		return int(m*(m+1)/4 - z95*math.Sqrt(m*(m+1)*(2*m+1)/24)), 0.95
	}
	ranks := make([]int, n)
	for i := range ranks {
		ranks[i] = i + 1
	}
	ways := signPatterns(ranks)
	var tail float64 // P(W < c)
	for tail+ways[c] <= 0.025 {
		tail += ways[c]
		c++
	}
	return c, 1 - 2*tail
}

const z95 = 1.959964

// signPatterns is, by sum, the share of all patterns of signs whose positive ranks have
// that sum.
func signPatterns(ranks []int) []float64 {
	total := 0
	for _, r := range ranks {
		total += r
	}
	ways := make([]float64, total+1)
	ways[0] = 1
	for _, r := range ranks {
		for s := total; s >= 0; s-- {
			ways[s] /= 2
			if s >= r {
				ways[s] += ways[s-r] / 2
			}
		}
	}
	return ways
}

// signedRankP leaves out what is 0, and gives ties the middle of their ranks.
func signedRankP(d []float64) float64 {
	d = slices.DeleteFunc(slices.Clone(d), func(x float64) bool { return x == 0 })
	if len(d) == 0 {
		return 1
	}
	ranks, ties := doubledRanks(d)
	w := 0
	for i, r := range ranks {
		if d[i] > 0 {
			w += r
		}
	}
	if n := float64(len(d)); len(d) > manyRounds {
		// Doubled ranks: twice the mean, four times the variance.
		mean, variance := n*(n+1)/2, n*(n+1)*(2*n+1)/6-ties/12
		z := (math.Abs(float64(w)-mean) - 1) / math.Sqrt(variance)
		return min(1, math.Erfc(max(z, 0)/math.Sqrt2))
	}
	ways := signPatterns(ranks)
	return twoSided(ways, w)
}

// twoSided is twice the lesser tail at w, which is in both.
func twoSided(ways []float64, w int) float64 {
	var below, above float64
	for s, p := range ways {
		if s <= w {
			below += p
		}
		if s >= w {
			above += p
		}
	}
	return min(1, 2*min(below, above))
}

// doubledRanks are twice the ranks of the sizes of d, so that the middle of ties is a
// whole number, and the sum of t^3-t over ties of t.
func doubledRanks(d []float64) (ranks []int, ties float64) {
	order := make([]int, len(d))
	for i := range order {
		order[i] = i
	}
	size := func(i int) float64 { return math.Abs(d[order[i]]) }
	sort.Slice(order, func(i, j int) bool { return math.Abs(d[order[i]]) < math.Abs(d[order[j]]) })
	ranks = make([]int, len(d))
	for i := 0; i < len(order); {
		j := i
		for j < len(order) && size(j) == size(i) {
			j++
		}
		for _, k := range order[i:j] {
			ranks[k] = i + 1 + j // twice the mean of i+1 to j
		}
		t := float64(j - i)
		ties += t*t*t - t
		i = j
	}
	return ranks, ties
}

// unpaired is the shift of b above a, given the p-value of Mann and Whitney's test on
// them: the median of all differences, and the interval that belongs to it.
//
// Source: Hollander, Wolfe and Chicken, sections 4.2 and 4.3.
func unpaired(a, b []float64, p float64) shift {
	var all []float64
	for _, x := range a {
		for _, y := range b {
			all = append(all, y-x)
		}
	}
	c, confidence := rankSumBound(len(a), len(b))
	return between(all, c, p, confidence)
}

// rankSumBound is the c for which the c-th smallest and the c-th largest of all
// differences of n and m values are an interval of 95% or a little more. It is 0 if
// there is none.
func rankSumBound(n, m int) (c int, confidence float64) {
	if n > manyRanks || m > manyRanks {
		x, y := float64(n), float64(m)
		return max(1, int(x*y/2-z95*math.Sqrt(x*y*(x+y+1)/12))), 0.95
	}
	ways, all := rankSumPatterns(n, m)
	var below float64 // as many have a rank sum less than c
	for (below+ways[c])/all <= 0.025 {
		below += ways[c]
		c++
	}
	if c == 0 {
		return 0, 0
	}
	return c, 1 - 2*below/all
}

// rankSumPatterns is, by Mann and Whitney's U, in how many ways n and m values that all
// differ can be ordered, and how many there are in all: the coefficients of a Gaussian
// binomial, the product of (1-q^(m+i))/(1-q^i) for i from 1 to n. Small ones are exact.
//
// Source: Andrews, The Theory of Partitions, section 3.2.
func rankSumPatterns(n, m int) (ways []float64, all float64) {
	ways, all = make([]float64, n*m+1), 1
	ways[0] = 1
	for i := 1; i <= n; i++ {
		for u := len(ways) - 1; u >= m+i; u-- {
			ways[u] -= ways[u-m-i]
		}
		for u := i; u < len(ways); u++ {
			ways[u] += ways[u-i]
		}
		all *= float64(m+i) / float64(i)
	}
	return ways, all
}

// leastP is the smallest p-value that rounds can give: that of the clearest difference.
func leastP(a, b int, pairs bool) float64 {
	if pairs {
		return math.Ldexp(1, 1-a)
	}
	// Two of the ways to choose those of a.
	p := 2.0
	for i := 1; i <= a; i++ {
		p *= float64(i) / float64(b+i)
	}
	return p
}

// holm corrects p-values of a family for there being several of them.
//
// Source: Holm, A simple sequentially rejective multiple test procedure, Scandinavian
// Journal of Statistics 6(2), 1979.
func holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	sort.SliceStable(order, func(i, j int) bool { return p[order[i]] < p[order[j]] })
	adjusted, most := make([]float64, len(p)), 0.0
	for i, k := range order {
		most = max(most, min(1, float64(len(p)-i)*p[k]))
		adjusted[k] = most
	}
	return adjusted
}
