package buckets

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/internal/property"
)

// lognormal returns n latencies of a service, whose median is 4 ms.
func lognormal(n int) []time.Duration {
	r := rand.New(rand.NewPCG(1, 2))
	values := make([]time.Duration, n)
	for i := range values {
		values[i] = time.Duration(math.Exp(math.Log(4e6) + 0.8*r.NormFloat64()))
	}
	return values
}

// histogramQuantile is histogram_quantile as the documentation of Prometheus describes it, for values that a classic
// histogram has counted. It shares no code with the program.
func histogramQuantile(q float64, bounds []float64, values []float64) float64 {
	counts := make([]int, len(bounds)+1)
	for _, v := range values {
		counts[slices.IndexFunc(append(slices.Clone(bounds), math.Inf(1)), func(b float64) bool { return v <= b })]++
	}
	rank, before := q*float64(len(values)), 0.0
	for i, n := range counts {
		upTo := before + float64(n)
		switch {
		case upTo < rank:
		case i == len(bounds):
			return bounds[i-1]
		case i == 0:
			return bounds[0] * rank / upTo
		default:
			return bounds[i-1] + (bounds[i]-bounds[i-1])*(rank-before)/float64(n)
		}
		before = upTo
	}
	return bounds[len(bounds)-1]
}

// read returns what histogramQuantile reads of a sample, in ns.
func read(x *Sample, bounds []time.Duration, q float64) float64 {
	values := make([]float64, len(x.values))
	for i, v := range x.values {
		values[i] = v.Seconds()
	}
	return 1e9 * histogramQuantile(q, inSeconds(bounds), values)
}

// The bar: as many buckets as an article's, which misses p95 by a third.
func TestTenChosenBoundsReadBackWhatTenRoundOnesMissByAThird(t *testing.T) {
	x := NewSample("lognormal", "", lognormal(100_000))
	o := Options{Quantiles: []float64{.5, .95, .99}, Buckets: 10, Drift: 2}
	if err := o.Check(); err != nil {
		t.Fatal(err)
	}
	schemes, err := ParseBounds("decades")
	if err != nil {
		t.Fatal(err)
	}
	before := schemes[0]
	a := Choose(x, &o)
	if len(a.bounds) != len(before.Bounds) || len(a.bounds) != 10 {
		t.Fatalf("%d bounds against %d: %v", len(a.bounds), len(before.Bounds), a.bounds)
	}
	for _, c := range []struct {
		name   string
		bounds []time.Duration
		q      float64
		least  float64
		most   float64
	}{
		{"p95 before", before.Bounds, .95, .335, .340},
		{"p99 before", before.Bounds, .99, .07, .08},
		{"p95", a.bounds, .95, -.02, .02},
		{"p99", a.bounds, .99, -.03, .03},
	} {
		t.Run(c.name, func(t *testing.T) {
			if e := off(read(x, c.bounds, c.q), float64(x.Quantile(c.q))); !(e >= c.least && e <= c.most) {
				t.Errorf("the error is %+.4f, want %v to %v; bounds %v", e, c.least, c.most, c.bounds)
			}
		})
	}
}

// drawSample draws a sample with few different values, so that equal values and empty buckets are met.
func drawSample(t *rapid.T) *Sample {
	draw := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) time.Duration {
		return time.Duration(rapid.IntRange(1, 400).Draw(t, "value")) * 10
	}), 12, 40).Draw(t, "values")
	return NewSample("drawn", "", draw)
}

