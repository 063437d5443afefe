package comparison

import "math"

// A multiset holds numbers that are too many to list: two samples of 20,000 values have 400 million differences. Since
// the numbers derive from sorted values, they can be counted in one pass.
type multiset interface {
	size() int
	bounds() (lowest, highest float64)
	atMost(x float64) int // returns how many of the numbers are at most x
}

// kth returns the k-th smallest number of a multiset, from 1. It is the smallest float64 that at least k of the
// numbers do not exceed, which bisection over the floats between the bounds finds in at most 64 counts, without
// rounding.
//
// Johnson and Mizoguchi, SIAM Journal on Computing 7(2), 1978, and Monahan, ACM Transactions on Mathematical Software
// 10(3), 1984, need fewer steps, and more code or random numbers.
func kth(numbers multiset, k int) float64 {
	lowest, highest := numbers.bounds()
	low, high := rankOf(lowest), rankOf(highest)
	for low < high {
		middle := low + (high-low)/2
		if numbers.atMost(ofRank(middle)) >= k {
			high = middle
		} else {
			low = middle + 1
		}
	}
	return ofRank(low) + 0 // -0 is 0
}

// rankOf returns the place of x among all floats in ascending order.
func rankOf(x float64) uint64 {
	bits := math.Float64bits(x)
	if bits>>63 == 1 {
		return ^bits
	}
	return bits | 1<<63
}

// ofRank returns the float64 whose rankOf is rank.
func ofRank(rank uint64) float64 {
	if rank>>63 == 1 {
		return math.Float64frombits(rank &^ (1 << 63))
	}
	return math.Float64frombits(^rank)
}

// allDifferences holds all differences b[j] - a[i] of two sorted samples.
type allDifferences struct{ a, b []float64 }

func (d allDifferences) size() int { return len(d.a) * len(d.b) }

func (d allDifferences) bounds() (lowest, highest float64) {
	return d.b[0] - d.a[len(d.a)-1], d.b[len(d.b)-1] - d.a[0]
}

func (d allDifferences) atMost(x float64) (n int) {
	j := 0
	for _, a := range d.a { // a larger a has at least as many b at most x above it
		for j < len(d.b) && d.b[j]-a <= x {
			j++
		}
		n += j
	}
	return n
}

// walsh holds the averages of every two of its sorted values, including each value with itself.
type walsh []float64

func (w walsh) size() int { return len(w) * (len(w) + 1) / 2 }

func (w walsh) bounds() (lowest, highest float64) { return w[0], w[len(w)-1] }

func (w walsh) atMost(x float64) (n int) {
	j := len(w) - 1
	for i, v := range w { // a larger v has at most as many partners with an average of at most x
		for j >= i && average(v, w[j]) > x {
			j--
		}
		if j < i {
			break
		}
		n += j - i + 1
	}
	return n
}

// average returns the mean of x and y without overflow.
func average(x, y float64) float64 { return x/2 + y/2 }
