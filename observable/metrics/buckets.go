package metrics

import (
	"sort"
	"time"

	"github.com/loadgen-go/loadgen/observable"
)

// closed is the number of buckets of the map that have an end. Only the last bucket, which counts all
// longer durations, has none.
const closed = observable.Buckets - 1

// AllBounds returns the ends between from and to, both included, of all buckets of a map. With these
// bounds the histogram has its full resolution, 8 buckets per doubling.
func AllBounds(from, to time.Duration) (bounds []time.Duration) {
	for i := range closed {
		if end := observable.BucketEnd(i); end >= from && end <= to {
			bounds = append(bounds, end)
		}
	}
	return bounds
}

func powersOfTwo() (bounds []time.Duration) {
	for exponent := 10; exponent <= 34; exponent++ {
		bounds = append(bounds, 1<<exponent)
	}
	return bounds
}

// bucketEndingAt returns the first bucket of the map that ends at d or later, or the last bucket that
// has an end.
func bucketEndingAt(d time.Duration) int {
	return sort.Search(closed-1, func(i int) bool { return observable.BucketEnd(i) >= d })
}

// buckets are the buckets that are published. Each consists of whole buckets of the map, or is one if the
// map has bounds of its own.
type buckets struct {
	after  []int     // for each bound, the first bucket of the map after it
	bounds []float64 // the longest duration in each bucket, in seconds
}

// exactly returns the buckets of a map that has bounds of its own.
func exactly(bounds []time.Duration) (b buckets) {
	for i, bound := range bounds {
		b.after = append(b.after, i+1)
		// One division of whole numbers rounds once, so that a bound of 250 ms is published as 0.25.
		b.bounds = append(b.bounds, float64(bound)/float64(time.Second))
	}
	return b
}

// newBuckets returns buckets that end where default buckets of a map end.
func newBuckets(ends []time.Duration) (b buckets) {
	for _, end := range ends {
		b.after = append(b.after, bucketEndingAt(end)+1)
		b.bounds = append(b.bounds, (end - 1).Seconds())
	}
	return b
}

// fold adds up the counts of the map's buckets by published bucket. There is one more published bucket
// than bounds.
func (b *buckets) fold(fine []uint64) []uint64 {
	counts := make([]uint64, len(b.after)+1)
	bucket := 0
	for i, n := range fine {
		for bucket < len(b.after) && i >= b.after[bucket] {
			bucket++
		}
		counts[bucket] += n
	}
	return counts
}
