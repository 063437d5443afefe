package quantile_test

import (
	"fmt"
	"testing"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

// An operation makes a digest and adds n values to it; insert-ns/op is the time per value. Compare it
// with that of the library.
func BenchmarkQDigestAdd(b *testing.B) {
	for _, set := range quantiletest.Datasets()[:4] {
		for _, n := range []int{1e4, 1e6} {
			values := set.Make(n)
			name := fmt.Sprintf("dist=%s/n=%.0e/by=", set.Name, float64(n))
			perAdd := func(b *testing.B) {
				b.ReportAllocs()
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(n), "insert-ns/op")
			}
			b.Run(name+"qdigest", func(b *testing.B) {
				for b.Loop() {
					d := qdigest(quantile.QDigestOptions{})
					for _, v := range values {
						d.Add(v)
					}
				}
				perAdd(b)
			})
			b.Run(name+"textbook", func(b *testing.B) {
				for b.Loop() {
					d := textbook(0.01)
					for _, v := range values {
						d.Add(v)
					}
				}
				perAdd(b)
			})
			b.Run(name+"library", func(b *testing.B) {
				for b.Loop() {
					h := hdrhistogram.New(1, int64(time.Hour), 3)
					for _, v := range values {
						if err := h.RecordValue(int64(v)); err != nil {
							b.Fatal(err)
						}
					}
				}
				perAdd(b)
			})
		}
	}
}

// An operation merges one of 64 shards of a million values.
func BenchmarkQDigestMerge(b *testing.B) {
	all := shards(quantile.QDigestOptions{}, quantiletest.Lognormal(1_000_000), true)
	var d *quantile.QDigest
	for i := range b.N {
		if i%len(all) == 0 {
			d = qdigest(quantile.QDigestOptions{})
		}
		merge(b, d, all[i%len(all)])
	}
}

// An operation reads five quantiles of a million values, without and with a change before.
func BenchmarkQDigestQuantile(b *testing.B) {
	d := qdigest(quantile.QDigestOptions{}, quantiletest.Lognormal(1_000_000)...)
	for name, change := range map[string]bool{"read=again": false, "read=first": true} {
		b.Run(name, func(b *testing.B) {
			for range b.N {
				if change {
					d.Add(50_000)
				}
				for _, q := range []float64{0.5, 0.9, 0.99, 0.999, 0.9999} {
					d.Quantile(q)
				}
			}
		})
	}
}
