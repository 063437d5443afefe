package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// Source: Hollander and Wolfe, Nonparametric Statistical Methods, example 8.1: the lightness of tuna,
// in the order of consumers' ratings. R's cor.test gives the same values.
func TestTheTrendOfTheTunaIsTheTextbooks(t *testing.T) {
	tau, p := mannKendall([]float64{2.5, 4.0, 2.6, 3.6, 2.8, 3.1, 5.2, 5.0, 3.8})
	if !near(tau, 0.4444444, 1e-7) || !near(p, 0.1194, 5e-5) {
		t.Errorf("tau is %v, p %v; want 0.4444 and 0.1194", tau, p)
	}
}

// permutations calls f with every order of x.
func permutations(x []float64, f func([]float64)) {
	var from func(i int)
	from = func(i int) {
		if i == len(x) {
			f(x)
			return
		}
		for j := i; j < len(x); j++ {
			x[i], x[j] = x[j], x[i]
			from(i + 1)
			x[i], x[j] = x[j], x[i]
		}
	}
	from(0)
}

func TestASmallTrendsPIsTheShareOfOrdersThatHaveAsLargeAOne(t *testing.T) {
	for n := 2; n <= 7; n++ {
		x := each(make([]float64, n), func(i int, _ float64) float64 { return float64(i * i) })
		var taus []float64
		permutations(x, func(x []float64) {
			tau, _ := mannKendall(x)
			taus = append(taus, math.Abs(tau))
		})
		i := 0
		permutations(x, func(x []float64) {
			as := 0.0
			for _, other := range taus {
				if other >= taus[i]-1e-12 {
					as++
				}
			}
			if _, p := mannKendall(x); !near(p, as/float64(len(taus)), 1e-12) {
				t.Fatalf("%v: p is %v, want %v", x, p, as/float64(len(taus)))
			}
			i++
		})
	}
}

func TestTheVarianceOfATrendIsThatOfAllOrders(t *testing.T) {
	for _, x := range [][]float64{{1, 2, 3, 4, 5}, {1, 1, 2, 3, 3}, {1, 1, 1, 1, 1, 1, 2}, {1, 1, 2, 2, 3, 3, 3}} {
		var squares, orders float64
		different := 0.0
		for i := range x {
			for _, y := range x[i+1:] {
				if y != x[i] {
					different++
				}
			}
		}
		pairs := float64(len(x)*(len(x)-1)) / 2
		permutations(slices.Clone(x), func(x []float64) {
			tau, _ := mannKendall(x)
			squares += tau * tau * pairs * different // tau-b of S
			orders++
		})
		if got, want := kendallVariance(x), squares/orders; !near(got, want, 1e-9) {
			t.Errorf("%v: %v, want %v", x, got, want)
		}
	}
}

// At 10 values the exact and the approximate p are nearly equal.
func TestExactAndApproximatePOfATrendAgree(t *testing.T) {
	for s := 1; s <= 45; s += 2 { // S of 10 values is odd
		z := float64(s-1) / math.Sqrt(10*9*25/18)
		if exact, approximate := kendallExact(10, s), math.Erfc(z/math.Sqrt2); !near(exact, approximate, 0.015) {
			t.Errorf("S = %d: %v and %v", s, exact, approximate)
		}
	}
	// 11 values by hand: S is 55, all pairs rise.
	x := each(make([]float64, 11), func(i int, _ float64) float64 { return float64(i) })
	want := math.Erfc(54 / math.Sqrt(165) / math.Sqrt2)
	if tau, p := mannKendall(x); tau != 1 || !near(p, want, 1e-15) {
		t.Errorf("tau is %v, p %v; want 1 and %v", tau, p, want)
	}
}

// By hand: 8 of the 10 pairs rise and 2 are tied, so the variance is (300-18-18)/18.
func TestASmallTrendWithTiesIsJudgedByItsVariance(t *testing.T) {
	tau, p := mannKendall([]float64{1, 1, 2, 3, 3})
	if want := math.Erfc(7 / math.Sqrt(264.0/18) / math.Sqrt2); !near(tau, 8/math.Sqrt(80), 1e-12) ||
		!near(p, want, 1e-12) {
		t.Errorf("tau is %v, p %v; want %v and %v", tau, p, 8/math.Sqrt(80), want)
	}
}

func TestATrendTurnsWithItsValues(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		x := values(t, "x", 0)
		tau, p := mannKendall(x)
		if !(tau >= -1 && tau <= 1 && p >= 0 && p <= 1) {
			t.Fatalf("tau is %v, p %v", tau, p)
		}
		for name, c := range map[string]struct {
			x    []float64
			sign float64
		}{
			"reversed": {reversed(x), -1}, "mapped to fall": {each(x, falling),
				-1}, "mapped to rise": {each(x, rising), 1},
		} {
			if other, q := mannKendall(c.x); !near(other, c.sign*tau, 1e-12) || !near(q, p, 1e-12) {
				t.Fatalf("%s, tau is %v and p %v, were %v and %v", name, other, q, tau, p)
			}
		}
		steps := each(x, func(i int, _ float64) float64 { return float64(i) })
		if len(x) > 1 && len(ties(x)) == 0 {
			if want := stat.Kendall(steps, x, nil); !near(tau, want, 1e-12) {
				t.Fatalf("tau is %v, want %v", tau, want)
			}
		}
	})
}

func TestASeriesWithoutATrendIsSaidToHaveOneOnceIn20(t *testing.T) {
	for _, n := range []int{11, 30, 100} {
		for name, series := range map[string]func(r *rand.Rand) []float64{
			"normal": func(r *rand.Rand) []float64 { return normals(r, n) },
			"tied": func(r *rand.Rand) []float64 {
				return each(exponentials(r, n), func(_ int, x float64) float64 { return math.Floor(3 * x) })
			},
		} {
			rejected := rejects(func(r *rand.Rand) float64 {
				_, p := mannKendall(series(r))
				return p
			})
			if !fair(rejected) {
				t.Errorf("%d %s values: %d times of 1,000", n, name, rejected)
			}
		}
	}
	// What is exact may only be too careful: few values of p are possible.
	if rejected := rejects(func(r *rand.Rand) float64 {
		_, p := mannKendall(normals(r, 6))
		return p
	}); rejected > 80 {
		t.Errorf("6 values: %d times of 1,000", rejected)
	}
}

func TestASeriesThatDriftsHasATrend(t *testing.T) {
	found := rejects(func(r *rand.Rand) float64 {
		_, p := mannKendall(each(normals(r, 30), func(i int, x float64) float64 { return x + 0.1*float64(i) }))
		return p
	})
	if found < 900 {
		t.Errorf("a tenth of the noise a step is found in %d of 1,000 series of 30", found)
	}
}
