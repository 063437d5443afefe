package buckets

import (
	"cmp"
	"math"
	"slices"

	"gonum.org/v1/gonum/optimize"
	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
)

// mostDistance is the largest distance of a distribution from the data at which it fits. Above it, a p99 taken from
// the distribution is often wrong by a factor.
const mostDistance = 0.02

// A Fit is a distribution with the parameters that make the data most likely.
type Fit struct {
	Name       string      `json:"name"`
	Parameters []Parameter `json:"parameters"`
	// Distance is the largest difference between the shares of values up to a bound, of the data and of the
	// distribution (Kolmogorov and Smirnov).
	Distance float64 `json:"distance"`
	Fits     bool    `json:"fits"`
	// Errors are by how much the quantiles of the distribution differ from the data's.
	Errors []QuantileError `json:"quantiles"`

	upTo func(ns float64) float64 // the share of values that are at most ns
	bic  float64                  // the Bayesian information criterion: less is better
}

// A Parameter is a parameter of a distribution. Scales and medians are in nanoseconds.
type Parameter struct {
	Name  string  `json:"name"`
	Value float64 `json:"value"`
}

// A family is a kind of distribution. Parameters to search in are real numbers of any size; latencies are multiples of
// the median.
type family struct {
	name  string
	mixed bool // whether it is a mixture, which is not searched for in what one distribution explains
	start func(c *counts) [][]float64
	upTo  func(p []float64) func(x float64) float64
	named func(p []float64, median float64) []Parameter
}

// exp returns e^x, limited to what the distributions can compute with.
func exp(x float64) float64 { return math.Exp(min(max(x, -12), 12)) }

// families are the distributions that latencies often have.
var families = []family{
	{
		"lognormal", false,
		func(c *counts) [][]float64 { return [][]float64{{0, math.Log(c.spread)}} },
		func(p []float64) func(float64) float64 { return distuv.LogNormal{Mu: p[0], Sigma: exp(p[1])}.CDF },
		func(p []float64, median float64) []Parameter {
			return []Parameter{{"median_ns", median * math.Exp(p[0])}, {"sigma", exp(p[1])}}
		},
	},
	{
		"Weibull", false,
		func(c *counts) [][]float64 { return [][]float64{{math.Log(1.2 / c.spread), .3}} },
		func(p []float64) func(float64) float64 { return distuv.Weibull{K: exp(p[0]), Lambda: exp(p[1])}.CDF },
		func(p []float64, median float64) []Parameter {
			return []Parameter{{"shape", exp(p[0])}, {"scale_ns", median * exp(p[1])}}
		},
	},
	{
		"gamma", false,
		func(c *counts) [][]float64 {
			shape := -2 * math.Log(c.spread)
			return [][]float64{{shape, shape}}
		},
		func(p []float64) func(float64) float64 { return distuv.Gamma{Alpha: exp(p[0]), Beta: exp(p[1])}.CDF },
		func(p []float64, median float64) []Parameter {
			return []Parameter{{"shape", exp(p[0])}, {"scale_ns", median / exp(p[1])}}
		},
	},
	{
		"two lognormals", true,
		func(c *counts) (starts [][]float64) {
			for _, share := range []float64{.5, .8, .9, .95} {
				starts = append(starts, []float64{math.Log(share / (1 - share)), math.Log(c.quantile(share / 2)),
					math.Log(c.spread / 2), math.Log(c.quantile((1 + share) / 2)), math.Log(c.spread / 2)})
			}
			return starts
		},
		func(p []float64) func(float64) float64 {
			share := 1 / (1 + exp(-p[0]))
			one, other := distuv.LogNormal{Mu: p[1], Sigma: exp(p[2])}, distuv.LogNormal{Mu: p[3], Sigma: exp(p[4])}
			return func(x float64) float64 { return share*one.CDF(x) + (1-share)*other.CDF(x) }
		},
		func(p []float64, median float64) []Parameter {
			if p[1] > p[3] { // the faster comes first
				p = []float64{-p[0], p[3], p[4], p[1], p[2]}
			}
			return []Parameter{{"share", 1 / (1 + exp(-p[0]))}, {"median_ns", median * math.Exp(p[1])},
				{"sigma", exp(p[2])}, {"other_median_ns", median * math.Exp(p[3])}, {"other_sigma", exp(p[4])}}
		},
	},
}

// fitsOf returns the distributions fitted to a sample, the best first.
func fitsOf(x *Sample, quantiles []float64) []Fit {
	h := x.counted
	if h == nil {
		h = x.binned()
	}
	fits := fit(h)
	for i := range fits {
		for _, q := range quantiles {
			fits[i].Errors = append(fits[i].Errors,
				QuantileError{q, to(1e-4, off(fits[i].quantile(q, 0, math.Inf(1)), float64(x.Quantile(q))))})
		}
	}
	return fits
}

// best returns the best of fits, or nil if none fits.
func best(fits []Fit) *Fit {
	if i := slices.IndexFunc(fits, func(f Fit) bool { return f.Fits }); i >= 0 {
		return &fits[i]
	}
	return nil
}

// fit fits the families that have fewer parameters than h has buckets. Those that fit come first; among them the one
// with the least information criterion, which prefers fewer parameters, and among the others the closest.
func fit(h *scrape.Histogram) (fits []Fit) {
	c := newCounts(h)
	if c == nil {
		return nil
	}
	for _, f := range families {
		parameters := len(f.start(c)[0])
		if f.mixed && best(fits) != nil || len(c.high) <= parameters+2 {
			continue
		}
		fits = append(fits, c.fit(&f))
	}
	slices.SortStableFunc(fits, func(a, b Fit) int {
		switch {
		case a.Fits != b.Fits:
			return map[bool]int{true: -1, false: 1}[a.Fits]
		case a.Fits:
			return cmp.Compare(a.bic, b.bic)
		}
		return cmp.Compare(a.Distance, b.Distance)
	})
	return fits
}