// Every subset of the candidates is tried, and its error is computed without the tables of the program.
func TestNoOtherBoundsHaveALessTotalError(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		x := drawSample(t)
		drawn := rapid.SliceOfNDistinct(rapid.IntRange(1, 900), 1, 9, rapid.ID).Draw(t, "candidates")
		slices.Sort(drawn)
		candidates, forced := make([]time.Duration, len(drawn)), make([]bool, len(drawn))
		for i, c := range drawn {
			candidates[i] = time.Duration(c) * 5
		}
		k := rapid.IntRange(1, min(4, len(candidates))).Draw(t, "k")
		for range rapid.IntRange(0, k).Draw(t, "forced") {
			forced[rapid.IntRange(0, len(forced)-1).Draw(t, "one")] = true
		}
		targets := targetsOf(x, []float64{.5, .9}, rapid.SampledFrom([]float64{1, 2}).Draw(t, "drift"))
		cost := func(chosen []int) (sum float64) {
			var bounds []time.Duration
			for _, i := range chosen {
				bounds = append(bounds, candidates[i])
			}
			for _, g := range targets {
				scaled := make([]float64, len(x.values))
				ends := make([]float64, len(bounds))
				for i, v := range x.values {
					scaled[i] = float64(v)
				}
				for i, b := range bounds {
					ends[i] = float64(b) / g.scale
				}
				estimate := g.scale * histogramQuantile(g.rank/float64(len(scaled)), ends, scaled)
				sum += g.weight * math.Pow(estimate/g.truth-1, 2)
			}
			return sum
		}
		chosen := choose(newCosts(x, candidates, targets), forced, k)
		if !slices.IsSorted(chosen) || len(slices.Compact(slices.Clone(chosen))) != k {
			t.Fatalf("chosen %v, want %d ascending", chosen, k)
		}
		got, least := cost(chosen), math.Inf(1)
		for set := range 1 << len(candidates) {
			var subset []int
			holds := true
			for i := range candidates {
				if set>>i&1 == 1 {
					subset = append(subset, i)
				} else if forced[i] {
					holds = false
				}
			}
			if holds && len(subset) == k {
				least = min(least, cost(subset))
			}
		}
		if !(math.Abs(got-least) <= 1e-9*(1+least)) {
			t.Fatalf("%v costs %v, and the best %v", chosen, got, least)
		}
		for i, f := range forced {
			if f && !slices.Contains(chosen, i) {
				t.Fatalf("%v lacks %d", chosen, i)
			}
		}
	})
}

// More bounds are never worse for what they are chosen for, a threshold is always one, and all are round decimals.
func TestWhatHoldsForAllChosenBounds(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		x := NewSample("x", "", lognormal(500))
		factor := time.Duration(rapid.SampledFrom([]int{1, 10, 1000}).Draw(t, "factor"))
		for i := range x.values {
			x.values[i] *= factor
		}
		slo, err := record.ParseSLO("p90 < " + rapid.SampledFrom([]string{"7ms", "123457ns", "3s"}).Draw(t, "slo"))
		if err != nil {
			t.Fatal(err)
		}
		o := Options{Quantiles: []float64{.5, .95}, Buckets: rapid.IntRange(1, 12).Draw(t, "buckets"), Drift: 2}
		if rapid.Bool().Draw(t, "with SLO") {
			o.SLOs = []record.SLO{slo}
		}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		total := func(bounds []time.Duration) (sum float64) {
			s := Scheme{Bounds: bounds}
			for _, g := range targetsOf(x, o.Quantiles, o.Drift) {
				q := g.rank / float64(x.N())
				sum += g.weight * math.Pow(off(s.estimate(x, q, g.scale), g.truth), 2)
			}
			return sum
		}
		fewer := boundsFor(x, &o)
		for i := 1; i < len(fewer); i++ {
			if fewer[i] <= fewer[i-1] {
				t.Fatalf("%v do not ascend", fewer)
			}
		}
		if len(o.SLOs) > 0 && !slices.Contains(fewer, time.Duration(slo.Limit())) {
			t.Fatalf("%v lacks the threshold of %v", fewer, slo)
		}
		o.Buckets++
		if more := boundsFor(x, &o); total(more) > total(fewer)*(1+1e-9) {
			t.Fatalf("%v cost %v, and %v cost %v", more, total(more), fewer, total(fewer))
		}
	})
}

