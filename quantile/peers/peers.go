// Package peers makes the latency estimators of other libraries into arms: each is
// a [quantile.Estimator] that answers what its library would have answered.
//
// An arm takes care of what the contract asks and the libraries leave to their
// caller: a negative duration is zero, q is taken into [0, 1], nothing is 0, and a
// count and the extremes are kept beside the sketch, exactly. It repairs no answer.
// Where that breaks a rule of package quantiletest, [Known] says which and why, and
// a test holds the table to what is so.
//
//	arm                 library                          its error
//	caio                caio/go-tdigest/v4               no bound; 0.5 % of the ranks here
//	ddsketch            DataDog/sketches-go              1 % of the value
//	hdrhistogram-go     HdrHistogram/hdrhistogram-go     0.1 % of the value, up to 1 h
//	perks               beorn7/perks                     of the ranks, at five quantiles
//	otel-exponential    lightstep/go-expohisto           5 % of the value
//	prometheus-classic  prometheus/client_golang         the width of a bucket
//	prometheus-native   prometheus/client_golang         9.1 % of the value
//
// The t-digest of influxdata is an arm of package quantile, tdigest.
//
// As with every Estimator, none is safe for concurrent use; those of Prometheus,
// whose library is, lock nothing around what is merged.
package peers

import (
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A peer is what every arm of this package is.
type peer interface {
	quantile.Estimator
	quantile.Sizer
	Count() uint64
	Min() time.Duration
	Max() time.Duration
}

var (
	_ peer = (*Caio)(nil)
	_ peer = (*DDSketch)(nil)
	_ peer = (*HDRHistogramGo)(nil)
	_ peer = (*Perks)(nil)
	_ peer = (*OTelExponential)(nil)
	_ peer = (*PrometheusClassic)(nil)
	_ peer = (*PrometheusNative)(nil)
)

// ends counts and keeps the extremes of what was added, exactly.
type ends struct {
	n        uint64
	min, max time.Duration
}

// take is d as it counts: a negative one is zero.
func (e *ends) take(d time.Duration) time.Duration {
	d = max(d, 0)
	e.merge(&ends{1, d, d})
	return d
}

func (e *ends) merge(o *ends) {
	if o.n == 0 {
		return
	}
	if e.n == 0 {
		e.min = o.min
	}
	e.n, e.min, e.max = e.n+o.n, min(e.min, o.min), max(e.max, o.max)
}

// Count is how many durations were added.
func (e *ends) Count() uint64 { return e.n }

// Min is the smallest duration added, exactly; 0 if there is none.
func (e *ends) Min() time.Duration { return e.min }

// Max is the largest duration added, exactly; 0 if there is none.
func (e *ends) Max() time.Duration { return e.max }

// sameKind is from as a peer of the type of into, or the error of Merge.
func sameKind[E interface {
	comparable
	quantile.Estimator
}](into E, from quantile.Estimator) (E, error) {
	var none E
	o, ok := from.(E)
	why := ""
	switch {
	case !ok:
		why = "not the same kind"
	case o == none:
		why = "it is nil"
	case o == into:
		why = "they are one"
	default:
		return o, nil
	}
	return o, fmt.Errorf("%w a %T into a %T: %s", quantile.ErrMerge, from, into, why)
}

// clamp01 takes q into [0, 1]; NaN becomes 0.
func clamp01(q float64) float64 {
	if !(q > 0) {
		return 0
	}
	return min(q, 1)
}

// nanoseconds is an answer to the nearest nanosecond, as far as a Duration goes.
// It may be negative: some libraries extrapolate below the smallest value.
func nanoseconds(v float64) time.Duration {
	switch {
	case math.IsNaN(v):
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	}
	return time.Duration(math.Round(v))
}
