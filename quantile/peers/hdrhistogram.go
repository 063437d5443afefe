package peers

import (
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"github.com/loadgen-go/loadgen/quantile"
)

// HDRHistogramGo is hdrhistogram-go as it comes, with three significant figures
// from 1 ns to 1 h: 264 KB of counters. What [quantile.HDR] is measured against.
//
// Claimed: an answer within 0.1 % of the value at rank int(q*n+0.5), where the Java
// original takes ceil(q*n). Known faults: durations past the range are refused with
// an error and lost, so that only Count and Max know of them; answers are the ends of
// buckets, the lower at q = 0 and the upper elsewhere, so that those of constant data
// differ and the last is past the maximum.
//
// Source: Gil Tene's HdrHistogram, by way of hdrhistogram-go v1.4.0.
type HDRHistogramGo struct {
	ends
	histogram *hdrhistogram.Histogram
}

// NewHDRHistogramGo returns an empty HDRHistogramGo.
func NewHDRHistogramGo() *HDRHistogramGo {
	return &HDRHistogramGo{histogram: hdrhistogram.New(1, int64(time.Hour), 3)}
}

// Add implements [quantile.Estimator].
func (h *HDRHistogramGo) Add(d time.Duration) {
	_ = h.histogram.RecordValue(int64(h.take(d))) // past 1 h it is lost, as for any caller
}

// Quantile implements [quantile.Estimator]. The library counts to 100.
func (h *HDRHistogramGo) Quantile(q float64) time.Duration {
	return time.Duration(h.histogram.ValueAtQuantile(100 * clamp01(q)))
}

// Merge implements [quantile.Estimator].
func (h *HDRHistogramGo) Merge(other quantile.Estimator) error {
	o, err := sameKind(h, other)
	if err != nil {
		return err
	}
	h.histogram.Merge(o.histogram) // of one range: it drops nothing
	h.merge(&o.ends)
	return nil
}

// StateBytes implements [quantile.Sizer].
func (h *HDRHistogramGo) StateBytes() int { return h.histogram.ByteSize() }