// The unit of the data does not matter.
func TestBoundsOfTenTimesTheLatenciesAreTenTimesTheBounds(t *testing.T) {
	values := lognormal(5000)
	ten := make([]time.Duration, len(values))
	for i, v := range values {
		ten[i] = 10 * v
	}
	o := Options{Quantiles: []float64{.5, .95, .99}, Buckets: 10, Drift: 2}
	one, other := boundsFor(NewSample("x", "", values), &o), boundsFor(NewSample("x", "", ten), &o)
	for i := range one {
		if other[i] != 10*one[i] {
			t.Fatalf("%v and %v", one, other)
		}
	}
}

// Bounds are chosen for some latencies and read others of the same kind, which are faster or slower.
func TestChosenBoundsHoldForOtherLatenciesOfTheSameKind(t *testing.T) {
	logs := func(median, sigma float64) func(*rand.Rand) float64 {
		return func(r *rand.Rand) float64 { return median * math.Exp(sigma*r.NormFloat64()) }
	}
	for name, draw := range map[string]func(*rand.Rand) float64{
		"narrow lognormal": logs(8e6, .5),
		"wide lognormal":   logs(8e6, 1),
		"Weibull":          weibull,
		"bimodal":          bimodal,
		"Pareto tail":      func(r *rand.Rand) float64 { return 5e6 * math.Pow(1-r.Float64(), -1/1.8) },
	} {
		t.Run(name, func(t *testing.T) {
			all := drawn(200_000, draw)
			x, other := NewSample(name, "", all[:100_000]), NewSample(name, "", all[100_000:])
			o := Options{Quantiles: []float64{.95, .99}, Buckets: 10, Drift: 2}
			errorsOf := func(bounds []time.Duration) (mean float64) {
				s := Scheme{Bounds: bounds}
				for i := range 11 {
					scale := math.Pow(2, float64(i-5)/5)
					for _, q := range o.Quantiles {
						mean += math.Abs(off(s.estimate(other, q, scale), scale*float64(other.Quantile(q)))) / 22
					}
				}
				return mean
			}
			chosen, before := errorsOf(boundsFor(x, &o)), errorsOf(known[0].Bounds)
			if chosen > .03 || chosen > before/4 {
				t.Errorf("the mean error is %.4f, and with the default bounds %.4f", chosen, before)
			}
		})
	}
}

// Latencies of some nanoseconds have few round numbers near them. All are chosen, and the advice says so.
func TestFewerBoundsThanAskedForAreSaid(t *testing.T) {
	x := NewSample("x", "", drawn(400, func(*rand.Rand) float64 { return 3 }))
	o := Options{Quantiles: []float64{.5}, Buckets: 12, Drift: 2}
	a := Choose(x, &o)
	if want := []time.Duration{2, 3, 4, 5, 6, 7}; !slices.Equal(a.bounds, want) || len(a.Notes) != 1 ||
		a.Notes[0] != "there are only 6 round numbers near the latencies" {
		t.Errorf("%v, want %v; %q", a.bounds, want, a.Notes)
	}
}

// Bounds are near the latencies whatever these are, from a nanosecond to centuries.
func TestBoundsReachAsFarAsDurations(t *testing.T) {
	for power := time.Duration(1); power < math.MaxInt64/1000; power *= 10 {
		values := make([]time.Duration, 1000)
		for i := range values {
			values[i] = time.Duration(i+1) * power
		}
		x := NewSample("", "", values)
		a := Choose(x, &Options{Quantiles: []float64{.5, .99}, Buckets: 12, Drift: 2})
		last := a.bounds[len(a.bounds)-1]
		if worst := math.Abs(worstOf(a.scheme(chosenName).Errors).Error); worst > .02 || last < x.Quantile(.99) {
			t.Errorf("latencies up to %v: off by %v, with the bounds %v", 1000*power, worst, a.bounds)
		}
	}
}
