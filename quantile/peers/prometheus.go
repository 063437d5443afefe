package peers

import (
	"math"
	"sort"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/loadgen-go/loadgen/quantile"
)

// written returns the state of a histogram as a scrape gets it.
func written(h prometheus.Histogram) *dto.Histogram {
	m := &dto.Metric{}
	if h.Write(m) != nil || m.Histogram == nil { // cannot fail, since there are no labels or exemplars
		return &dto.Histogram{}
	}
	return m.Histogram
}

// PrometheusClassic is a histogram of prometheus/client_golang with DefBuckets, in seconds: eleven bounds from 5 ms
// to 10 s. Its quantiles are those of the function histogram_quantile.
//
// Claimed: only that the quantile lies in the bucket; "the default buckets are tailored to broadly measure the
// response time of a network service". Known faults: within a bucket the quantile is interpolated linearly, so
// that all values below 5 ms are spread over 0 to 5 ms; above 10 s it is 10 s. Neither library has a Merge:
// counts are added up, as by "sum by (le)".
//
// Source: client_golang v1.25.0, prometheus/histogram.go, and bucketQuantile in
// promql/quantile.go of Prometheus.
type PrometheusClassic struct {
	ends
	histogram prometheus.Histogram
	merged    []uint64 // cumulative counts of merged histograms, by bound
}

// NewPrometheusClassic returns an empty PrometheusClassic.
func NewPrometheusClassic() *PrometheusClassic {
	return &PrometheusClassic{
		histogram: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds",
			Buckets: prometheus.DefBuckets}),
		merged: make([]uint64, len(prometheus.DefBuckets)),
	}
}

// Add implements [quantile.Estimator].
func (p *PrometheusClassic) Add(d time.Duration) { p.histogram.Observe(p.take(d).Seconds()) }

// Quantile implements [quantile.Estimator].
func (p *PrometheusClassic) Quantile(q float64) time.Duration {
	if p.n == 0 {
		return 0
	}
	rank, upto := clamp01(q)*float64(p.n), p.cumulative()
	b := sort.Search(len(upto), func(i int) bool { return float64(upto[i]) >= rank })
	if b == len(upto) { // it is in the bucket without an end
		return nanoseconds(prometheus.DefBuckets[b-1] * 1e9)
	}
	start, end, count := 0.0, prometheus.DefBuckets[b], float64(upto[b])
	if b > 0 {
		start = prometheus.DefBuckets[b-1]
		count -= float64(upto[b-1])
		rank -= float64(upto[b-1])
	}
	if count == 0 { // q is 0 and the first bucket is empty; Prometheus returns NaN
		return 0
	}
	return nanoseconds((start + (end-start)*(rank/count)) * 1e9)
}

// cumulative returns how many values there are up to each bound.
func (p *PrometheusClassic) cumulative() []uint64 {
	upto := make([]uint64, len(p.merged))
	copy(upto, p.merged)
	for i, b := range written(p.histogram).GetBucket() {
		upto[i] += b.GetCumulativeCount()
	}
	return upto
}

// Merge implements [quantile.Estimator].
func (p *PrometheusClassic) Merge(other quantile.Estimator) error {
	o, err := sameKind(p, other)
	if err != nil {
		return err
	}
	for i, count := range o.cumulative() {
		p.merged[i] += count
	}
	p.merge(&o.ends)
	return nil
}

// StateBytes implements [quantile.Sizer]. It is estimated, since the library does not report it: two sets of
// counters, the bounds, as many slots for exemplars, and other fields.
func (p *PrometheusClassic) StateBytes() int {
	const fields = 1024
	return fields + (2*8+8+16+8)*(len(p.merged)+1)
}

// PrometheusNative is a native histogram of prometheus/client_golang with a bucket factor of 1.1 and no limit on its
// buckets, in seconds. It has eight buckets for each factor of two. A bucket exists only if its count is not 0.
//
// Claimed: a bucket ends at no more than 1.1 times its begin (1.0905), and the quantile lies in the bucket. Known
// faults: no minimum or maximum is kept, so the estimates at both ends are ends of a bucket; constant data are up
// to 9 % off. The client has no quantile function: quantiles are computed from the result of Write, as after a
// scrape, and interpolated as in Prometheus. Merged buckets are added up, as by "sum".
//
// Source: client_golang v1.25.0, prometheus/histogram.go (pickSchema, makeBuckets),
// and histogramQuantile in promql/quantile.go of Prometheus 3.
type PrometheusNative struct {
	ends
	histogram prometheus.Histogram
	merged    map[int]uint64 // counts of merged buckets, by index
	zeros     uint64         // merged count of the zero bucket
}

// nativeFactor requests nativeSchema, which is used as long as there is no limit on the number of buckets.
const (
	nativeFactor = 1.1
	nativeSchema = 3
)

// NewPrometheusNative returns an empty PrometheusNative.
func NewPrometheusNative() *PrometheusNative {
	return &PrometheusNative{
		histogram: prometheus.NewHistogram(prometheus.HistogramOpts{Name: "latency_seconds",
			NativeHistogramBucketFactor: nativeFactor}),
		merged: map[int]uint64{},
	}
}

// Add implements [quantile.Estimator].
func (p *PrometheusNative) Add(d time.Duration) { p.histogram.Observe(p.take(d).Seconds()) }

// Quantile implements [quantile.Estimator].
func (p *PrometheusNative) Quantile(q float64) time.Duration {
	counts, zeros := p.counts()
	indices := make([]int, 0, len(counts))
	for i := range counts {
		indices = append(indices, i)
	}
	sort.Ints(indices)
	buckets := []bucket{{hi: prometheus.DefNativeHistogramZeroThreshold, count: zeros}}
	bound := func(i int) float64 { return math.Exp2(math.Ldexp(float64(i), -nativeSchema)) }
	for _, i := range indices {
		buckets = append(buckets, bucket{bound(i - 1), bound(i), counts[i]})
	}
	return nanoseconds(interpolated(buckets, p.n, clamp01(q)) * 1e9)
}

// counts returns the number of values by bucket index, and the number of zeros. In the result of Write, the buckets
// come in spans, with the offset from the previous span, and the counts as the differences from the previous
// count.
func (p *PrometheusNative) counts() (byIndex map[int]uint64, zeros uint64) {
	h := written(p.histogram)
	byIndex, zeros = make(map[int]uint64, len(p.merged)), p.zeros+h.GetZeroCount()
	for i, count := range p.merged {
		byIndex[i] = count
	}
	deltas, i, count := h.GetPositiveDelta(), 0, int64(0)
	for _, span := range h.GetPositiveSpan() {
		i += int(span.GetOffset())
		for range min(int(span.GetLength()), len(deltas)) {
			count += deltas[0]
			byIndex[i] += uint64(count)
			i, deltas = i+1, deltas[1:]
		}
	}
	return byIndex, zeros
}

// Merge implements [quantile.Estimator].
func (p *PrometheusNative) Merge(other quantile.Estimator) error {
	o, err := sameKind(p, other)
	if err != nil {
		return err
	}
	counts, zeros := o.counts()
	for i, count := range counts {
		p.merged[i] += count
	}
	p.zeros += zeros
	p.merge(&o.ends)
	return nil
}

// StateBytes implements [quantile.Sizer]. It is estimated, since the library does not report it: a bucket is an entry
// in a sync.Map, which takes about 120 B with what it points to.
func (p *PrometheusNative) StateBytes() int {
	const fields, entry = 2048, 120
	counts, _ := p.counts()
	return fields + entry*len(counts)
}
