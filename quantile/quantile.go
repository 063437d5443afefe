// Package quantile estimates the quantiles of latencies.
//
// An [Estimator] takes durations one by one, and returns at any time the duration that a given share
// of them does not exceed. [Exact] keeps all durations and sorts them. The others trade memory for
// error:
//
//	arm               keeps                            error
//	exact             every duration, 8 B each         none
//	hdr               264 KB of log-linear counters    0.1 % of the value, up to 1 h
//	tdigest           about 1,200 centroids            no bound; small in the tails
//	qdigest           about 1,500 nodes of 16 B        10 % of the ranks above: 0.1 % at p99
//	qdigest-textbook  at most 3k+1 nodes of 16 B       height/k of the ranks
//
// Durations are whole nanoseconds. A negative duration counts as zero. Every estimator keeps the exact
// count, smallest and largest value, separate from its estimate, unless its documentation says
// otherwise. Make an estimator with its New function: a zero value cannot be used.
//
// No Estimator is safe for concurrent use, not even for reading, since several sort or merge pending
// values in Quantile. Use one estimator per goroutine and merge them in the end. Add takes 1 to 120 ns.
// It allocates nothing, except where the storage grows with the data.
package quantile

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Estimator estimates the quantiles of durations. Package quantiletest tests the rules that every
// implementation must obey.
type Estimator interface {
	// Add adds a duration. A negative duration counts as zero, and a duration beyond the range
	// of the estimator as the end of its range.
	Add(d time.Duration)

	// Quantile estimates the duration with the rank Rank(q, n) among the n durations added so
	// far. It returns 0 if there are none. If q is below 0 or NaN it is taken as 0, if it is
	// above 1 as 1. More durations may be added afterwards.
	Quantile(q float64) time.Duration

	// Merge adds the contents of other, as if each of its durations had been added to the
	// receiver. The contents of other stay the same, but their representation may change. Merge
	// returns an error that wraps [ErrMerge], and leaves the receiver unchanged, if other is nil,
	// a nil pointer, of another type, has other options, or is the receiver itself, or if both
	// hold too many values together. A randomised estimator may also refuse values that it
	// holds already.
	Merge(other Estimator) error
}

// Sizer is implemented by Estimators that report the memory of their state in bytes, including spare
// capacity.
type Sizer interface {
	StateBytes() int
}

// ErrMerge is wrapped by every error of Merge.
var ErrMerge = errors.New("quantile: cannot merge")

func mergeError(into, from Estimator, why string) error {
	return fmt.Errorf("%w a %T into a %T: %s", ErrMerge, from, into, why)
}

// sameKind returns from as an estimator of the type of into, or the error of Merge.
func sameKind[E interface {
	comparable
	Estimator
}](into E, from Estimator) (E, error) {
	var none E
	o, ok := from.(E)
	switch {
	case !ok:
		return o, mergeError(into, from, "it is of another type")
	case o == none:
		return o, mergeError(into, from, "it is nil")
	case o == into:
		return o, mergeError(into, from, "it cannot be merged into itself")
	}
	return o, nil
}

// mostMerged is the largest number of values in an estimator that can reach that many by merging. It is
// more than can be added one by one, and keeps counters from overflowing when files are read or
// estimators are merged.
const mostMerged = 1 << 62

// mergeable returns an error of Merge if two estimators with n and more values hold too many together.
func mergeable(into, from Estimator, n, more uint64) error {
	if more > mostMerged-min(n, mostMerged) {
		return mergeError(into, from, "together they hold more than 2^62 values")
	}
	return nil
}

// Rank returns the nearest rank of quantile q among n values, from 1 (the smallest) to n: the least
// integer that is not below q*n. It is the only definition of a percentile in this module. It returns 0
// if n is 0.
func Rank(q float64, n uint64) uint64 {
	x := clamp01(q) * float64(n)
	r := math.Round(x)
	// 0.07*100 is a little above 7 in floating point, and still means rank 7.
	if math.Abs(x-r) > x*0x1p-51 {
		r = math.Ceil(x)
	}
	return min(max(uint64(r), 1), n)
}

// clamp01 limits q to [0, 1]. NaN becomes 0.
func clamp01(q float64) float64 {
	if !(q > 0) {
		return 0
	}
	return min(q, 1)
}

// SamplesFor returns the number of values from which a finite 95 % interval for quantile q exists: the
// least n for which neither the smallest nor the largest value is on the wrong side of the quantile
// with a probability above 2.5 %. It is 6 for p50, 368 for p99, 3,688 for p99.9 and 36,887 for p99.99.
// It returns 0 for q <= 0 and q >= 1, which are not percentiles, and math.MaxUint64 if the number
// overflows.
//
// Source: the order-statistic interval, for example Hahn and Meeker,
// Statistical Intervals, section 5.2.
func SamplesFor(q float64) uint64 {
	if !(q > 0 && q < 1) {
		return 0
	}
	// The logarithm of 1 minus the smaller of q and 1-q is exact, however small that is.
	n := math.Ceil(math.Log(0.025) / math.Log1p(-min(q, 1-q)))
	if n >= math.MaxUint64 {
		return math.MaxUint64
	}
	return uint64(n)
}

// extremes keeps the exact count, minimum and maximum of the added values.
type extremes struct {
	n        uint64
	min, max time.Duration
}

func (e *extremes) add(d time.Duration) {
	if e.n == 0 || d < e.min {
		e.min = d
	}
	if d > e.max {
		e.max = d
	}
	e.n++
}

func (e *extremes) merge(o *extremes) {
	if o.n == 0 {
		return
	}
	if e.n == 0 || o.min < e.min {
		e.min = o.min
	}
	e.max = max(e.max, o.max)
	e.n += o.n
}

// within limits an estimate to the range of the added values.
func (e *extremes) within(d time.Duration) time.Duration {
	return min(max(d, e.min), e.max)
}

// Count returns how many durations were added.
func (e *extremes) Count() uint64 { return e.n }

// Min returns the smallest duration added, exactly, or 0 if there is none.
func (e *extremes) Min() time.Duration { return e.min }

// Max returns the largest duration added, exactly, or 0 if there is none.
func (e *extremes) Max() time.Duration { return e.max }
