package quantile

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Counters are exchanged with the library by their index.
func TestHDRHasTheBucketsOfTheLibrary(t *testing.T) {
	library, h := hdrhistogram.New(1, int64(MaxHDR), hdrFigures), NewHDR()
	add := func(d time.Duration, times int) {
		for range times {
			h.Add(d)
		}
		if err := library.RecordValues(int64(d), int64(times)); err != nil {
			t.Fatal(err)
		}
	}
	for i := range uint32(hdrBucket(MaxHDR)) {
		first, last := leafStart(i), leafStart(i+1)-1
		if !library.ValuesAreEquivalent(int64(first), int64(last)) ||
			library.ValuesAreEquivalent(int64(last), int64(last+1)) {
			t.Fatalf("bucket %d, from %d to %d, has another index in the library", i, first, last)
		}
		add(first, 1+int(i%7)) // gives adjacent buckets different counts
		add(last, 1+int(i%7))
	}
	add(MaxHDR, 3)
	counts := library.Export().Counts
	if len(counts) != hdrBuckets {
		t.Fatalf("the library has %d buckets, HDR has %d", len(counts), hdrBuckets)
	}
	if !slices.EqualFunc(counts, h.counters[:], func(a int64, b uint64) bool { return uint64(a) == b }) {
		t.Error("a count is in another bucket in the library")
	}
}

// If the index were not updated after an Add or a Merge, quantiles would be those of the earlier values.
func TestAnHDRAnswersForAllThatWasAddedSinceItWasAsked(t *testing.T) {
	h, truth, r := NewHDR(), NewExact(0), rand.New(rand.NewPCG(1, 1))
	for range 50 {
		other := NewHDR()
		for range 200 {
			d := time.Duration(r.Int64() >> (22 + r.IntN(41))) // at most 37 min
			truth.Add(d)
			if r.IntN(2) == 0 {
				h.Add(d)
			} else {
				other.Add(d)
			}
		}
		if err := h.Merge(other); err != nil {
			t.Fatal(err)
		}
		for i := range 101 {
			q := float64(i) / 100
			got, want := h.Quantile(q), truth.Quantile(q)
			if got < want || hdrBucket(got) != hdrBucket(want) {
				t.Fatalf("%d values: Quantile(%v) = %v, want %v", h.n, q, got, want)
			}
		}
	}
}
