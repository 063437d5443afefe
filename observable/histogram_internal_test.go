package observable

import (
	"math"
	"slices"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

func TestBucketsFollowOneAnotherAndAreAnEighthOfADoublingWide(t *testing.T) {
	begin := time.Duration(0)
	for i := range Buckets {
		end := BucketEnd(i)
		if end <= begin || bucket(begin) != i || bucket(end-1) != i {
			t.Errorf("bucket %d is [%d, %d), and its edges are in %d and %d", i, begin, end, bucket(begin),
				bucket(end-1))
		}
		if width := end - begin; width > 1 && (width*8 > begin || width*16 < end) {
			t.Errorf("bucket %d, [%d, %d), is not 6 to 12 %% wide", i, begin, end)
		}
		begin = end
	}
	if begin != 1<<42 {
		t.Errorf("the last bucket ends at %v", begin)
	}
}

func TestADurationOutOfRangeIsInTheNearestBucket(t *testing.T) {
	for name, row := range map[string]struct {
		d    time.Duration
		want int
	}{
		"just below 0":        {-1, 0},
		"the lowest duration": {math.MinInt64, 0},
		"0":                   {0, 0},
		"the end of the last": {1 << 42, Buckets - 1},
		"the longest":         {math.MaxInt64, Buckets - 1},
	} {
		t.Run(name, func(t *testing.T) {
			if got := bucket(row.d); got != row.want {
				t.Errorf("%d is in bucket %d, want %d", row.d, got, row.want)
			}
		})
	}
	if BucketEnd(-1) != BucketEnd(0) || BucketEnd(Buckets) != BucketEnd(Buckets-1) {
		t.Error("the end of a bucket out of range is not the end of the nearest bucket")
	}
}

func TestEveryDurationIsCountedInItsBucketAndSummedExactly(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOf(rapid.Int64Range(0, int64(2*time.Hour))).Draw(t, "durations")
		var h durations
		var wg sync.WaitGroup
		for half := range slices.Chunk(drawn, len(drawn)/2+1) {
			wg.Go(func() {
				for _, d := range half {
					h.record(time.Duration(d))
				}
			})
		}
		wg.Wait()
		var want Histogram
		for _, d := range drawn {
			want.Sum += time.Duration(d)
			want.Counts = append(want.Counts, make([]uint64, max(bucket(time.Duration(d))+1-len(want.Counts), 0))...)
			want.Counts[bucket(time.Duration(d))]++
		}
		got := h.read()
		if got.Sum != want.Sum || !slices.Equal(got.Counts, want.Counts) || got.Count() != uint64(len(drawn)) {
			t.Fatalf("got %v, want %v", got, want)
		}
	})
}

// What equals a bound is in its bucket, as in Prometheus.
func TestEveryDurationIsInTheBucketOfTheFirstBoundThatIsNotBelowIt(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		drawn := rapid.SliceOfNDistinct(rapid.Int64Range(1, int64(3*time.Hour)), 1, 40, rapid.ID).Draw(t, "bounds")
		slices.Sort(drawn)
		bounds := make([]time.Duration, len(drawn))
		for i, b := range drawn {
			bounds[i] = time.Duration(b)
		}
		h := durations{layout: newLayout(bounds)}
		near := rapid.Custom(func(t *rapid.T) time.Duration {
			return rapid.SampledFrom(bounds).Draw(t, "bound") + time.Duration(rapid.IntRange(-1, 1).Draw(t, "off"))
		})
		anywhere := rapid.Map(rapid.Int64Range(-5, int64(4*time.Hour)), func(n int64) time.Duration {
			return time.Duration(n)
		})
		want := make([]uint64, len(bounds)+1)
		for _, d := range rapid.SliceOfN(rapid.OneOf(near, anywhere), 1, 50).Draw(t, "durations") {
			first := slices.IndexFunc(bounds, func(b time.Duration) bool { return d <= b })
			if first < 0 {
				first = len(bounds)
			}
			want[first]++
			h.record(d)
		}
		got := h.read()
		counts := append(got.Counts, make([]uint64, len(want)-len(got.Counts))...)
		if !slices.Equal(counts, want) || !slices.Equal(got.Bounds, bounds) {
			t.Fatalf("counts %v, want %v", counts, want)
		}
	})
}
