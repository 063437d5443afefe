// Package quantile estimates the quantiles of latencies.
//
// An [Estimator] takes durations one by one and answers at any time which
// duration a given share of them stays below. [Exact] keeps everything and
// sorts; the others trade memory against error:
//
//	arm               keeps                            error
//	exact             every duration, 8 B each         none
//	hdr               264 KB of log-linear counters    0.1 % of the value, up to 1 h
//	tdigest           about 1,200 centroids            no bound; small in the tails
//	qdigest           about 1,500 nodes of 16 B        10 % of the ranks above: p99 to 0.1 %
//	qdigest-textbook  at most 3k+1 nodes of 16 B       height/k of the ranks
//
// Durations are whole nanoseconds, never negative: a negative one counts as
// zero. Every estimator keeps its count, smallest and largest value exactly,
// outside any sketch, unless its own documentation says otherwise. Make one with
// its New function: a zero value is not ready for use.
//
// No Estimator is safe for concurrent use, reading included, since several
// sort or merge what is pending when they are asked. Use one a goroutine and
// merge them at the end. An Add costs 1 to 120 ns and, storage that grows with
// the data apart, allocates nothing.
package quantile

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Estimator summarises durations so that their quantiles can be asked for.
// Package quantiletest holds the rules that every implementation keeps.
type Estimator interface {
	// Add takes one duration. A negative one counts as zero, one beyond the
	// range of the estimator as the end of its range.
	Add(d time.Duration)

	// Quantile estimates the duration of rank Rank(q, n) among the n taken so
	// far. It is 0 if there are none. A q below 0 or NaN is taken as 0, one
	// above 1 as 1. More may be added afterwards.
	Quantile(q float64) time.Duration

	// Merge adds what other holds, as if each of its durations had been added
	// here. Other keeps its contents, but may tidy them. If other is nil, a nil
	// pointer, of another kind, set up differently, or the receiver itself, or if they
	// hold too many values together, the error wraps [ErrMerge] and the receiver is
	// unchanged. One that draws at random may also refuse what it holds already.
	Merge(other Estimator) error
}

// Sizer is an Estimator that tells how much memory its state holds, in bytes,
// spare capacity included.
type Sizer interface {
	StateBytes() int
}

// ErrMerge is wrapped by every error of Merge.
var ErrMerge = errors.New("quantile: cannot merge")

func mergeError(into, from Estimator, why string) error {
	return fmt.Errorf("%w a %T into a %T: %s", ErrMerge, from, into, why)
}

// sameKind is from as an estimator of the type of into, or the error of Merge.
func sameKind[E interface {
	comparable
	Estimator
}](into E, from Estimator) (E, error) {
	var none E
	o, ok := from.(E)
	switch {
	case !ok:
		return o, mergeError(into, from, "not the same kind")
	case o == none:
		return o, mergeError(into, from, "it is nil")
	case o == into:
		return o, mergeError(into, from, "they are one")
	}
	return o, nil
}

// mostMerged is how many values the estimators hold that merging can make so many: more
// than anyone adds one by one, so that what files say and what is merged never makes a
// counter wrap.
const mostMerged = 1 << 62

// mergeable reports as an error of Merge if two estimators of n and more values hold too many
// together.
func mergeable(into, from Estimator, n, more uint64) error {
	if more > mostMerged-min(n, mostMerged) {
		return mergeError(into, from, "together they hold more than 2^62 values")
	}
	return nil
}

// Rank is the nearest rank of quantile q among n values, from 1 (the smallest)
// to n: the least whole number that is not below q*n. It is the one definition
// of a percentile in this module. It is 0 if n is 0.
func Rank(q float64, n uint64) uint64 {
	x := clamp01(q) * float64(n)
	r := math.Round(x)
	// 0.07*100 is a little above 7 in floating point, and still means rank 7.
	if math.Abs(x-r) > x*0x1p-51 {
		r = math.Ceil(x)
	}
	return min(max(uint64(r), 1), n)
}

// clamp01 takes q into [0, 1]; NaN becomes 0.
func clamp01(q float64) float64 {
	if !(q > 0) {
		return 0
	}
	return min(q, 1)
}

// SamplesFor is how many values a percentile needs before a finite 95 %
// interval for it exists at all: the least n at which neither the smallest nor
// the largest value is on the wrong side of the quantile with a probability
// above 2.5 %. It is 6 for p50, 368 for p99, 3,688 for p99.9 and 36,887 for
// p99.99. It is 0 for q <= 0 and q >= 1, which are no percentiles, and the largest
// number there is if that is less than what is needed.
//
// Source: the order-statistic interval, for example Hahn and Meeker,
// Statistical Intervals, section 5.2.
func SamplesFor(q float64) uint64 {
	if !(q > 0 && q < 1) {
		return 0
	}
	// Of the smaller of q and 1-q the logarithm of 1 less that is exact, however small it is.
	n := math.Ceil(math.Log(0.025) / math.Log1p(-min(q, 1-q)))
	if n >= math.MaxUint64 {
		return math.MaxUint64
	}
	return uint64(n)
}

// extremes counts and keeps the ends of what was added, exactly.
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

// within takes an estimate between the smallest and the largest value.
func (e *extremes) within(d time.Duration) time.Duration {
	return min(max(d, e.min), e.max)
}

// Count is how many durations were added.
func (e *extremes) Count() uint64 { return e.n }

// Min is the smallest duration added, exactly; 0 if there is none.
func (e *extremes) Min() time.Duration { return e.min }

// Max is the largest duration added, exactly; 0 if there is none.
func (e *extremes) Max() time.Duration { return e.max }
