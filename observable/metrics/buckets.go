package metrics

import (
	"sort"
	"time"

	"github.com/loadgen-go/loadgen/observable"
)

// closed is the number of the map's buckets that have an end: all but the last,
// which has every longer duration, too.
const closed = observable.Buckets - 1

// AllBounds are the ends of all the map's buckets between from and to, both
// included: the histogram in full, at 8 bounds a doubling.
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

// bucketEndingAt is the first of the map's buckets that ends at d or later, or the
// last that ends.
func bucketEndingAt(d time.Duration) int {
	return sort.Search(closed-1, func(i int) bool { return observable.BucketEnd(i) >= d })
}

// buckets are those that are published. Each holds whole buckets of the map.
type buckets struct {
	after  []int     // the first of the map's buckets beyond each bound
	bounds []float64 // in seconds; the last duration in each
}

func newBuckets(ends []time.Duration) (b buckets) {
	for _, end := range ends {
		b.after = append(b.after, bucketEndingAt(end)+1)
		b.bounds = append(b.bounds, (end - 1).Seconds())
	}
	return b
}

// fold adds up the map's counts by published bucket, of which there is one more
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
