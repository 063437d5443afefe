package comparison

import (
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/results"
)

// resolution is the share of a value below which a difference is rounding: values that are equal as printed may
// differ that much after they were converted from one unit to another. A logarithm is rounded by less than this
// amount.
const resolution = 1e-12

// same reports whether x and y are equal as printed.
func same(x, y float64) bool { return math.Abs(x-y) <= resolution*max(math.Abs(x), math.Abs(y)) }

// constant reports whether all values are equal as printed.
func constant(x []float64) bool { return same(slices.Min(x), slices.Max(x)) }

// resolutionOf returns the difference below which values of a and b, or their logarithms, are equal as printed.
func resolutionOf(a, b []float64, absolute bool) float64 {
	if !absolute {
		return resolution
	}
	largest := 0.0
	for _, side := range [][]float64{a, b} {
		largest = max(largest, math.Abs(slices.Min(side)), math.Abs(slices.Max(side)))
	}
	return resolution * largest
}

// A difference is the difference between two values of one round. Two differences are ties if their sizes differ by
// less than the larger of their resolutions.
type difference struct{ by, resolution float64 }

// differences returns head - base of each round or, if absolute is false, the difference of their logarithms.
// A difference below its resolution is 0.
func differences(base, head []float64, absolute bool) []difference {
	list := make([]difference, len(base))
	for i, x := range base {
		y, d := head[i], &list[i]
		if absolute {
			*d = difference{y - x, resolution * max(math.Abs(x), math.Abs(y))}
		} else {
			*d = difference{math.Log(y) - math.Log(x), resolution}
		}
		if math.Abs(d.by) <= d.resolution {
			d.by = 0
		}
	}
	return list
}

// An estimate is a difference with an interval that covers the true one with at least 95% confidence.
type estimate struct{ mid, low, high, confidence float64 }

// ofPairs returns Hodges and Lehmann's estimate for the differences of at least MinPairs rounds, the median of the
// averages of every two of them, each with itself included, and the interval that belongs to the signed-rank test.
//
// Source: Hollander, Wolfe and Chicken, Nonparametric Statistical Methods, sections 3.1 to 3.3.
func ofPairs(d []difference, null *nulls) estimate {
	x := make([]float64, len(d))
	for i := range d {
		x[i] = d[i].by
	}
	slices.Sort(x)
	c, confidence := null.signedRankBound(len(d))
	return between(walsh(x), c, confidence)
}

// ofSamples returns Hodges and Lehmann's estimate for two samples, the median of all differences b[j] - a[i], and as
// interval the c-th smallest and the c-th largest of them.
//
// Source: Hollander, Wolfe and Chicken, sections 4.2 and 4.3.
func ofSamples(a, b []float64, c int, confidence float64) estimate {
	return between(allDifferences{slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))}, c, confidence)
}

// between returns the estimate and interval from candidates. The c-th candidate from either end bounds the interval.
func between(candidates multiset, c int, confidence float64) estimate {
	n := candidates.size()
	mid := kth(candidates, (n+1)/2)
	if n%2 == 0 {
		mid = average(mid, kth(candidates, n/2+1))
	}
	return estimate{mid, kth(candidates, c), kth(candidates, n+1-c), confidence}
}

// extremes returns the difference of the medians, and the smallest and the largest difference of any two values.
func extremes(a, b []float64) estimate {
	mid := results.Median(b) - results.Median(a)
	return estimate{mid, slices.Min(b) - slices.Max(a), slices.Max(b) - slices.Min(a), 1}
}

// correlation returns Pearson's correlation of a and b, which both vary.
func correlation(a, b []float64) float64 {
	meanA, meanB := mean(a), mean(b)
	var aa, bb, ab float64
	for i := range a {
		x, y := a[i]-meanA, b[i]-meanB
		aa, bb, ab = aa+x*x, bb+y*y, ab+x*y
	}
	return ab / math.Sqrt(aa) / math.Sqrt(bb)
}

// mean returns the mean of x.
func mean(x []float64) (m float64) {
	for _, v := range x {
		m += v / float64(len(x))
	}
	return m
}
