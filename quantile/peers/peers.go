// Package peers makes [quantile.Estimator]s out of the latency estimators of other libraries. Each returns the
// estimates of its library.
//
// The estimators add what the contract requires and the libraries leave to their caller: a negative duration
// counts as zero, q is limited to [0, 1], the estimate without values is 0, and the exact count and extremes
// are kept separately. They correct no estimates. If that breaks a rule of package quantiletest, it is listed
// in [Known] with the reason, and a test checks that list.
//
//	arm                 library                          error
//	caio                caio/go-tdigest/v4               no bound; 0.5 % of the ranks here
//	ddsketch            DataDog/sketches-go              1 % of the value
//	hdrhistogram-go     HdrHistogram/hdrhistogram-go     0.1 % of the value, up to 1 h
//	perks               beorn7/perks                     rank error, at five quantiles
//	otel-exponential    lightstep/go-expohisto           5 % of the value
//	prometheus-classic  prometheus/client_golang         the width of a bucket
//	prometheus-native   prometheus/client_golang         9.1 % of the value
//
// The t-digest of influxdata is the arm tdigest, in package quantile.
//
// As with every Estimator, none is safe for concurrent use. That includes those of Prometheus, although the
// library is: the merged part has no lock.
package peers

import (
	"fmt"
	"math"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A peer is implemented by every estimator of this package.
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

// ends keeps the exact count and extremes of the added values.
type ends struct {
	n        uint64
	min, max time.Duration
}

// take counts d, a negative d as zero, and returns the duration counted.
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

// Count returns how many durations were added.
func (e *ends) Count() uint64 { return e.n }

// Min returns the smallest duration added, exactly, or 0 if there is none.
func (e *ends) Min() time.Duration { return e.min }

// Max returns the largest duration added, exactly, or 0 if there is none.
func (e *ends) Max() time.Duration { return e.max }

// sameKind returns from as a peer of the type of into, or the error of Merge.
func sameKind[E interface {
	comparable
	quantile.Estimator
}](into E, from quantile.Estimator) (E, error) {
	var none E
	o, ok := from.(E)
	why := ""
	switch {
	case !ok:
		why = "it is of another type"
	case o == none:
		why = "it is nil"
	case o == into:
		why = "it cannot be merged into itself"
	default:
		return o, nil
	}
	return o, fmt.Errorf("%w a %T into a %T: %s", quantile.ErrMerge, from, into, why)
}

// clamp01 limits q to [0, 1]. NaN becomes 0.
func clamp01(q float64) float64 {
	if !(q > 0) {
		return 0
	}
	return min(q, 1)
}

// nanoseconds rounds v to a Duration, and limits it to the largest one. It may be negative, since some
// libraries extrapolate below the smallest value.
func nanoseconds(v float64) time.Duration {
	switch {
	case math.IsNaN(v):
		return 0
	case v >= math.MaxInt64:
		return math.MaxInt64
	}
	return time.Duration(math.Round(v))
}
