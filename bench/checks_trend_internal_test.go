package bench

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// Hollander and Wolfe, Nonparametric Statistical Methods, example 8.1: lightness of
// tuna as measured, in the order of how consumers rated it. R's cor.test says the same.
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

// The two ways to p meet: at 10 values one is about as good as the other.
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

// By hand: of 10 pairs 8 rise and 2 are tied, and the variance is (300-18-18)/18.
func TestASmallTrendWithTiesIsJudgedByItsVariance(t *testing.T) {
	tau, p := mannKendall([]float64{1, 1, 2, 3, 3})
	if want := math.Erfc(7 / math.Sqrt(264.0/18) / math.Sqrt2); !near(tau, 8/math.Sqrt(80), 1e-12) || !near(p, want, 1e-12) {
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
			"reversed": {reversed(x), -1}, "mapped to fall": {each(x, falling), -1}, "mapped to rise": {each(x, rising), 1},
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
		if rho := lagOneSpearman(x); !(rho >= -1 && rho <= 1) || !near(lagOneSpearman(each(x, rising)), rho, 1e-9) ||
			!near(lagOneSpearman(each(x, falling)), rho, 1e-9) || !near(lagOneSpearman(reversed(x)), rho, 1e-9) {
			t.Fatalf("rho is %v, and not of what is mapped or reversed", rho)
		}
		slope := theilSen(x)
		for name, c := range map[string]struct {
			x    []float64
			want float64
		}{
			"reversed":     {reversed(x), -slope},
			"three times":  {each(x, func(_ int, x float64) float64 { return 3*x + 5 }), 3 * slope},
			"2 a step":     {each(x, func(i int, x float64) float64 { return x + 2*float64(i) }), slope + 2*float64(min(len(x)/2, 1))},
			"upside down ": {each(x, func(_ int, x float64) float64 { return -x }), -slope},
		} {
			if got := theilSen(c.x); !near(got, c.want, 1e-9) {
				t.Fatalf("%s, the slope is %v, want %v", name, got, c.want)
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
	if rejected := rejects(func(r *rand.Rand) float64 { _, p := mannKendall(normals(r, 6)); return p }); rejected > 80 {
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

func TestTheSlopeIsTheMedianOfThoseOfAllPairs(t *testing.T) {
	for want, x := range map[float64][]float64{
		5:                  {10, 15},
		3:                  {1, 4, 7, 10, 13},
		(2.5 + 10.0/3) / 2: {10, 15, 14, 20}, // -1, 2, 2.5, 10/3, 5 and 6
		0:                  {4, 4, 1, 4, 4, 9, 4},
		-1.5:               {3, 1, 0}, // -2, -1.5 and -1
	} {
		if got := theilSen(x); !near(got, want, 1e-12) {
			t.Errorf("of %v it is %v, want %v", x, got, want)
		}
	}
}

func TestAQuarterOfWildValuesDoesNotDecideTheSlope(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	x := each(normals(r, 100), func(i int, x float64) float64 {
		if i > 50 && i%2 == 1 {
			return 1e9
		}
		return 3*float64(i) + x
	})
	if slope := theilSen(x); !near(slope, 3, 0.1) {
		t.Errorf("it is %v, want about 3", slope)
	}
}

// The rank correlation of wit and television, the example of many a textbook: -29/165.
func TestTheRankCorrelationIsTheTextbooks(t *testing.T) {
	iq := []float64{106, 100, 86, 101, 99, 103, 97, 113, 112, 110}
	hours := []float64{7, 27, 2, 50, 28, 29, 20, 12, 6, 17}
	if rho := spearman(iq, hours); !near(rho, -29.0/165, 1e-12) {
		t.Errorf("rho is %v, want %v", rho, -29.0/165)
	}
}

func TestTiedValuesShareTheMeanOfTheirRanks(t *testing.T) {
	if got := fmt.Sprint(ranks([]float64{5, 1, 5, 3, 5, 1})); got != "[5 1.5 5 3 5 1.5]" {
		t.Errorf("ranks are %v", got)
	}
	property.Check(t, func(t *rapid.T) {
		x := values(t, "x", 0)
		for i, r := range ranks(x) {
			below, equal := 0.0, 0.0
			for _, other := range x {
				switch {
				case other < x[i]:
					below++
				case other == x[i]:
					equal++
				}
			}
			if r != below+(equal+1)/2 {
				t.Fatalf("the rank of %v in %v is %v", x[i], x, r)
			}
		}
	})
}

func TestNeighboursThatGoTogetherAreCorrelated(t *testing.T) {
	for want, x := range map[float64][]float64{
		1:    {1, 2, 4, 8, 16},
		-1:   {1, 2, 1, 2, 1, 2},
		-0.5: {1, 3, 2, 4}, // ranks 1, 3, 2 beside 2, 1, 3
	} {
		if got := lagOneSpearman(x); !near(got, want, 1e-12) {
			t.Errorf("of %v rho is %v, want %v", x, got, want)
		}
	}
	// Of normal values it is 6/pi asin(phi/2).
	r := rand.New(rand.NewPCG(1, 2))
	for _, phi := range []float64{-0.5, 0, 0.5, 0.9} {
		want := 6 / math.Pi * math.Asin(phi/2)
		if got := lagOneSpearman(autoregressive(r, 50_000, phi)); !near(got, want, 0.02) {
			t.Errorf("of a series of %v rho is %v, want %v", phi, got, want)
		}
	}
}

func TestIndependentValuesAreSaidToBeCorrelatedOnceIn20(t *testing.T) {
	rejected := rejects(func(r *rand.Rand) float64 {
		rho := lagOneSpearman(exponentials(r, 200))
		return math.Erfc(math.Abs(rho) * math.Sqrt(200) / math.Sqrt2)
	})
	if !fair(rejected) {
		t.Errorf("%d times of 1,000", rejected)
	}
}

func TestEffectiveValuesByHand(t *testing.T) {
	nan := math.NaN()
	for _, c := range []struct {
		n    int
		rho  float64
		want float64
	}{
		{300, 0, 300}, {300, 0.5, 100}, {1900, 0.9, 100}, {100, 0.999, 1}, {100, 1, 1}, {100, 2, 1},
		{100, -0.5, 100}, {100, -1, 100}, {100, -2, 100}, {100, nan, 1}, {1, 0.5, 1}, {0, 0.5, 0}, {-1, 0, 0},
	} {
		if got := effective(c.n, c.rho); !near(got, c.want, 1e-9) {
			t.Errorf("%d at %v are %v, want %v", c.n, c.rho, got, c.want)
		}
	}
}

// The mean of a series varies as one of so many independent values would.
func TestTheMeanOfEffectiveValuesVariesAsMuch(t *testing.T) {
	const n = 1000
	for _, phi := range []float64{0, 0.5, 0.9} {
		squares := 0.0
		for seed := range uint64(1000) {
			mean := stat.Mean(autoregressive(rand.New(rand.NewPCG(seed, 0)), n, phi), nil)
			squares += mean * mean
		}
		if got, want := 1000/squares, effective(n, phi); !near(got/want, 1, 0.2) {
			t.Errorf("at %v the mean is one of %.0f values, not of %.0f", phi, got, want)
		}
	}
}
