package record

import (
	"math"
	"math/bits"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Buckets are a histogram of durations with log-linear buckets, 32 per octave. It takes 5 KB, small
// enough for one per window. An estimate is within 1.6% of the exact value up to an hour; all longer
// durations share one bucket. Count, minimum and maximum are exact. The zero value is empty and ready
// for use. Add allocates nothing. Buckets are not safe for concurrent use.
//
// Source: the buckets of Gil Tene's HdrHistogram, as in package quantile, with 5 bits instead of 10.
type Buckets struct {
	n        uint64
	min, max time.Duration
	// A counter stops at its maximum instead of wrapping. By then its share of all durations is
	// known precisely.
	counters [coarseBuckets]uint32
}

const (
	coarseBits    = 5
	coarseMost    = time.Hour
	coarseBuckets = 36<<coarseBits + int(coarseMost>>36) + 1 // the last bucket holds coarseMost
)

// coarseBucket returns the bucket of v. Each value below 64 has a bucket of its own; a larger value is
// in one of the 32 buckets of its octave.
func coarseBucket(v uint64) int {
	shift := bits.Len64(v|1<<coarseBits) - coarseBits - 1
	return shift<<coarseBits + int(v>>(shift&63))
}

// coarseMiddle returns the middle of bucket i.
func coarseMiddle(i int) time.Duration {
	start := coarseStart(i)
	return start + (coarseStart(i+1)-start-1)/2
}

// coarseStart returns the shortest duration in bucket i.
func coarseStart(i int) time.Duration {
	if i < 2<<coarseBits {
		return time.Duration(i)
	}
	shift := i>>coarseBits - 1
	return time.Duration(i-shift<<coarseBits) << shift
}

// Above returns an estimate of the number of durations longer than d. It assumes that the durations
// in a bucket are evenly spread.
func (c *Buckets) Above(d time.Duration) float64 {
	i := coarseBucket(uint64(min(max(d, 0), coarseMost)))
	start := coarseStart(i)
	n := float64(c.counters[i]) * (1 - min(float64(d-start+1)/float64(coarseStart(i+1)-start), 1))
	for _, more := range c.counters[i+1:] {
		n += float64(more)
	}
	return n
}

// Add counts d. A negative d counts as 0.
func (c *Buckets) Add(d time.Duration) {
	d = max(d, 0)
	if c.n == 0 || d < c.min {
		c.min = d
	}
	if d > c.max {
		c.max = d
	}
	c.n++
	counter := &c.counters[coarseBucket(uint64(min(d, coarseMost)))]
	if *counter != math.MaxUint32 {
		*counter++
	}
}

// Merge adds all durations of o.
func (c *Buckets) Merge(o *Buckets) {
	if o.n == 0 {
		return
	}
	if c.n == 0 || o.min < c.min {
		c.min = o.min
	}
	c.max = max(c.max, o.max)
	c.n += o.n
	for i, n := range &o.counters {
		c.counters[i] = uint32(min(uint64(c.counters[i])+uint64(n), math.MaxUint32))
	}
}

// Max returns the longest duration, or 0 if there is none.
func (c *Buckets) Max() time.Duration { return c.max }

// Quantile returns an estimate of the q-quantile, the duration of rank [quantile.Rank], or 0 if there
// are no durations.
func (c *Buckets) Quantile(q float64) time.Duration {
	counted := uint64(0) // less than n if a counter is at its maximum
	for _, n := range &c.counters {
		counted += uint64(n)
	}
	rank := quantile.Rank(q, counted)
	switch rank {
	case 1:
		return c.min // 0 if there are no durations
	case counted:
		return c.max
	}
	i := 0
	for below := uint64(c.counters[0]); below < rank; below += uint64(c.counters[i]) {
		i++
	}
	return min(max(coarseMiddle(i), c.min), c.max)
}
