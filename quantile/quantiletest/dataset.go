package quantiletest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

// A Dataset is a shape of latencies, drawn from a fixed seed.
type Dataset struct {
	Name string
	// Make returns n latencies in the order of their arrival. The same n gives
	// the same latencies.
	Make func(n int) []time.Duration
}

// Datasets are the shapes that the rules are checked on.
var Datasets = []Dataset{
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

// Named is the data set of that name.
func Named(name string) (Dataset, error) {
	var names []string
	for _, d := range Datasets {
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

// Lognormal has a median of 50 us and a shape of 1, as the latencies of a
// service under light load have.
func Lognormal(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 { return 50_000 * math.Exp(r.NormFloat64()) })
}

// pareto starts at 10 us; with an exponent of 1.2 its variance is infinite.
func pareto(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		return min(10_000*math.Pow(1-r.Float64(), -1/1.2), float64(time.Hour))
	})
}

// bimodal is a cache: nine hits of 20 us to one miss of 2 ms.
func bimodal(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		median := 20_000.0
		if r.IntN(10) == 0 {
			median = 2_000_000
		}
		return median * math.Exp(0.3*r.NormFloat64())
	})
}

// gcPause is a narrow body with one call in a thousand 5 to 50 ms long, which
// leaves a gap exactly at p99.9.
func gcPause(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		if r.IntN(1000) == 0 {
			return 5e6 + 45e6*r.Float64()
		}
		return 50_000 * math.Exp(0.15*r.NormFloat64())
	})
}

// spikes resonates with anything that samples by powers of two.
func spikes(n int) []time.Duration {
	return draw(n, func(i int, r *rand.Rand) float64 {
		if i%1024 == 0 {
			return 20e6
		}
		return 50_000 * math.Exp(0.15*r.NormFloat64())
	})
}

// drift is ten times slower at its end than at its start.
func drift(n int) []time.Duration {
	return draw(n, func(i int, r *rand.Rand) float64 {
		return 50_000 * (1 + 9*float64(i)/float64(n)) * math.Exp(0.15*r.NormFloat64())
	})
}

// zeros is a clock too coarse for nine calls in ten.
func zeros(n int) []time.Duration {
	return draw(n, func(_ int, r *rand.Rand) float64 {
		if r.IntN(10) > 0 {
			return 0
		}
		return 50_000 * math.Exp(r.NormFloat64())
	})
}
