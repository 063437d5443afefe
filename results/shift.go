package results

import (
	"fmt"
	"math"
	"slices"
)

// A Shift is by how much one arm differs from another, over rounds in which both
// were visited: a ratio, with an interval that covers the true one with the given
// confidence if rounds are independent of each other.
type Shift struct {
	Ratio      float64 // of other to base
	Low, High  float64
	Confidence float64 // at least 0.95
	Rounds     int
}

// Differs tells whether the interval lies wholly on one side of 1.
func (s Shift) Differs() bool { return s.Low > 1 || s.High < 1 }

// A TooFewRoundsError is a comparison for which no finite 95% interval exists.
type TooFewRoundsError struct{ Have, Need int }

func (e *TooFewRoundsError) Error() string {
	return fmt.Sprintf("a 95%% interval needs %d rounds, there are %d", e.Need, e.Have)
}

// MinRounds is the least number of rounds that gives an interval: with fewer, the
// signed-rank distribution has no tail of 2.5%.
const MinRounds = 6

// Compare estimates the ratio of other to base, which hold one value for each
// round, in the same order, all above 0.
//
// Source: Hodges and Lehmann's estimate and the interval of Wilcoxon's signed
// ranks, over the logarithms of the ratios: Hollander, Wolfe and Chicken,
// Nonparametric Statistical Methods, sections 3.2 and 3.3.
func Compare(base, other []float64) (Shift, error) {
	n := len(base)
	if n != len(other) {
		return Shift{}, fmt.Errorf("results: %d rounds of one arm and %d of the other: want pairs", n, len(other))
	}
	if n < MinRounds {
		return Shift{}, &TooFewRoundsError{n, MinRounds}
	}
	d := make([]float64, n)
	for i := range d {
		d[i] = math.Log(other[i]) - math.Log(base[i])
		if math.IsNaN(d[i]) || math.IsInf(d[i], 0) {
			return Shift{}, fmt.Errorf("results: round %d compares %v with %v: want numbers above 0", i+1, other[i], base[i])
		}
	}
	var walsh []float64 // averages of all pairs, each with itself included
	for i := range d {
		for j := i; j < n; j++ {
			walsh = append(walsh, (d[i]+d[j])/2)
		}
	}
	slices.Sort(walsh)
	c, confidence := signedRankBound(n)
	m := len(walsh)
	return Shift{
		Ratio:      math.Exp((walsh[(m-1)/2] + walsh[m/2]) / 2),
		Low:        math.Exp(walsh[c-1]),
		High:       math.Exp(walsh[m-c]),
		Confidence: confidence,
		Rounds:     n,
	}, nil
}

const manyRounds = 100

// signedRankBound is the c for which the c-th smallest and the c-th largest of
// the Walsh averages of n values are an interval of 95% or a little more, and
// its true confidence. N must be MinRounds at least.
//
// Past manyRounds it is that of the normal distribution, which is as good there.
func signedRankBound(n int) (c int, confidence float64) {
	if n > manyRounds {
		m := float64(n)
		return int(m*(m+1)/4 - 1.959964*math.Sqrt(m*(m+1)*(2*m+1)/24)), 0.95
	}
	// ways[s] is the share of the 2^n sign patterns whose positive ranks sum to s.
	ways := make([]float64, n*(n+1)/2+1)
	ways[0] = 1
	for rank := 1; rank <= n; rank++ {
		for s := len(ways) - 1; s >= 0; s-- {
			ways[s] /= 2
			if s >= rank {
				ways[s] += ways[s-rank] / 2
			}
		}
	}
	var tail float64 // P(W < c)
	for tail+ways[c] <= 0.025 {
		tail += ways[c]
		c++
	}
	return c, 1 - 2*tail
}

// Median of values, which are not empty; they stay in their order.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
