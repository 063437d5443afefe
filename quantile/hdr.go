package quantile

import (
	"math"
	"math/bits"
	"sort"
	"time"
)

// HDR counts durations in the log-linear buckets of an HDR histogram with three
// significant figures: every estimate is within 0.1 % of the exact value, up to
// [MaxHDR]. Longer ones are counted as MaxHDR, so that a quantile among them is
// known only to be at least that; mean and maximum stay right. It takes 264 KB
// and about 2 ns an Add, whatever the data.
//
// Source: Gil Tene's HdrHistogram. Its buckets of three figures are the leaves of
// this package. The counters are our own: hdrhistogram-go, which writes and reads
// them, takes about twice as long to count, and keeps neither the extremes nor the
// sum exactly.
type HDR struct {
	extremes            // min is noMin as long as there is none
	sumHi, sumLo uint64 // nanoseconds, in 128 bits
	counters     *[hdrBuckets]uint64

	// below[i] values are in the buckets before the i-th block of them, once indexed
	// values have been added up so.
	below   [hdrBuckets/hdrBlock + 1]uint64
	indexed uint64
}

// MaxHDR is the largest duration an [HDR] tells from longer ones.
const MaxHDR = time.Hour

const (
	hdrFigures = 3
	hdrBuckets = 33 << leafBits // up to maxLeaf, as in hdrhistogram-go
	hdrBlock   = 256            // buckets
	noMin      = math.MaxInt64
)

var (
	_ Estimator = (*HDR)(nil)
	_ Sizer     = (*HDR)(nil)
)

// NewHDR returns an empty HDR.
func NewHDR() *HDR {
	h := &HDR{extremes: extremes{min: noMin}, counters: new([hdrBuckets]uint64)}
	clear(h.counters[:]) // touches the pages now rather than in an Add
	return h
}

// Add implements [Estimator].
//
// It is written so that the compiler still inlines it, which makes it a third
// cheaper: for that the sum is two fields and the extremes are not a call.
func (h *HDR) Add(d time.Duration) {
	d = max(d, 0)
	if d < h.min {
		h.min = d
	}
	if d > h.max {
		h.max = d
	}
	h.n++
	h.sumLo += uint64(d)
	if h.sumLo < uint64(d) {
		h.sumHi++
	}
	h.counters[leaf(min(d, MaxHDR))]++
}

// Quantile implements [Estimator]. The first one after an Add or a Merge passes over all
// buckets, in some microseconds; the next ones over a few.
func (h *HDR) Quantile(q float64) time.Duration {
	rank := Rank(q, h.n)
	switch rank {
	case h.n: // of none, too
		return h.max
	case 1:
		return h.min
	}
	return h.within(leafStart(uint32(h.find(rank))+1) - 1)
}

// find is the bucket of the value of that rank.
func (h *HDR) find(rank uint64) int {
	h.index()
	block := sort.Search(len(h.below)-1, func(i int) bool { return h.below[i+1] >= rank })
	i := block * hdrBlock
	for left := rank - h.below[block]; h.counters[i] < left; i++ {
		left -= h.counters[i]
	}
	return i
}

// index adds the blocks up anew if there are more values than there were.
func (h *HDR) index() {
	if h.indexed == h.n {
		return
	}
	h.indexed = h.n
	for i := range len(h.below) - 1 {
		h.below[i+1] = h.below[i]
		for _, n := range h.counters[i*hdrBlock : (i+1)*hdrBlock] {
			h.below[i+1] += n
		}
	}
}

// hdrBucket is the bucket of a duration of any length.
func hdrBucket(d time.Duration) int { return leaf(min(d, MaxHDR)) }

// Merge implements [Estimator]. More than 2^62 values together are an error, too.
func (h *HDR) Merge(other Estimator) error {
	o, err := sameKind(h, other)
	if err != nil {
		return err
	}
	if err := mergeable(h, o, h.n, o.n); err != nil {
		return err
	}
	for i, last := hdrBucket(o.min), hdrBucket(o.max); i <= last; i++ {
		h.counters[i] += o.counters[i]
	}
	h.extremes.merge(&o.extremes)
	var carry uint64
	h.sumLo, carry = bits.Add64(h.sumLo, o.sumLo, 0)
	h.sumHi += o.sumHi + carry
	return nil
}

// Min is the smallest duration added, exactly; 0 if there is none.
func (h *HDR) Min() time.Duration {
	if h.n == 0 {
		return 0
	}
	return h.min
}

// Mean is the arithmetic mean, exact but for the part of a nanosecond, which is
// cut off; 0 if h is empty.
func (h *HDR) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	mean, _ := bits.Div64(h.sumHi, h.sumLo, h.n) // at most max, so that it never overflows
	return time.Duration(mean)
}

// Sum is that of all durations, in nanoseconds, exact to floating point.
func (h *HDR) Sum() float64 { return math.Ldexp(float64(h.sumHi), 64) + float64(h.sumLo) }

// StateBytes implements [Sizer].
func (h *HDR) StateBytes() int { return 8 * (len(h.counters) + len(h.below) + 7) } // and the fields
