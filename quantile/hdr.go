package quantile

import (
	"fmt"
	"time"

	hdrhistogram "github.com/HdrHistogram/hdrhistogram-go"
)

// HDR counts durations in the log-linear buckets of an HDR histogram with three
// significant figures: every estimate is within 0.1 % of the exact value, up to
// [MaxHDR]. Longer ones are counted as MaxHDR, so that a quantile among them is
// known only to be at least that; mean and maximum stay right. It takes 264 KB
// and about 6 ns an Add, whatever the data.
//
// Source: Gil Tene's HdrHistogram, by way of hdrhistogram-go, which loses the
// exact minimum and maximum; they are kept here beside it.
type HDR struct {
	extremes
	sum  float64 // of nanoseconds
	hist *hdrhistogram.Histogram
}

// MaxHDR is the largest duration an [HDR] tells from longer ones.
const MaxHDR = time.Hour

const hdrFigures = 3

var (
	_ Estimator = (*HDR)(nil)
	_ Sizer     = (*HDR)(nil)
)

// NewHDR returns an empty HDR.
func NewHDR() *HDR {
	return &HDR{hist: hdrhistogram.New(1, int64(MaxHDR), hdrFigures)}
}

// Add implements [Estimator].
func (h *HDR) Add(d time.Duration) {
	d = max(d, 0)
	h.extremes.add(d)
	h.sum += float64(d)
	if err := h.hist.RecordValue(int64(min(d, MaxHDR))); err != nil {
		panic(err) // a value within the range is always taken
	}
}

// Quantile implements [Estimator].
func (h *HDR) Quantile(q float64) time.Duration {
	if h.n == 0 {
		return 0
	}
	r := Rank(q, h.n)
	switch r {
	case 1:
		return h.min
	case h.n:
		return h.max
	}
	// The library rounds p/100*n to the nearest rank: hand it the rank.
	return h.within(time.Duration(h.hist.ValueAtPercentile(100 * float64(r) / float64(h.n))))
}

// Merge implements [Estimator].
func (h *HDR) Merge(other Estimator) error {
	o, err := sameKind(h, other)
	if err != nil {
		return err
	}
	if lost := h.hist.Merge(o.hist); lost != 0 {
		panic(fmt.Sprintf("quantile: %d values lost between histograms of one range", lost))
	}
	h.extremes.merge(&o.extremes)
	h.sum += o.sum
	return nil
}

// Mean is the arithmetic mean, exact to floating point; 0 if h is empty.
func (h *HDR) Mean() time.Duration {
	if h.n == 0 {
		return 0
	}
	mean := h.sum / float64(h.n)
	if mean >= float64(h.max) {
		return h.max // as a float, the longest Duration is one too long
	}
	return h.within(time.Duration(mean))
}

// StateBytes implements [Sizer].
func (h *HDR) StateBytes() int { return h.hist.ByteSize() }
