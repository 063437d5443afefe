package buckets

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
)

// drawn returns n latencies that draw draws.
func drawn(n int, draw func(*rand.Rand) float64) []time.Duration {
	r := rand.New(rand.NewPCG(3, 4))
	values := make([]time.Duration, n)
	for i := range values {
		values[i] = time.Duration(draw(r))
	}
	return values
}

func weibull(r *rand.Rand) float64 { return 1e7 * math.Pow(r.ExpFloat64(), 1/.7) }

func bimodal(r *rand.Rand) float64 {
	if r.Float64() < .9 {
		return 2e6 * math.Exp(.3*r.NormFloat64())
	}
	return 8e7 * math.Exp(.2*r.NormFloat64())
}

func TestTheDistributionThatLatenciesHaveFits(t *testing.T) {
	gamma := func(r *rand.Rand) float64 { return distuv.Gamma{Alpha: 3, Beta: 1e-6, Src: r}.Rand() }
	// Half of the calls are of two kinds, a third of a third kind.
	three := func(r *rand.Rand) float64 { return []float64{1e6, 3e6, 3e7}[r.IntN(3)] * math.Exp(.02*r.NormFloat64()) }
	for _, c := range []struct {
		name, want string // "": none fits
		parameters []Parameter
		values     []time.Duration
	}{
		{"lognormal", "lognormal", []Parameter{{"median_ns", 4e6}, {"sigma", .8}}, lognormal(100_000)},
		{"Weibull", "Weibull", []Parameter{{"shape", .7}, {"scale_ns", 1e7}}, drawn(100_000, weibull)},
		{"gamma", "gamma", []Parameter{{"shape", 3}, {"scale_ns", 1e6}}, drawn(100_000, gamma)},
		{"bimodal", "two lognormals", []Parameter{{"share", .9}, {"median_ns", 2e6}, {"sigma", .3},
			{"other_median_ns", 8e7}, {"other_sigma", .2}}, drawn(100_000, bimodal)},
		{"three kinds", "", nil, drawn(100_000, three)},
		{"constant", "", nil, drawn(1000, func(*rand.Rand) float64 { return 5e6 })},
		{"mostly 0", "", nil, drawn(1000, func(r *rand.Rand) float64 { return max(r.NormFloat64()-1, 0) * 1e6 })},
	} {
		t.Run(c.name, func(t *testing.T) {
			x := NewSample(c.name, "", c.values)
			fits := fitsOf(x, []float64{.99})
			f := best(fits)
			if f == nil || c.want == "" {
				if f != nil || c.want != "" {
					t.Errorf("%+v, want %q", fits, c.want)
				}
				return
			}
			if f.Name != c.want || math.Abs(f.Errors[0].Error) > .03 {
				t.Fatalf("%+v, want %s", fits, c.want)
			}
			for i, p := range c.parameters {
				if got := f.Parameters[i]; got.Name != p.Name || math.Abs(off(got.Value, p.Value)) > .03 {
					t.Errorf("%v, want %v", got, p)
				}
			}
			for i := range fits[1:] {
				if fits[i+1].Fits && !fits[i].Fits {
					t.Errorf("one that does not fit comes before one that does: %+v", fits)
				}
			}
		})
	}
}

// counted returns the classic histogram of values.
func counted(values []time.Duration, bounds []time.Duration) *scrape.Histogram {
	h := &scrape.Histogram{Metric: "latency_seconds", From: "test", Series: 1}
	x := NewSample("", "", values)
	low, below := 0.0, 0.0
	for _, b := range bounds {
		h.Buckets = append(h.Buckets, scrape.Bucket{Low: low, High: float64(b), Count: x.within(float64(b)) - below})
		low, below = float64(b), x.within(float64(b))
	}
	h.Buckets = append(h.Buckets, scrape.Bucket{Low: low, High: math.Inf(1), Count: float64(x.N()) - below})
	return h
}

// The counts of a histogram hide p95, and what fits them finds it.
func TestValuesAreSpreadLikeTheDistributionThatFitsTheirCounts(t *testing.T) {
	values := lognormal(100_000)
	truth := NewSample("", "", values)
	h := counted(values, known[0].Bounds)
	x := FromHistogram(h)
	for _, q := range []float64{.5, .95, .99} {
		exact := float64(truth.Quantile(q))
		spread, read := off(float64(x.Quantile(q)), exact), off(readQuantile(h, q), exact)
		if math.Abs(spread) > .01 || math.Abs(read) < .02 {
			t.Errorf("q=%v is off by %+.3f, and by %+.3f as Prometheus reads it", q, spread, read)
		}
	}
	if x.N() != 100_000 {
		t.Errorf("%d values", x.N())
	}
}

// Whatever is not known is spread so that the quantiles are those that Prometheus reads.
func TestValuesThatNothingFitsAreSpreadEvenly(t *testing.T) {
	h := counted(drawn(20_000_000/1000, bimodal), []time.Duration{1e6, 2e6, 1e8})
	for i := range h.Buckets {
		h.Buckets[i].Count *= 1000 // more than are spread
	}
	x := FromHistogram(h)
	for _, q := range []float64{.1, .5, .95} {
		if e := off(float64(x.Quantile(q)), readQuantile(h, q)); math.Abs(e) > 1e-4 {
			t.Errorf("q=%v is off by %v", q, e)
		}
	}
	if x.N() != mostSpread {
		t.Errorf("%d values, want %d", x.N(), mostSpread)
	}
}
