package quantile

import (
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// Counters are handed to the library, and taken from it, by number.
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
			t.Fatalf("bucket %d, of %d to %d, is another in the library", i, first, last)
		}
		add(first, 1+int(i%7)) // so that neighbours hold different counts
		add(last, 1+int(i%7))
	}
	add(MaxHDR, 3)
	counts := library.Export().Counts
	if len(counts) != hdrBuckets {
		t.Fatalf("the library has %d buckets, ours are %d", len(counts), hdrBuckets)
	}
	if !slices.EqualFunc(counts, h.counters[:], func(a int64, b uint64) bool { return uint64(a) == b }) {
		t.Error("what was counted in one bucket is in another one of the library")
	}
}

// An index that is not made anew after an Add or a Merge would answer for what there was.
func TestAnHDRAnswersForAllThatWasAddedSinceItWasAsked(t *testing.T) {
	h, truth, r := NewHDR(), NewExact(0), rand.New(rand.NewPCG(1, 1))
	for range 50 {
		other := NewHDR()
		for range 200 {
			d := time.Duration(r.Int64() >> (22 + r.IntN(41))) // up to 37 min
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
				t.Fatalf("of %d values, Quantile(%v) = %v, want %v", h.n, q, got, want)
			}
		}
	}
}
