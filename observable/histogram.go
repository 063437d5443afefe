package observable

import (
	"math/bits"
	"slices"
	"sync/atomic"
	"time"
)

// Buckets is the number of buckets of a [Histogram]. The last bucket ends at 2^42 ns,
// which is 73 minutes.
const Buckets = 320

// A Histogram counts durations in buckets. By default their width grows with the
// duration: every doubling has 8 buckets of equal width, so the width of a bucket is 6 to
// 12 % of its durations. Below 16 ns a bucket is one nanosecond wide. The layout is the
// one of HdrHistogram (Gil Tene, hdrhistogram.org) with 3 bits kept below the highest bit
// of a duration. [BucketEnd] returns where a bucket ends. Options.Bounds sets other
// buckets.
type Histogram struct {
	Counts []uint64      // the count of each bucket, up to the last that is not 0; nil if no histogram is kept
	Sum    time.Duration // the exact sum of all durations
	// Bounds are the longest durations of the buckets, without the last, which has no
	// bound; nil: the default buckets. They are shared, and must not be changed.
	Bounds []time.Duration
}

// Count returns the number of durations.
func (h Histogram) Count() uint64 {
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// BucketEnd returns the exclusive end of default bucket i, which is the inclusive begin of
// bucket i+1. Bucket 0 begins at 0. The last bucket counts longer durations, too. If i
// is out of range, BucketEnd returns the end of the nearest bucket.
func BucketEnd(i int) time.Duration {
	i = min(max(i, 0), Buckets-1)
	if i < 8 {
		return time.Duration(i + 1)
	}
	return time.Duration(i%8+9) << (i/8 - 1)
}

// bucket returns the index of the bucket that counts d.
func bucket(d time.Duration) int {
	if d < 8 {
		return max(int(d), 0)
	}
	shift := bits.Len64(uint64(d)) - 4 // leaves the 4 highest bits, 8 to 15
	return min(shift*8+int(d>>shift), Buckets-1)
}

// MaxBounds is the largest number of bounds that a map accepts.
const MaxBounds = Buckets - 1

// A layout assigns durations to the buckets that Options.Bounds sets. It finds the default
// bucket first, which takes no comparison, and compares the duration only with the bounds
// inside that bucket, mostly none or one.
type layout struct {
	bounds []time.Duration // ascending and inclusive
	first  [Buckets]uint16 // for each default bucket, the first bound at or above its begin
}

// newLayout returns the layout of ascending bounds, or nil if there are none.
func newLayout(bounds []time.Duration) *layout {
	if len(bounds) == 0 {
		return nil
	}
	l := &layout{bounds: slices.Clone(bounds)}
	for i := range l.first {
		begin := time.Duration(0)
		if i > 0 {
			begin = BucketEnd(i - 1)
		}
		first, _ := slices.BinarySearch(l.bounds, begin)
		l.first[i] = uint16(first)
	}
	return l
}

// bucket returns the index of the first bound that is not below d, or the number of bounds
// if all are.
func (l *layout) bucket(d time.Duration) int {
	i := int(l.first[bucket(d)])
	for i < len(l.bounds) && d > l.bounds[i] {
		i++
	}
	return i
}

// durations is a histogram that many goroutines may record in at once.
type durations struct {
	layout *layout // nil: the default buckets
	sum    atomic.Int64
	counts [Buckets]atomic.Uint64
}

func (h *durations) record(d time.Duration) {
	i := 0
	if h.layout == nil {
		i = bucket(d)
	} else {
		i = h.layout.bucket(d)
	}
	h.counts[i].Add(1)
	h.sum.Add(int64(d))
}

// read returns the durations recorded so far. While other goroutines record, Sum and
// Counts may not include the same durations.
func (h *durations) read() Histogram {
	recorded := Histogram{Sum: time.Duration(h.sum.Load())}
	if h.layout != nil {
		recorded.Bounds = h.layout.bounds
	}
	for i := range h.counts {
		if n := h.counts[i].Load(); n > 0 {
			recorded.Counts = append(recorded.Counts, make([]uint64, i+1-len(recorded.Counts))...)
			recorded.Counts[i] = n
		}
	}
	return recorded
}
