package record

import (
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// An Interval is the 95% interval of a percentile of latency, for calls that depend on each
// other as those in a queue do: by how much the share of calls above the percentile varies
// between ten parts of the run.
type Interval struct {
	Quantile float64       `json:"quantile"`
	Low      time.Duration `json:"low_ns,omitempty"`
	High     time.Duration `json:"high_ns,omitempty"`
	// Why says why there is no interval; "" if there is one.
	Why string `json:"why,omitempty"`
}

const (
	intervalParts = 10
	// leastAbove is how many calls must lie above a percentile for it to have an interval.
	leastAbove = 5
	// studentOfParts is the 97.5% quantile of Student's t with 9 degrees of freedom.
	studentOfParts = 2.262157
)

// intervalQuantiles are those that have an interval, besides those of objectives.
var intervalQuantiles = []float64{0.5, 0.9, 0.99, 0.999}

// Interval returns the interval of a percentile. It is false if the percentile cannot be
// stated, or is neither p50, p90, p99, p99.9 nor that of an objective of the run.
func (r *Record) Interval(q float64) (Interval, bool) {
	for _, i := range r.Intervals {
		if i.Quantile == q {
			return i, true
		}
	}
	return Interval{}, false
}

// intervals returns the intervals of the percentiles that can be stated of the run.
func (r *Record) intervals(slos []SLO) (all []Interval) {
	quantiles := slices.Clone(intervalQuantiles)
	for _, s := range slos {
		if s.q > 0 && !slices.Contains(quantiles, s.q) {
			quantiles = append(quantiles, s.q)
		}
	}
	for _, q := range quantiles {
		if at, err := r.Percentile(q); err == nil {
			all = append(all, r.interval(q, at))
		}
	}
	return all
}

// interval returns the interval of the q-quantile of latency, which is at.
//
// The shares of calls above it in equal parts of the run have a mean with a standard error,
// in which the dependence of neighbours is. On the logarithmic scale of the share that gives
// an interval, whose ends are quantiles themselves. Simulated, it holds the truth in 91 to
// 93% of runs that are long beside what a queue remembers; where neighbouring parts go
// together the run is too short for it.
//
// Source: batch means, for example Law, Simulation Modeling and Analysis, section 9.5.3;
// Heidelberger and Lewis, Operations Research 32(1), 1984, for quantiles.
func (r *Record) interval(q float64, at time.Duration) Interval {
	i := Interval{Quantile: q}
	n := r.stated()
	whole := len(r.Windows)
	if whole < intervalParts {
		i.Why = fmt.Sprintf("the run has %d windows, and parts to compare need %d", whole, intervalParts)
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
	of := func(rank uint64) time.Duration { return r.Latency.Quantile(float64(rank) / float64(r.Done)) }
	i.Low, i.High = min(of(low), at), max(of(high), at)
	return i
}

// sharesAbove returns the share of calls above a latency in equal parts of the run. Calls that
// were not served are above.
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
