package peers

import "math"

// A bucket counts values above lo, up to and including hi.
type bucket struct {
	lo, hi float64
	count  uint64
}

// interpolated returns quantile q of n values in exponential buckets, which must be in ascending order. It
// looks for the bucket from the nearer end, and interpolates the logarithms within it, or linearly if the
// bucket begins at 0. It returns NaN if there are no values.
//
// Source: histogramQuantile in promql/quantile.go of Prometheus 3, which it uses for native histograms and for
// OpenTelemetry histograms that were sent to it.
func interpolated(buckets []bucket, n uint64, q float64) float64 {
	var b bucket
	var count uint64
	rank, upwards := q*float64(n), q < 0.5
	if !upwards {
		rank = (1 - q) * float64(n)
	}
	for i := range buckets {
		if !upwards {
			i = len(buckets) - 1 - i
		}
		if buckets[i].count == 0 {
			continue
		}
		b = buckets[i]
		count += b.count
		if float64(count) >= rank {
			break
		}
	}
	if upwards {
		rank -= float64(count - b.count)
	} else {
		rank = float64(count) - rank
	}
	fraction := rank / float64(b.count) // NaN if there are no values
	if b.lo <= 0 {
		return b.lo + (b.hi-b.lo)*fraction
	}
	lo, hi := math.Log2(b.lo), math.Log2(b.hi)
	return math.Exp2(lo + (hi-lo)*fraction)
}
