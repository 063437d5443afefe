package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

func near(a, b, by float64) bool { return math.Abs(a-b) <= by }

// values draws values from so small a range that some are often equal.
func values(t *rapid.T, label string, least int) []float64 {
	var x []float64
	for _, v := range rapid.SliceOfN(rapid.IntRange(-9, 9), least, 40).Draw(t, label) {
		x = append(x, float64(v))
	}
	return x
}

// each returns f of each x.
func each(x []float64, f func(i int, x float64) float64) []float64 {
	y := make([]float64, len(x))
	for i := range x {
		y[i] = f(i, x[i])
	}
	return y
}

func rising(_ int, x float64) float64  { return math.Exp(x / 3) }
func falling(_ int, x float64) float64 { return -x * x * x }

func reversed(x []float64) []float64 {
	x = slices.Clone(x)
	slices.Reverse(x)
	return x
}

// rejects returns the number of seeds in 1,000 that give a p of at most 5%.
func rejects(p func(r *rand.Rand) float64) (n int) {
	for seed := range uint64(1000) {
		if p(rand.New(rand.NewPCG(seed, 0))) <= 0.05 {
			n++
		}
	}
	return n
}

// fair reports whether a number of rejections is plausible if the hypothesis is true: about 50 of
// 1,000 tests at 5% reject it, and fewer than 20 or more than 80 have a probability below 0.0001.
func fair(rejected int) bool { return rejected >= 20 && rejected <= 80 }

func normals(r *rand.Rand, n int) []float64 {
	return each(make([]float64, n), func(int, float64) float64 { return r.NormFloat64() })
}

func exponentials(r *rand.Rand, n int) []float64 {
	return each(make([]float64, n), func(int, float64) float64 { return r.ExpFloat64() })
}

func TestWhereNothingCanBeSaidNobodyIsAccused(t *testing.T) {
	for name, x := range map[string][]float64{
		"nothing": nil, "one": {7}, "two": {7, 7}, "zeros": make([]float64, 30), "constant": {7, 7, 7, 7, 7, 7, 7, 7,
			7, 7, 7, 7},
	} {
		t.Run(name, func(t *testing.T) {
			for other, y := range map[string][]float64{"itself": x, "nothing": nil} {
				for _, pair := range [][2][]float64{{x, y}, {y, x}} {
					if d, p := ksTwoSample(pair[0], pair[1], 0); d != 0 || p != 1 {
						t.Errorf("%s against %s: d %v, p %v", name, other, d, p)
					}
				}
			}
			if tau, p := mannKendall(x); tau != 0 || p != 1 {
				t.Errorf("%s: tau %v, p %v", name, tau, p)
			}
		})
	}
}

func TestNaNIsNoAnswerAndNoLoop(t *testing.T) {
	nan := math.NaN()
	for _, x := range [][]float64{{nan}, {nan, 1, 2, 3}, {1, nan, nan, 0}, {nan, nan, nan}} {
		d, p := ksTwoSample(x, []float64{1, 2}, 0)
		tau, q := mannKendall(x)
		if math.IsNaN(d + p + tau + q) {
			t.Errorf("%v: %v %v %v %v", x, d, p, tau, q)
		}
	}
}

// Source: Smirnov's table, Annals of Mathematical Statistics 19(2), 1948.
func TestKolmogorovsDistributionIsTheTabulatedOne(t *testing.T) {
	for x, want := range map[float64]float64{
		0: 1, 0.3: 0.999991, 0.5: 0.963945, 0.8: 0.544142, 1: 0.270000, 1.2: 0.112250, 1.5: 0.022218, 2: 0.000671,
		1.22385: 0.1, 1.35810: 0.05, 1.62762: 0.01, 1.94947: 0.001,
	} {
		if got := kolmogorovTail(x); !near(got, want, 2e-6) {
			t.Errorf("above %v lie %.6f, want %.6f", x, got, want)
		}
	}
	// Where one series takes over from the other they agree.
	if below, above := kolmogorovTail(math.Nextafter(1.18, 0)), kolmogorovTail(1.18); !near(below, above, 1e-14) {
		t.Errorf("at 1.18 it jumps from %v to %v", below, above)
	}
	// A small p is as exact as a large one.
	if got, want := kolmogorovTail(2.5), 2*math.Exp(-12.5); !near(got/want, 1, 1e-12) {
		t.Errorf("above 2.5 lie %v, want %v", got, want)
	}
	// Far on either side no term is left of it.
	if kolmogorovTail(1e-300) != 1 || kolmogorovTail(1e300) != 0 {
		t.Errorf("it ends with %v and %v", kolmogorovTail(1e-300), kolmogorovTail(1e300))
	}
}