// counts are the counts of a histogram without empty buckets, in multiples of its median.
type counts struct {
	low, high, share []float64
	total            float64
	median           float64 // ns
	spread           float64 // standard deviation of the logarithms, from the quartiles
}

// newCounts returns nil if there is nothing to fit: all values are in a bucket or two, or half of them are 0.
func newCounts(h *scrape.Histogram) *counts {
	c := &counts{total: h.Count(), median: readQuantile(h, .5)}
	for _, b := range h.Buckets {
		if b.Count > 0 {
			c.low, c.high = append(c.low, b.Low/c.median), append(c.high, b.High/c.median)
			c.share = append(c.share, b.Count/c.total)
		}
	}
	if len(c.high) < 3 || !(c.median > 0) {
		return nil
	}
	c.spread = max(math.Log(c.quantile(.75)/c.quantile(.25))/1.349, .01)
	return c
}

// quantile returns a quantile in multiples of the median, above 0.
func (c *counts) quantile(q float64) float64 {
	sum := 0.0
	for i, share := range c.share {
		if sum += share; sum >= q && !math.IsInf(c.high[i], 1) {
			return max(c.low[i]+(c.high[i]-c.low[i])*(q-sum+share)/share, 1e-6)
		}
	}
	return max(c.low[len(c.low)-1], 1e-6)
}

// unlikely is the least probability that a bucket with values is given, so that the search finds its way out.
const unlikely = 1e-100

// fit searches for the parameters with the greatest likelihood.
func (c *counts) fit(f *family) Fit {
	unlikelihood := func(p []float64) (sum float64) {
		upTo := f.upTo(p)
		for i, share := range c.share {
			sum -= share * math.Log(max(c.probability(upTo, i), unlikely))
		}
		if math.IsNaN(sum) {
			return math.MaxFloat64
		}
		return sum
	}
	least, found := math.Inf(1), f.start(c)[0]
	for _, start := range f.start(c) {
		// An error says that the search was cut short; what it has found is judged by its distance all the same.
		r, _ := optimize.Minimize(optimize.Problem{Func: unlikelihood}, start,
			&optimize.Settings{FuncEvaluations: 3000}, &optimize.NelderMead{})
		if r != nil && r.F < least {
			least, found = r.F, r.X
		}
	}
	upTo := f.upTo(found)
	result := Fit{Name: f.name, Parameters: f.named(found, c.median),
		upTo: func(ns float64) float64 { return upTo(ns / c.median) },
		bic:  2*c.total*least + float64(len(found))*math.Log(c.total)}
	sum := 0.0
	for i, share := range c.share {
		sum += share
		if !math.IsInf(c.high[i], 1) {
			result.Distance = max(result.Distance, math.Abs(upTo(c.high[i])-sum))
		}
	}
	result.Distance = to(1e-4, result.Distance)
	result.Fits = result.Distance <= mostDistance
	for i := range result.Parameters {
		result.Parameters[i].Value = fourDigits(result.Parameters[i].Value)
	}
	return result
}

// fourDigits rounds x to four digits, as many as the search finds.
func fourDigits(x float64) float64 {
	if x == 0 {
		return 0
	}
	unit := math.Pow10(int(math.Floor(math.Log10(math.Abs(x)))) - 3)
	if unit < 1 {
		return to(unit, x)
	}
	return math.Round(x/unit) * unit
}

// probability returns the probability of bucket i.
func (c *counts) probability(upTo func(float64) float64, i int) float64 {
	if math.IsInf(c.high[i], 1) {
		return 1 - upTo(c.low[i])
	}
	return upTo(c.high[i]) - upTo(c.low[i])
}

// quantile returns the quantile q of the distribution between low and high.
func (f *Fit) quantile(q, low, high float64) float64 {
	from, to := f.upTo(low), 1.0
	if !math.IsInf(high, 1) {
		to = f.upTo(high)
	}
	want := from + q*(to-from)
	low = max(low, 1e-3)
	if math.IsInf(high, 1) {
		for high = max(2*low, 1); f.upTo(high) < want && high < math.MaxInt64; high *= 2 {
		}
	}
	for range 100 { // halves the interval of logarithms
		if middle := math.Sqrt(low) * math.Sqrt(high); f.upTo(middle) < want {
			low = middle
		} else {
			high = middle
		}
	}
	return high
}

// binned returns the histogram of a sample that distributions are fitted to: buckets with equal counts, and smaller
// ones in the tail.
func (x *Sample) binned() *scrape.Histogram {
	const each = 200
	var ends []float64
	for i := 1; i < each; i++ {
		ends = append(ends, float64(x.Quantile(float64(i)/each)))
	}
	for _, q := range []float64{.997, .998, .999, .9995} {
		ends = append(ends, float64(x.Quantile(q)))
	}
	h := &scrape.Histogram{}
	low, below := 0.0, 0.0
	for _, end := range append(slices.Compact(ends), math.Inf(1)) {
		upTo := x.within(end)
		h.Buckets = append(h.Buckets, scrape.Bucket{Low: low, High: end, Count: upTo - below})
		low, below = end, upTo
	}
	return h
}
