package buckets

import "time"

// A Curve is latency by quantile, as histogram_quantile reads it of a histogram.
type Curve struct {
	Name   string
	Values []float64 // ns, one for each quantile that was asked for
	Bounds []At      // the bounds that lie among the latencies, which are all that tells latencies apart
}

// An At is a bound, and the share of the latencies within it, which is exact.
type At struct {
	Share float64
	Bound time.Duration
}

// Curves returns the exact latencies at quantiles, in ns, and the curves of the first bounds that were there before,
// if any, and of the chosen ones.
func (a *Advice) Curves(quantiles []float64) (exact []float64, curves []Curve) {
	for _, q := range quantiles {
		exact = append(exact, float64(a.sample.Quantile(q)))
	}
	for i := range a.schemes {
		s := &a.schemes[i]
		if before := i == 0 && a.before() != nil; !before && s.Name != chosenName {
			continue
		}
		c := Curve{Name: s.Name}
		for _, q := range quantiles {
			c.Values = append(c.Values, s.estimate(a.sample, q, 1))
		}
		for _, b := range s.Bounds {
			if share := a.sample.Share(b); share > 0 && share < 1 {
				c.Bounds = append(c.Bounds, At{share, b})
			}
		}
		curves = append(curves, c)
	}
	return exact, curves
}