func TestTheDistanceOfTwoSamplesIsThatOfTheirDistributionFunctions(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		a, b := values(t, "a", 1), values(t, "b", 1)
		d, p := ksTwoSample(a, b, 0)
		want := stat.KolmogorovSmirnov(slices.Sorted(slices.Values(a)), nil, slices.Sorted(slices.Values(b)), nil)
		if !near(d, want, 1e-12) || p < 0 || p > 1 {
			t.Fatalf("d is %v, p %v; want %v", d, p, want)
		}
		for name, pair := range map[string][2][]float64{
			"swapped": {b, a}, "reversed": {reversed(a), b},
			"mapped to rise": {each(a, rising), each(b, rising)}, "mapped to fall": {each(a, falling),
				each(b, falling)},
		} {
			if e, q := ksTwoSample(pair[0], pair[1], 0); !near(e, d, 1e-12) || !near(q, p, 1e-12) {
				t.Fatalf("%s, d is %v, not %v, and p %v, not %v", name, e, d, q, p)
			}
		}
	})
}

func TestTheDistanceOfTwoSamplesByHand(t *testing.T) {
	a, b := []float64{3, 1, 2, 5}, []float64{4, 6, 5}
	// Below 4 lie 3/4 of a and nothing of b. The root of 4*3/7 is 1.309, and so p that
	// of (1.309 + 0.12 + 0.084)*0.75 = 1.135.
	if d, p := ksTwoSample(a, b, 0); d != 0.75 || !near(p, kolmogorovTail(1.135), 0.001) {
		t.Errorf("d is %v, p %v", d, p)
	}
	if a[0] != 3 || b[1] != 6 {
		t.Error("what was given was sorted in place")
	}
}

func TestTwoSamplesOfOneDistributionAreToldApartOnceIn20(t *testing.T) {
	for _, n := range [][2]int{{20, 30}, {200, 300}, {1000, 1000}} {
		rejected := rejects(func(r *rand.Rand) float64 {
			_, p := ksTwoSample(exponentials(r, n[0]), exponentials(r, n[1]), 0)
			return p
		})
		if !fair(rejected) {
			t.Errorf("of %d and %d values: %d times of 1,000", n[0], n[1], rejected)
		}
	}
}

// Poisson arrivals are released at ticks of a millisecond, as imprecise timers do.
func TestGapsOfClumpsAreToldFromThoseThatWereDue(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	due := exponentials(r, 5000) // ms
	var begun []float64
	at, last := 0.0, 0.0
	for _, gap := range due {
		at += gap
		begun = append(begun, math.Ceil(at)-last)
		last = math.Ceil(at)
	}
	if d, p := ksTwoSample(begun, due, 0); d < 0.3 || p > 1e-9 {
		t.Errorf("d is %v, p %v", d, p)
	}
}

func ms(instants ...time.Duration) []time.Duration {
	for i := range instants {
		instants[i] *= time.Millisecond
	}
	return instants
}

