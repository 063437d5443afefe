package buckets

import (
	"math"
	"sort"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
)

// A Scheme is a way to divide latencies into buckets.
type Scheme struct {
	Name   string
	Bounds []time.Duration // of a classic histogram, ascending
	Schema int             // of a native histogram, if Bounds are nil: buckets grow by 2^(2^-Schema)
}

// native is the native histogram that client_golang keeps for a factor of 1.1.
var native = Scheme{Name: "native", Schema: 3}

// estimate returns what histogram_quantile would return, in ns, if all latencies of x were multiplied by scale. Native
// histograms are read as Prometheus 3 does, which interpolates exponentially.
func (s *Scheme) estimate(x *Sample, q, scale float64) float64 {
	rank := q * float64(x.N())
	if s.Bounds != nil {
		return classic(rank, len(s.Bounds), func(i int) (end, upTo float64) {
			end = float64(s.Bounds[i])
			return end, x.within(end / scale)
		})
	}
	value := scale * float64(x.Quantile(q)) / 1e9
	if value <= 0 {
		return 0
	}
	perDoubling := math.Exp2(float64(s.Schema))
	i := math.Ceil(math.Log2(value) * perDoubling)
	low, high := math.Exp2((i-1)/perDoubling), math.Exp2(i/perDoubling)
	before, upTo := x.within(low*1e9/scale), x.within(high*1e9/scale)
	if upTo <= before { // the value is an end, but for rounding
		return value * 1e9
	}
	return low * math.Pow(high/low, (rank-before)/(upTo-before)) * 1e9
}

// classic returns what histogram_quantile returns for a rank in a classic histogram. At returns the end of bucket i of
// n, and how many values are at most that. The last bucket, which has no end, follows.
func classic(rank float64, n int, at func(i int) (end, upTo float64)) float64 {
	i := sort.Search(n, func(i int) bool { _, upTo := at(i); return upTo >= rank })
	if i == n {
		end, _ := at(n - 1)
		return end
	}
	low, before := 0.0, 0.0
	if i > 0 {
		low, before = at(i - 1)
	}
	high, upTo := at(i)
	return interpolate(low, high, before, upTo, rank)
}

// interpolate returns the value at a rank in a bucket whose values are taken to be spread evenly.
func interpolate(low, high, before, upTo, rank float64) float64 {
	if high <= 0 || upTo <= before {
		return high
	}
	return low + (high-low)*(rank-before)/(upTo-before)
}

// readQuantile returns what histogram_quantile returns for a histogram that was read, in ns.
func readQuantile(h *scrape.Histogram, q float64) float64 {
	upTo := make([]float64, len(h.Buckets))
	total := 0.0
	for i, b := range h.Buckets {
		total += b.Count
		upTo[i] = total
	}
	n := len(h.Buckets)
	if math.IsInf(h.Buckets[n-1].High, 1) {
		n--
	}
	return classic(q*total, n, func(i int) (float64, float64) { return h.Buckets[i].High, upTo[i] })
}

// to rounds x to a multiple of unit. What is printed in full has only the digits that every processor computes.
func to(unit, x float64) float64 { return math.Round(x/unit) / math.Round(1/unit) }

// off returns by how much an estimate differs from the truth, as a share of it.
func off(estimate, truth float64) float64 { return estimate/truth - 1 }
