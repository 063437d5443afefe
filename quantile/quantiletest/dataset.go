package quantiletest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A Dataset makes latencies with a certain distribution, from a fixed seed.
type Dataset struct {
	Name string
	// Make returns n latencies in the order of arrival. It always returns the same latencies for
	// the same n.
	Make func(n int) []time.Duration
}

// Datasets returns the data sets on which the rules are checked.
func Datasets() []Dataset { return slices.Clone(datasets) }

var datasets = []Dataset{
	{"lognormal", Lognormal},
	{"pareto", pareto},
	{"bimodal", bimodal},
	{"gc-pause", gcPause},
	{"constant", func(n int) []time.Duration {
		return draw(n, func(int, *rand.Rand) float64 { return 50_000 })
	}},
	{"sorted", func(n int) []time.Duration {
		d := Lognormal(n)
		slices.Sort(d)
		return d
	}},
	{"reversed", func(n int) []time.Duration {
		d := Lognormal(n)
		slices.Sort(d)
		slices.Reverse(d)
		return d
	}},
	{"spike-every-1024", spikes},
	{"drift", drift},
	{"zeros", zeros},
}

// Named returns the data set called name.
func Named(name string) (Dataset, error) {
	var names []string
	for _, d := range datasets {
		if d.Name == name {
			return d, nil
		}
		names = append(names, d.Name)
	}
	return Dataset{}, fmt.Errorf("quantiletest: no data set is called %q: want one of %s", name,
		strings.Join(names, ", "))
}

func draw(n int, next func(i int, r *rand.Rand) float64) []time.Duration {
	r := rand.New(rand.NewPCG(1, uint64(n)))
	d := make([]time.Duration, n)
	for i := range d {
		d[i] = time.Duration(next(i, r))
	}
	return d
}

// Lognormal returns n latencies with a median of 50 us and a shape of 1, like those of a service under light
// load.
func Lognormal(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 { return 50_000 * math.Exp(r.NormFloat64()) })
}

// pareto returns latencies of at least 10 us with an exponent of 1.2, so that their variance is infinite.
func pareto(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		return min(10_000*math.Pow(1-r.Float64(), -1/1.2), float64(time.Hour))
	})
}

// bimodal returns the latencies of a cache: nine hits of 20 us for one miss of 2 ms.
func bimodal(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		median := 20_000.0
		if r.IntN(10) == 0 {
			median = 2_000_000
		}
		return median * math.Exp(0.3*r.NormFloat64())
	})
}

// gcPause returns a narrow distribution in which one call in a thousand takes 5 to 50 ms. It has a gap exactly
// at p99.9.
func gcPause(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		if r.IntN(1000) == 0 {
			return 5e6 + 45e6*r.Float64()
		}
		return 50_000 * math.Exp(0.15*r.NormFloat64())
	})
}

// spikes returns latencies that resonate with sampling by powers of two.
func spikes(n int) []time.Duration {
	return draw(n, func(i int, r *rand.Rand) float64 {
		if i%1024 == 0 {
			return 20e6
		}
		return 50_000 * math.Exp(0.15*r.NormFloat64())
	})
}

// drift returns latencies that are ten times higher at the end than at the start.
func drift(n int) []time.Duration {
	return draw(n, func(i int, r *rand.Rand) float64 {
		return 50_000 * (1 + 9*float64(i)/float64(n)) * math.Exp(0.15*r.NormFloat64())
	})
}

// zeros returns latencies measured with a clock that is too coarse for nine calls in ten.
func zeros(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		if r.IntN(10) > 0 {
			return 0
		}
		return 50_000 * math.Exp(r.NormFloat64())
	})
}