func TestDispersionByHand(t *testing.T) {
	const window = 10 * time.Millisecond
	for name, c := range map[string]struct {
		blocks  [][]time.Duration
		ratio   float64
		windows int
	}{
		"nothing":          {nil, 0, 0},
		"empty blocks":     {[][]time.Duration{{}, nil}, 0, 0},
		"one instant":      {[][]time.Duration{ms(5)}, 0, 0},
		"one window":       {[][]time.Duration{ms(0, 4, 10)}, 0, 1},
		"all at once":      {[][]time.Duration{ms(7, 7, 7)}, 0, 0},
		"even":             {[][]time.Duration{ms(3, 8, 13, 18, 23, 28, 33)}, 0, 3},
		"1, 3 and 2":       {[][]time.Duration{ms(0, 5, 11, 12, 20, 25, 30)}, 0.5, 3},
		"0, 0 and 3":       {[][]time.Duration{ms(0, 0, 30, 30, 30)}, 3, 3},
		"a part is left":   {[][]time.Duration{ms(0, 5, 11, 12, 20, 25, 30, 31, 31, 39)}, 0.5, 3},
		"nothing in whole": {[][]time.Duration{ms(0, 29)}, 0, 2},
		"not in order":     {[][]time.Duration{ms(25, 12, 0, 30, 11, 20, 5)}, 0.5, 3},
		"two blocks":       {[][]time.Duration{ms(900, 905, 910), ms(0, 1, 2, 10, 15, 20)}, 1.0 / 7, 3}, // 2, 3 and 2
	} {
		t.Run(name, func(t *testing.T) {
			if ratio, windows := dispersion(c.blocks, window); !near(ratio, c.ratio, 1e-12) || windows != c.windows {
				t.Errorf("%s: %v of %d windows, want %v of %d", name, ratio, windows, c.ratio, c.windows)
			}
		})
	}
	for _, none := range []time.Duration{0, -1} {
		if ratio, windows := dispersion([][]time.Duration{ms(1, 2, 3)}, none); ratio != 0 || windows != 0 {
			t.Errorf("windows of %d: %v of %d", none, ratio, windows)
		}
	}
}

func TestDispersionIsThatOfTheCountsInWholeWindows(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		window := time.Duration(rapid.IntRange(1, 20).Draw(t, "window"))
		var blocks, later [][]time.Duration
		var counts []float64
		for range rapid.IntRange(0, 3).Draw(t, "blocks") {
			var block, shifted []time.Duration
			for _, at := range rapid.SliceOfN(rapid.IntRange(0, 200), 1, 60).Draw(t, "instants") {
				block, shifted = append(block, time.Duration(at)), append(shifted, time.Duration(3*at+1000))
			}
			blocks, later = append(blocks, block), append(later, shifted)
			for end := slices.Min(block) + window; end <= slices.Max(block); end += window {
				counts = append(counts, 0)
				for _, at := range block {
					if at > end-window && at <= end {
						counts[len(counts)-1]++
					}
				}
			}
		}
		want := 0.0
		if mean, variance := stat.MeanVariance(counts, nil); len(counts) > 1 && mean > 0 {
			want = variance / mean
		}
		ratio, windows := dispersion(blocks, window)
		if !near(ratio, want, 1e-9) || windows != len(counts) {
			t.Fatalf("it is %v of %d windows, want %v of %d", ratio, windows, want, len(counts))
		}
		if again, n := dispersion(later, 3*window); again != ratio || n != windows {
			t.Fatalf("three times as slow and later it is %v of %d, not %v of %d", again, n, ratio, windows)
		}
	})
}

// For Poisson arrivals, the ratio times the number of windows less one has a chi-square distribution.
func TestPoissonArrivalsAreDispersedOtherwiseOnceIn20(t *testing.T) {
	for _, gaps := range []time.Duration{1, 20} { // a window
		sum := 0.0
		rejected := rejects(func(r *rand.Rand) float64 {
			var blocks [][]time.Duration
			for range 3 {
				var block []time.Duration
				at := 0.0
				for range 2000 {
					at += 1e6 * r.ExpFloat64()
					block = append(block, time.Duration(at))
				}
				blocks = append(blocks, block)
			}
			ratio, windows := dispersion(blocks, gaps*time.Millisecond)
			sum += ratio
			free := float64(windows - 1)
			below := distuv.ChiSquared{K: free}.CDF(free * ratio)
			return 2 * min(below, 1-below)
		})
		if !fair(rejected) || !near(sum/1000, 1, 0.01) {
			t.Errorf("in windows of %d gaps: %d times of 1,000, and %v on average", gaps, rejected, sum/1000)
		}
	}
}

func TestClumpsAreDispersedByTheirSize(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var even, clumps []time.Duration
	at := 0.0
	for i := range 20_000 {
		at += 1e6 * r.ExpFloat64()
		even = append(even, time.Duration(i)*time.Millisecond)
		for range 5 {
			clumps = append(clumps, time.Duration(at))
		}
	}
	if ratio, _ := dispersion([][]time.Duration{even}, 20*time.Millisecond); ratio != 0 {
		t.Errorf("even instants: %v", ratio)
	}
	if ratio, _ := dispersion([][]time.Duration{clumps}, 20*time.Millisecond); !near(ratio, 5, 0.5) {
		t.Errorf("clumps of 5: %v", ratio)
	}
}
