package peers

import (
	"math"
	"time"

	"github.com/lightstep/go-expohisto/structure"

	"github.com/loadgen-go/loadgen/quantile"
)

// OTelExponential is OpenTelemetry's exponential histogram with the default of 160 buckets. The buckets are as
// wide as necessary for all values to fit, and each is wider than the one before by the same factor.
//
// It is lightstep/go-expohisto, which does not import OpenTelemetry, and not the aggregation of the SDK. That
// has the same structure, but can only be filled through a meter provider, and estimators must not import
// OpenTelemetry. So the numbers of this arm do not include the cost of the SDK's Record.
//
// Claimed: within 5 % of the value if the largest is at most 10^5 times the smallest, by the comment of
// DefaultMaxSize. The histogram has no quantile function: quantiles are interpolated as in Prometheus, and
// limited to the minimum and maximum in the data point. Known faults: merging an empty histogram, or one with
// only zeros, widens every bucket to a factor of 2, permanently. One value far from the others also widens
// the buckets, to what the range requires.
//
// Source: OpenTelemetry specification, metrics data model, ExponentialHistogram, and metrics SDK, base2
// exponential bucket histogram aggregation, implemented by go-expohisto v1.0.0.
type OTelExponential struct {
	ends
	histogram structure.Int64
}

// NewOTelExponential returns an empty OTelExponential.
func NewOTelExponential() *OTelExponential {
	h := &OTelExponential{}
	h.histogram.Init(structure.NewConfig(structure.WithMaxSize(structure.DefaultMaxSize)))
	return h
}

// Add implements [quantile.Estimator].
func (h *OTelExponential) Add(d time.Duration) { h.histogram.Update(int64(h.take(d))) }

// Quantile implements [quantile.Estimator].
func (h *OTelExponential) Quantile(q float64) time.Duration {
	v := nanoseconds(interpolated(h.buckets(), h.n, clamp01(q)))
	return min(max(v, h.min), h.max)
}

// buckets returns the buckets, with the bucket of zero first. Bucket i at a scale covers 2^(i/2^scale) to
// 2^((i+1)/2^scale).
func (h *OTelExponential) buckets() []bucket {
	positive := h.histogram.Positive()
	buckets := []bucket{{count: h.histogram.ZeroCount()}}
	bound := func(i int) float64 { return math.Exp2(math.Ldexp(float64(i), -int(h.histogram.Scale()))) }
	for i := range int(positive.Len()) {
		first := i + int(positive.Offset())
		buckets = append(buckets, bucket{bound(first), bound(first + 1), positive.At(uint32(i))})
	}
	return buckets
}

// Merge implements [quantile.Estimator].
func (h *OTelExponential) Merge(other quantile.Estimator) error {
	o, err := sameKind(h, other)
	if err != nil {
		return err
	}
	h.histogram.MergeFrom(&o.histogram)
	h.merge(&o.ends)
	return nil
}

// StateBytes implements [quantile.Sizer]. The state has at most 160 counters, whose number is a power of two until
// then, with the width that the largest count requires, and other fields.
func (h *OTelExponential) StateBytes() int {
	const fields = 256
	var most uint64
	positive := h.histogram.Positive()
	for i := range positive.Len() {
		most = max(most, positive.At(i))
	}
	width := 8
	for _, w := range []int{4, 2, 1} {
		if most < 1<<(8*w) {
			width = w
		}
	}
	size := 1
	for size < int(positive.Len()) {
		size *= 2
	}
	return fields + width*min(size, int(structure.DefaultMaxSize))
}
