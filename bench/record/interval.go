package record

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// An Interval is the 95% confidence interval of a percentile of latency. It allows for calls that
// depend on each other, as calls in a queue do: it is computed from how much the share of calls
// above the percentile varies between ten parts of the run.
type Interval struct {
	Quantile float64       `json:"quantile"`
	Low      time.Duration `json:"low_ns,omitempty"`
	High     time.Duration `json:"high_ns,omitempty"`
	// Why is the reason why there is no interval; "" if there is one.
	Why string `json:"why,omitempty"`
}

const (
	intervalParts = 10
	// leastAbove is the fewest calls above a percentile with an interval.
	leastAbove = 5
	// studentOfParts is the 97.5% quantile of Student's t with 9 degrees of freedom.
	studentOfParts = 2.262157
)

// intervalQuantiles are the quantiles that have an interval in addition to those of objectives.
var intervalQuantiles = []float64{0.5, 0.9, 0.99, 0.999}

// Interval returns the interval of the q-quantile. Ok is false if [Record.Percentile] returns an
// error for it, or if it is neither p50, p90, p99, p99.9 nor the percentile of an objective of the
// run.
func (r *Record) Interval(q float64) (i Interval, ok bool) {
	for _, i := range r.Intervals {
		if i.Quantile == q {
			return i, true
		}
	}
	return Interval{}, false
}

// intervals returns the intervals of the percentiles that Percentile returns without an error.
func (r *Record) intervals(slos []SLO) (intervals []Interval) {
	quantiles := slices.Clone(intervalQuantiles)
	for _, s := range slos {
		if s.q > 0 && !slices.Contains(quantiles, s.q) {
			quantiles = append(quantiles, s.q)
		}
	}
	for _, q := range quantiles {
		if at, err := r.Percentile(q); err == nil {
			intervals = append(intervals, r.interval(q, at))
		}
	}
	return intervals
}

// interval returns the interval of the q-quantile of latency, whose value is at.
//
// The shares of calls above the quantile in equal parts of the run have a mean and a standard error
// that includes the dependence of neighbouring calls. On the logarithmic scale of the share they
// give an interval, whose ends are quantiles themselves. In simulations, the interval contains the
// true value in 91% to 93% of the runs that are much longer than a queue takes to empty. If
// neighbouring parts are correlated, the run is too short for an interval.
//
// Source: batch means, for example Law, Simulation Modeling and Analysis, section 9.5.3;
// Heidelberger and Lewis, Operations Research 32(1), 1984, for quantiles.
func (r *Record) interval(q float64, at time.Duration) Interval {
	i := Interval{Quantile: q}
	n := r.stated()
	whole := len(r.Windows)
	if whole < intervalParts {
		i.Why = fmt.Sprintf("the run has %d windows: an interval needs %d", whole, intervalParts)
		return i
	}
	if (1-q)*float64(n) < leastAbove {
		i.Why = fmt.Sprintf("fewer than %d calls lie above it", leastAbove)
		return i
	}
	shares := r.sharesAbove(at, whole)
	mean, variance := 0.0, 0.0
	for _, s := range shares {
		mean += s / intervalParts
	}
	for _, s := range shares {
		variance += (s - mean) * (s - mean) / (intervalParts - 1)
	}
	if c := correlation(shares); c > maxCorrelation {
		i.Why = fmt.Sprintf("the run is too short to tell: neighbouring parts of it correlate by %.1f", c)
		return i
	}
	factor := 1.0
	if mean > 0 {
		factor = math.Exp(studentOfParts * math.Sqrt(variance/intervalParts) / mean)
	}
	low, high := quantile.Rank(max(1-(1-q)*factor, 0), n), quantile.Rank(1-(1-q)/factor, n)
	if high > r.Done {
		i.Why = "its upper end is infinite: it lies among calls that were not served"
		return i
	}
	latency := func(rank uint64) time.Duration { return r.Latency.Quantile(float64(rank) / float64(r.Done)) }
	i.Low, i.High = min(latency(low), at), max(latency(high), at)
	return i
}

// sharesAbove returns the share of calls above a latency in each of the equal parts of the run. Calls
// that were not served count as above.
func (r *Record) sharesAbove(at time.Duration, whole int) []float64 {
	shares := make([]float64, intervalParts)
	for part := range shares {
		due, above := 0.0, 0.0
		for k := part * whole / intervalParts; k < (part+1)*whole/intervalParts; k++ {
			w := &r.Windows[k]
			lost := w.Dropped + w.Missed
			if !r.FailedApart {
				lost += w.Failed
			}
			due += float64(w.Done + lost)
			above += w.Latency.Above(at) + float64(lost)
		}
		shares[part] = above / max(due, 1)
	}
	return shares
}
