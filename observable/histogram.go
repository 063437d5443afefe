package observable

import (
	"math/bits"
	"sync/atomic"
	"time"
)

// Buckets is the number of buckets of a [Histogram]. The last ends at 2^42 ns,
// which is 73 minutes.
const Buckets = 320

// A Histogram counts durations in buckets whose width grows with them: 8 equal
// ones to each doubling, so each is 6 to 12 % of its durations wide. Below 16 ns a
// bucket is one nanosecond. It is the layout of HdrHistogram (Gil Tene,
// hdrhistogram.org) with 3 bits of a duration kept below its highest.
type Histogram struct {
	Counts []uint64      // by bucket, up to the last that is not 0; nil if none is kept
	Sum    time.Duration // of all durations, exactly
}

// Count is the number of durations.
func (h Histogram) Count() uint64 {
	var n uint64
	for _, c := range h.Counts {
		n += c
	}
	return n
}

// BucketEnd is the end of bucket i: its durations are below it, and not below the
// end of the bucket before. Those of bucket 0 begin at 0. The last bucket has the
// longer durations too. An i out of range is taken for the nearest within.
func BucketEnd(i int) time.Duration {
	i = min(max(i, 0), Buckets-1)
	if i < 8 {
		return time.Duration(i + 1)
	}
	return time.Duration(i%8+9) << (i/8 - 1)
}

// bucket is the number of the bucket of d.
func bucket(d time.Duration) int {
	if d < 8 {
		return max(int(d), 0)
	}
	shift := bits.Len64(uint64(d)) - 4 // leaves the 4 highest bits, 8 to 15
	return min(shift*8+int(d>>shift), Buckets-1)
}

// durations is a histogram that many goroutines record in at once.
type durations struct {
	sum    atomic.Int64
	counts [Buckets]atomic.Uint64
}

func (h *durations) record(d time.Duration) {
	h.counts[bucket(d)].Add(1)
	h.sum.Add(int64(d))
}

// read is what has been recorded. While others record, the sum may be of another
// instant than the counts.
func (h *durations) read() Histogram {
	all := Histogram{Sum: time.Duration(h.sum.Load())}
	for i := range h.counts {
		if n := h.counts[i].Load(); n > 0 {
			all.Counts = append(all.Counts, make([]uint64, i+1-len(all.Counts))...)
			all.Counts[i] = n
		}
	}
	return all
}
