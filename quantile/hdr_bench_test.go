package quantile_test

import (
	"math"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/quantile"
)

var kept any // what is kept lies on the heap, as a recorder's histograms do

// The library counts into buckets alone, without the extremes and the sum.
func BenchmarkHDRAdd(b *testing.B) {
	var all [4096]time.Duration // over a factor of 60 or so around 100 us
	for i := range all {
		all[i] = time.Duration(100e3 * math.Exp(math.Sin(float64(i*i))*2))
	}
	b.Run("by=ours", func(b *testing.B) {
		h := quantile.NewHDR()
		kept = h
		b.ReportAllocs()
		for i := range b.N {
			h.Add(all[i&(len(all)-1)])
		}
	})
	b.Run("by=library", func(b *testing.B) {
		h := hdrhistogram.New(1, int64(quantile.MaxHDR), 3)
		kept = h
		b.ReportAllocs()
		for i := range b.N {
			if err := h.RecordValue(int64(all[i&(len(all)-1)])); err != nil {
				b.Fatal(err)
			}
		}
	})
}
