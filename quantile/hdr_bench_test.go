package quantile_test

import (
	"math"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/quantile"
)

var kept any // forces its value onto the heap, where the histograms of a recorder are

// The library only counts in buckets. It keeps no exact extremes and no sum.
func BenchmarkHDRAdd(b *testing.B) {
	var durations [4096]time.Duration // around 100 us, over a factor of about 60
	for i := range durations {
		durations[i] = time.Duration(100e3 * math.Exp(math.Sin(float64(i*i))*2))
	}
	b.Run("by=ours", func(b *testing.B) {
		h := quantile.NewHDR()
		kept = h
		b.ReportAllocs()
		for i := range b.N {
			h.Add(durations[i&(len(durations)-1)])
		}
	})
	b.Run("by=library", func(b *testing.B) {
		h := hdrhistogram.New(1, int64(quantile.MaxHDR), 3)
		kept = h
		b.ReportAllocs()
		for i := range b.N {
			if err := h.RecordValue(int64(durations[i&(len(durations)-1)])); err != nil {
				b.Fatal(err)
			}
		}
	})
}
