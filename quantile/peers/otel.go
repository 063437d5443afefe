package peers

import (
	"math"
	"time"

	"github.com/lightstep/go-expohisto/structure"

	"github.com/loadgen-go/loadgen/quantile"
)

// OTelExponential is OpenTelemetry's exponential histogram with its default of 160
// buckets, as wide as they must be for all values to fit, each as wide as its
// neighbours times a power of two.
//
// It is lightstep/go-expohisto, which imports nothing of OpenTelemetry, and not the
// aggregation of its SDK: that is the same structure, but it can be fed only through
// a meter provider, and estimators import no OpenTelemetry. What the SDK's Record
// costs beside it is not in this arm's figures.
//
// Claimed: within 5 % of the value as long as the largest is at most 10^5 times the
// smallest, in the comment of DefaultMaxSize. The histogram has no quantile: it is
// interpolated as Prometheus does it once it was sent one, and cut to the minimum
// and maximum that the data point carries. Known faults: merging an empty histogram,
// or one of zeros alone, widens every bucket to a factor of 2, for good; so does one
// value far from the others, to what the range asks for.
//
// Source: OpenTelemetry specification, metrics data model, ExponentialHistogram, and
// metrics SDK, base2 exponential bucket histogram aggregation, by way of
// go-expohisto v1.0.0.
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

// buckets are those with zero first: bucket i of a scale covers 2^(i/2^scale) up to
// 2^((i+1)/2^scale).
func (h *OTelExponential) buckets() []bucket {
	some := h.histogram.Positive()
	all := []bucket{{count: h.histogram.ZeroCount()}}
	bound := func(i int) float64 { return math.Exp2(math.Ldexp(float64(i), -int(h.histogram.Scale()))) }
	for i := range int(some.Len()) {
		first := i + int(some.Offset())
		all = append(all, bucket{bound(first), bound(first + 1), some.At(uint32(i))})
	}
	return all
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

// StateBytes implements [quantile.Sizer]: 160 counters at most, a power of two of
// them until then, of the width that the largest count asks for, and the fields.
func (h *OTelExponential) StateBytes() int {
	const fields = 256
	var most uint64
	some := h.histogram.Positive()
	for i := range some.Len() {
		most = max(most, some.At(i))
	}
	width := 8
	for _, w := range []int{4, 2, 1} {
		if most < 1<<(8*w) {
			width = w
		}
	}
	size := 1
	for size < int(some.Len()) {
		size *= 2
	}
	return fields + width*min(size, int(structure.DefaultMaxSize))
}
