package buckets

import (
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
)

// mostSpread is the largest number of values that a histogram is spread into.
const mostSpread = 1_000_000

// FromHistogram returns a sample of the values that a histogram has counted. Where they lie in their buckets is not
// known: they are spread as the distribution that fits the counts, or evenly if none does. A value beyond the last
// bound is taken to be just above it.
func FromHistogram(h *scrape.Histogram) *Sample {
	x := &Sample{Name: h.Metric, counted: h}
	if !h.Native {
		x.fitted = best(fit(h))
	}
	count := h.Count()
	per := max(count/mostSpread, 1) // how many counted values a value stands for
	upTo := 0.0
	for _, b := range h.Buckets {
		before := upTo
		upTo += b.Count
		// The values stand for the ranks per/2, 3*per/2 and so on.
		for i := math.Ceil(before/per - .5); (i+.5)*per <= upTo && b.Count > 0; i++ {
			share := min(max(((i+.5)*per-before)/b.Count, 0), 1)
			x.values = append(x.values, time.Duration(math.Round(place(b, share, h.Native, x.fitted))))
		}
	}
	x.About = fmt.Sprintf("%s values of %s from %s, %s", format.Count(count), h.Metric, h.From, how(h, x.fitted))
	return x
}

// place returns where a share of the values in a bucket is not exceeded, in ns.
func place(b scrape.Bucket, share float64, native bool, fitted *Fit) float64 {
	switch {
	case math.IsInf(b.High, 1):
		return b.Low + 1
	case fitted != nil:
		return fitted.quantile(share, b.Low, b.High)
	case native && b.Low > 0:
		return b.Low * math.Pow(b.High/b.Low, share)
	}
	return b.Low + (b.High-b.Low)*share
}

// how returns how values were spread in their buckets, for readers.
func how(h *scrape.Histogram, fitted *Fit) string {
	switch {
	case h.Native:
		return "a native histogram, exponentially spread in its buckets"
	case fitted != nil:
		return "spread in their buckets like the distribution that fits, " + fitted.Name
	}
	return "spread evenly in their buckets, since no distribution fits"
}

// boundsOf returns the finite bounds of a classic histogram.
func boundsOf(h *scrape.Histogram) (bounds []time.Duration) {
	for _, b := range h.Buckets {
		if end := math.Round(b.High); end > 0 && !math.IsInf(end, 1) && end < math.MaxInt64 {
			bounds = append(bounds, time.Duration(end))
		}
	}
	return bounds
}
