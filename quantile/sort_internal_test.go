package quantile

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// wide draws durations of all magnitudes, with duplicates and both extremes.
func wide() *rapid.Generator[time.Duration] {
	return rapid.Custom(func(t *rapid.T) time.Duration {
		d := rapid.Int64Range(0, math.MaxInt64).Draw(t, "d")
		return time.Duration(d >> rapid.IntRange(0, 62).Draw(t, "shift"))
	})
}

// repeated repeats a few drawn durations, so that there are more than are sorted by comparing.
func repeated(few []time.Duration, n int, seed uint64) []time.Duration {
	r := rand.New(rand.NewPCG(seed, 0))
	many := make([]time.Duration, n)
	for i := range many {
		many[i] = few[r.IntN(len(few))]
		if r.IntN(2) == 0 {
			many[i] = max(many[i]-time.Duration(r.IntN(1000)), 0)
		}
	}
	return many
}

func TestDurationsAreSortedLikeAnyOthers(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		few := rapid.SliceOfN(wide(), 1, 50).Draw(t, "few")
		v := repeated(few, rapid.IntRange(1, 3*fewToSort).Draw(t, "n"), rapid.Uint64().Draw(t, "seed"))
		if rapid.Bool().Draw(t, "ascending") {
			slices.Sort(v)
		}
		want := slices.Clone(v)
		slices.Sort(want)
		dealt := slices.Clone(v)
		if (&radix{part: fewToSort}).sort(dealt); !slices.Equal(dealt, want) {
			t.Fatalf("after deal: %v, want %v", dealt, want)
		}
		if sortDurations(v); !slices.Equal(v, want) {
			t.Fatalf("got %v, want %v", v, want)
		}
	})
}

func TestManyDurationsAreNotCopiedToBeSorted(t *testing.T) {
	v := repeated([]time.Duration{1 << 40, 50_000}, manyToSort+1, 1)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	sortDurations(v)
	runtime.ReadMemStats(&after)
	if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 9*partToSort {
		t.Errorf("%d B to sort %d values, want %d", allocated, len(v), 8*partToSort)
	}
}

func TestWhatIsAddedLaterIsMergedWithWhatIsSorted(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		e, other := NewExact(rapid.IntRange(0, 2000).Draw(t, "room")), NewExact(0)
		var want []time.Duration
		for range rapid.IntRange(1, 8).Draw(t, "steps") {
			few := rapid.SliceOfN(wide(), 1, 5).Draw(t, "few")
			added := repeated(few, rapid.IntRange(1, 2*fewToSort).Draw(t, "n"), 1)
			want = append(want, added...)
			into := e
			if rapid.Bool().Draw(t, "by merging") {
				into = other
			}
			for _, d := range added {
				into.Add(d)
			}
			if rapid.Bool().Draw(t, "sort the other") {
				other.Sorted()
			}
			if into == other {
				before := slices.Clone(other.Sorted())
				if err := e.Merge(other); err != nil {
					t.Fatal(err)
				}
				if e.Sorted(); !slices.Equal(other.Sorted(), before) {
					t.Fatal("sorting the merged values changed the other Exact")
				}
				other = NewExact(0)
			}
			if rapid.Bool().Draw(t, "sort") {
				e.Sorted()
			}
		}
		slices.Sort(want)
		if got := e.Sorted(); !slices.Equal(got, want) || e.Count() != uint64(len(want)) {
			t.Fatalf("%d values, want %d: %v, want %v", e.Count(), len(want), got, want)
		}
	})
}

// If Quantile is called after each of a few large values, it must not read all earlier values again.
func TestMergingStopsWhereNothingIsLeftToMerge(t *testing.T) {
	a := []time.Duration{3, 1, 2, 7, 9} // the first three are not in order, so that merging them would show
	if got := mergeSorted(a, []time.Duration{8, 10}); !slices.Equal(got, []time.Duration{3, 1, 2, 7, 8, 9, 10}) {
		t.Error(got)
	}
}

func TestAnExactTakesAsMuchAsItSays(t *testing.T) {
	const n = 1_000_000
	e := NewExact(0)
	for i := range n {
		e.Add(time.Duration(i * 7919 % n))
	}
	if got := e.StateBytes(); got < 8*n || got > 8*(n+mostChunk) {
		t.Errorf("%d B for %d values before they are sorted", got, n)
	}
	e.Sorted()
	if got := e.StateBytes(); got < 8*n || got > 8*(n+2*mostChunk) {
		t.Errorf("%d B for %d sorted values", got, n)
	}
}

func TestRoomThatWasAskedForIsNeverCopied(t *testing.T) {
	const n = 100_000
	e := NewExact(n)
	first := func() *time.Duration { return &e.chunk[:1][0] }
	before := first()
	for i := range n {
		e.Add(time.Duration(i))
	}
	if first() != before || len(e.full) > 0 {
		t.Error("values were moved while they were added")
	}
	if s := e.Sorted(); &s[0] != before {
		t.Error("values that are in order were copied for sorting")
	}
}

// BenchmarkExactSort measures sorting, per value.
func BenchmarkExactSort(b *testing.B) {
	for _, n := range []int{10_000, 1_000_000, 10_000_000} {
		data := make([]time.Duration, n)
		r := rand.New(rand.NewPCG(1, 1))
		for i := range data {
			data[i] = time.Duration(50_000 * math.Exp(r.NormFloat64()))
		}
		for by, sort := range map[string]func([]time.Duration){
			"radix":  sortDurations,
			"slices": slices.Sort[[]time.Duration],
		} {
			b.Run(fmt.Sprintf("n=%d/by=%s", n, by), func(b *testing.B) {
				v := make([]time.Duration, n)
				for b.Loop() {
					b.StopTimer()
					copy(v, data)
					b.StartTimer()
					sort(v)
				}
				b.ReportMetric(0, "ns/op")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "sort-ns/op")
			})
		}
	}
}

// BenchmarkExactAppend measures Add, and append to a slice with enough capacity.
func BenchmarkExactAppend(b *testing.B) {
	const n = 1_000_000
	b.Run("to=exact", func(b *testing.B) {
		for b.Loop() {
			e := NewExact(0)
			for i := range n {
				e.Add(time.Duration(i))
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "insert-ns/op")
	})
	b.Run("to=presized", func(b *testing.B) {
		for b.Loop() {
			v := make([]time.Duration, 0, n)
			for i := range n {
				v = append(v, time.Duration(i))
			}
			if len(v) != n {
				b.Fatal(len(v))
			}
		}
		b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "insert-ns/op")
	})
}
