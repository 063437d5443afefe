package record

import (
	"math"
	"testing"
	"time"
	"unsafe"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
)

// durations draws durations up to a little more than the last bucket, with equal probability for
// each order of magnitude.
func durations(t *rapid.T, label string) []time.Duration {
	all := rapid.SliceOf(rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.Int64Range(0, 1<<42-1).Draw(t, "d") >> rapid.IntRange(0, 42).Draw(t, "shift"))
	})).Draw(t, label)
	return append(all, rapid.SliceOfN(rapid.SampledFrom([]time.Duration{
		0, 31, 32, 63, 64, 65, time.Second, coarseMost - 1, coarseMost}), 0, 4).Draw(t, label+" besides")...)
}

func coarseOf(all ...time.Duration) *Buckets {
	c := &Buckets{}
	for _, d := range all {
		c.Add(d)
	}
	return c
}

func TestACoarseEstimateIsWithinItsBoundOfTheExactValue(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		all := durations(t, "all")
		c, exact := coarseOf(all...), quantile.NewExact(len(all))
		for _, d := range all {
			exact.Add(d)
		}
		last := time.Duration(0)
		for _, q := range []float64{0, 0.01, 0.25, 0.5, 0.75, 0.9, 0.99, 1, rapid.Float64Range(0.99, 1).Draw(t, "q")} {
			got, want := c.Quantile(q), exact.Quantile(q)
			if want <= coarseMost && math.Abs(float64(got-want)) > 0.016*float64(want) {
				t.Fatalf("q%v is %d, exactly %d", q, got, want)
			}
			if got < last && q < 1 || got > c.max || (q == 0 || q == 1) && got != want {
				t.Fatalf("q%v is %d, after %d, of %d to %d", q, got, last, c.min, c.max)
			}
			if q < 1 {
				last = got
			}
		}
		if c.n != exact.Count() {
			t.Fatalf("%d of %d were counted", c.n, exact.Count())
		}
	})
}

func TestCoarseBucketsFollowOneAnotherWithoutAGap(t *testing.T) {
	if got := coarseBucket(uint64(coarseMost)); got != coarseBuckets-1 {
		t.Errorf("the longest duration is in bucket %d, want %d", got, coarseBuckets-1)
	}
	for i := range coarseBuckets {
		middle := uint64(coarseMiddle(i))
		first, last := middle, middle
		for width := uint64(1) << 40; width > 0; width /= 2 {
			if width <= first && coarseBucket(first-width) == i {
				first -= width
			}
			if coarseBucket(last+width) == i {
				last += width
			}
		}
		if coarseBucket(middle) != i || i > 0 && coarseBucket(first-1) != i-1 || coarseBucket(last+1) != i+1 {
			t.Fatalf("bucket %d is %d to %d around %d, beside %d and %d", i, first, last, middle,
				coarseBucket(first-1), coarseBucket(last+1))
		}
	}
}

func TestCoarsesMergeIntoThatOfAll(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		a, b := durations(t, "a"), durations(t, "b")
		merged, other := coarseOf(a...), coarseOf(b...)
		before := *other
		merged.Merge(other)
		if *merged != *coarseOf(append(a, b...)...) {
			t.Fatal("merged, they are another than that of all")
		}
		if *other != before {
			t.Fatal("what was merged has changed")
		}
	})
}

func TestACoarseOfNothingIsZero(t *testing.T) {
	c := &Buckets{}
	c.Merge(&Buckets{})
	if c.n != 0 || c.Quantile(0.5) != 0 || c.Quantile(1) != 0 || c.Quantile(math.NaN()) != 0 {
		t.Errorf("it counts %d, with a median of %v", c.n, c.Quantile(0.5))
	}
}

func TestOfOneValueEveryCoarseQuantileIsThatValue(t *testing.T) {
	for _, d := range []time.Duration{0, 1, 126, 127, time.Millisecond, 2 * time.Hour} {
		c := coarseOf(d, d, d)
		if c.Quantile(0) != d || c.Quantile(0.5) != d || c.Quantile(1) != d {
			t.Errorf("of %d alone the median is %d", d, c.Quantile(0.5))
		}
	}
}

func TestACoarseTakesDurationsOutsideItsRange(t *testing.T) {
	c := coarseOf(math.MinInt64, -1, 100, 3*time.Hour, 5*time.Hour, math.MaxInt64)
	if got := c.Quantile(0.5); got != 100 { // the middle of 100 and 101, rounded down
		t.Errorf("the third of six is %d, want 100", got)
	}
	if got := c.Quantile(0.7); got < coarseMost || got > c.max {
		t.Errorf("one that is 5 h long is taken for %v", got)
	}
	if c.Quantile(0) != 0 || c.Quantile(1) != math.MaxInt64 {
		t.Errorf("from %d to %d", c.Quantile(0), c.Quantile(1))
	}
}

// A counter must not wrap to 0 after 4 billion calls.
func TestAFullCoarseCounterStaysFull(t *testing.T) {
	full := func() *Buckets {
		c := coarseOf(time.Millisecond)
		c.counters[coarseBucket(uint64(time.Millisecond))] = math.MaxUint32
		c.n = math.MaxUint32
		return c
	}
	added, merged := full(), full()
	added.Add(time.Millisecond)
	added.Add(time.Second)
	merged.Merge(coarseOf(time.Millisecond, time.Second))
	if *added != *merged {
		t.Error("adding and merging differ")
	}
	if added.n != math.MaxUint32+2 || added.Quantile(0.999) != coarseMiddle(coarseBucket(uint64(time.Millisecond))) ||
		added.Quantile(1) != time.Second {
		t.Errorf("it counts %d, p99.9 is %v and the maximum %v", added.n, added.Quantile(0.999), added.Quantile(1))
	}
	twice := full()
	twice.Merge(full())
	if got := twice.counters[coarseBucket(uint64(time.Millisecond))]; got != math.MaxUint32 {
		t.Errorf("two full counters add up to %d", got)
	}
}

func TestACoarseIsSmallAndAllocatesNothing(t *testing.T) {
	c := &Buckets{}
	if size := unsafe.Sizeof(*c); size > 6<<10 {
		t.Errorf("it takes %d bytes", size)
	}
	if n := testing.AllocsPerRun(100, func() { c.Add(time.Millisecond) }); n != 0 {
		t.Errorf("%v allocations an add", n)
	}
}

func BenchmarkCoarseAdd(b *testing.B) {
	c, all := &Buckets{}, someDurations()
	b.ReportAllocs()
	for i := range b.N {
		c.Add(all[i%len(all)])
	}
}

// someDurations returns durations around 100 us, spread over a factor of about 60.
func someDurations() *[4096]time.Duration {
	var all [4096]time.Duration
	for i := range all {
		all[i] = time.Duration(100e3 * math.Exp(math.Sin(float64(i*i))*2))
	}
	return &all
}
