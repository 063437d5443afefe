package bench_test

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench"
)

func TestParseRate(t *testing.T) {
	for s, want := range map[string]bench.Rate{
		"1000": {1000, 1}, "10k": {10_000, 1}, "2.5k": {2500, 1}, "1M": {1_000_000, 1}, "0.5": {1, 2},
		"1000/3": {1000, 3}, "10k/s": {10_000, 1}, "600/m": {10, 1}, "100/h": {1, 36}, "10_000": {10_000, 1}, "5K": {5000, 1}, "1e6": {1_000_000, 1}, "1.5e3": {1500, 1}, "1M/m": {50_000, 3},
		"1e10": {}, "1e99": {}, "e3": {}, "1/2/3": {}, "": {}, "0": {}, "-1": {}, "fast": {}, "1/0": {}, "10k/d": {}, "1,000": {}, "1000000001": {}, "10G": {},
		"0.0000000001": {}, "k": {}, "0x10": {}, "NaN": {}, "1.": {1, 1}, strings.Repeat("9", 50): {},
	} {
		got, err := bench.ParseRate(s)
		if got != want || (err != nil) != (want == bench.Rate{}) {
			t.Errorf("ParseRate(%q) = %v, %v; want %v", s, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "want ") {
			t.Errorf("ParseRate(%q) does not say what was wanted: %v", s, err)
		}
	}
}

func TestARateSurvivesPrinting(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := bench.Rate{Num: rapid.Uint64Range(1, 1_000_000).Draw(t, "num"), Den: rapid.Uint64Range(1, 1_000_000).Draw(t, "den")}
		got, err := bench.ParseRate(r.String())
		if err != nil || got.Num*r.Den != r.Num*got.Den {
			t.Fatalf("%d/%d printed as %s and came back as %v, %v", r.Num, r.Den, r, got, err)
		}
	})
}

// instants are all of a schedule from call n on.
func instants(a bench.Arrivals, n uint64) (all []time.Duration) {
	for i := a.From(n); ; {
		due, ok := i.Next()
		if !ok {
			return all
		}
		all = append(all, due)
	}
}

func constant(t testing.TB, r bench.Rate, d time.Duration) bench.Arrivals {
	t.Helper()
	a, err := bench.Constant(r, d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestConstantInstantsAreExact(t *testing.T) {
	for _, c := range []struct {
		rate bench.Rate
		d    time.Duration
		n    int
	}{
		{bench.PerSecond(1000), time.Second, 1000},
		{bench.PerSecond(3_000_000), time.Second, 3_000_000},
		{bench.PerSecond(7_000_000), 100 * time.Millisecond, 700_000},
		{bench.PerSecond(600_000), time.Second, 600_000},
		{bench.PerSecond(1_000_000_000), 2 * time.Millisecond, 2_000_000},
		{bench.Rate{Num: 1000, Den: 3}, 3 * time.Second, 1000},
		{bench.Rate{Num: 1, Den: 7}, 70 * time.Second, 10},
		{bench.PerSecond(333_333), time.Second, 333_333},
		{bench.PerSecond(1000), 1500 * time.Microsecond, 2},
		{bench.PerSecond(1), time.Millisecond, 1},
	} {
		all := instants(constant(t, c.rate, c.d), 0)
		if len(all) != c.n || uint64(c.n) != c.rate.Calls(c.d) {
			t.Errorf("%v/s for %v: %d calls, Calls says %d, want %d", c.rate, c.d, len(all), c.rate.Calls(c.d), c.n)
			continue
		}
		for _, i := range []int{0, 1, len(all) / 3, len(all) - 1} {
			if i >= len(all) {
				continue
			}
			want := new(big.Int).Mul(big.NewInt(int64(i)), new(big.Int).SetUint64(1_000_000_000*c.rate.Den))
			want.Div(want, new(big.Int).SetUint64(c.rate.Num))
			if int64(all[i]) != want.Int64() {
				t.Errorf("%v/s: call %d is due at %d, want %d", c.rate, i, all[i], want)
			}
		}
		if last := all[len(all)-1]; !slices.IsSorted(all) || last >= c.d {
			t.Errorf("%v/s for %v: last call at %v", c.rate, c.d, last)
		}
	}
}

func poisson(t testing.TB, r bench.Rate, d time.Duration, seed uint64) bench.Arrivals {
	t.Helper()
	a, err := bench.Poisson(r, d, seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// Kolmogorov and Smirnov's distance of the gaps from the exponential distribution
// that was asked for (not a fitted one), and the dispersion of counts in windows
// shorter and longer than the gaps: 1 for a Poisson process at every size.
func TestPoissonGapsAreExponentialAtTheAskedRate(t *testing.T) {
	const seeds = 40
	rejected := 0
	for seed := range uint64(seeds) {
		all := instants(poisson(t, bench.PerSecond(5000), 4*time.Second, seed), 0)
		n := float64(len(all))
		if math.Abs(n-20_000) > 5*math.Sqrt(20_000) {
			t.Errorf("seed %d: %v calls, want about 20,000", seed, n)
		}
		gaps := make([]float64, len(all))
		last := time.Duration(0)
		for i, due := range all {
			gaps[i], last = (due - last).Seconds(), due
		}
		slices.Sort(gaps)
		exp, worst := distuv.Exponential{Rate: 5000}, 0.0
		for i, g := range gaps {
			f := exp.CDF(g)
			worst = max(worst, f-float64(i)/n, float64(i+1)/n-f)
		}
		if worst > 1.358/math.Sqrt(n) { // the 5 % limit
			rejected++
		}
		for _, window := range []time.Duration{50 * time.Microsecond, time.Millisecond, 20 * time.Millisecond} {
			counts := make([]float64, 4*time.Second/window)
			for _, due := range all {
				counts[due/window]++
			}
			mean, variance := meanVariance(counts)
			if limit := 5 * math.Sqrt(2/float64(len(counts))); math.Abs(variance/mean-1) > limit {
				t.Errorf("seed %d: dispersion in windows of %v is %.3f", seed, window, variance/mean)
			}
		}
	}
	// 2 are expected; 8 or more have a probability below 0.001.
	if rejected >= 8 {
		t.Errorf("the test of Kolmogorov and Smirnov at 5 %% rejects %d seeds of %d", rejected, seeds)
	}
}

func meanVariance(x []float64) (mean, variance float64) {
	for _, v := range x {
		mean += v / float64(len(x))
	}
	for _, v := range x {
		variance += (v - mean) * (v - mean) / float64(len(x)-1)
	}
	return mean, variance
}

func TestASchedulePickedUpAtCallNGoesOnAsBefore(t *testing.T) {
	for name, a := range map[string]bench.Arrivals{
		"constant": constant(t, bench.PerSecond(7000), time.Second),
		"poisson":  poisson(t, bench.PerSecond(7000), time.Second, 3),
	} {
		all := instants(a, 0)
		for _, n := range []int{1, 1000, len(all) - 1, len(all), len(all) + 10} {
			if got, want := instants(a, uint64(n)), all[min(n, len(all)):]; !slices.Equal(got, want) {
				t.Errorf("%s from %d: %d instants, want %d", name, n, len(got), len(want))
			}
		}
		if !slices.IsSorted(all) {
			t.Errorf("%s goes back in time", name)
		}
		i := a.From(uint64(len(all)))
		for range 3 {
			if due, ok := i.Next(); ok {
				t.Errorf("%s: a call at %v after the end", name, due)
			}
		}
	}
}

func TestSeedsGiveDifferentSchedules(t *testing.T) {
	one, two := instants(poisson(t, bench.PerSecond(1000), time.Second, 1), 0), instants(poisson(t, bench.PerSecond(1000), time.Second, 2), 0)
	if slices.Equal(one, two) {
		t.Error("seeds 1 and 2 are the same")
	}
}

func TestAScheduleThatIsToMakeSoManyCallsDoes(t *testing.T) {
	for _, rate := range []string{"1", "5", "1000", "50k", "1000/3", "1/m"} {
		r, err := bench.ParseRate(rate)
		if err != nil {
			t.Fatal(err)
		}
		for _, n := range []uint64{6, 368, 3688} {
			d := r.Lasting(n)
			for seed := range uint64(20) {
				if calls := len(instants(poisson(t, r, d, seed), 0)); uint64(calls) < n {
					t.Errorf("%v/s for %v: %d calls, want %d", r, d, calls, n)
				}
			}
			if d > 100*time.Millisecond && r.Calls(d) > n+n/2+20 {
				t.Errorf("%v/s for %v is longer than %d calls need", r, d, n)
			}
		}
	}
	if d := (bench.Rate{Num: 1, Den: 1e9}).Lasting(1e15); d <= 0 {
		t.Errorf("a schedule for ever lasts %v", d)
	}
}

func TestAScheduleWithoutRateOrDurationIsRefused(t *testing.T) {
	for _, make := range []func(bench.Rate, time.Duration) (bench.Arrivals, error){
		bench.Constant,
		func(r bench.Rate, d time.Duration) (bench.Arrivals, error) { return bench.Poisson(r, d, 1) },
	} {
		_, err := make(bench.Rate{}, -1)
		if err == nil || !strings.Contains(err.Error(), "rate") || !strings.Contains(err.Error(), "duration") {
			t.Errorf("error is %v: want rate and duration both named", err)
		}
	}
}

func TestZipfGivesEachKeyItsShare(t *testing.T) {
	const calls = 1_000_000
	keys := []string{"a", "b", "c", "d", "e", "f", "g"}
	for _, s := range []float64{0, 0.5, 1, 2, 100} {
		z, err := bench.Zipf(keys, s, 42)
		if err != nil {
			t.Fatal(err)
		}
		counts := map[string]float64{}
		for n := range uint64(calls) {
			counts[z.Key(n)]++
		}
		sum := 0.0
		for i := range keys {
			sum += math.Pow(float64(i+1), -s)
		}
		for i, k := range keys {
			p := math.Pow(float64(i+1), -s) / sum
			if sd := math.Sqrt(calls * p * (1 - p)); math.Abs(counts[k]-calls*p) > 5*sd+1 {
				t.Errorf("s = %v: key %s came up %v times, want %.0f", s, k, counts[k], calls*p)
			}
		}
	}
}

func TestSeedsGiveDifferentKeys(t *testing.T) {
	keys := []string{"a", "b", "c", "d"}
	asked := func(seed uint64) (all string) {
		z, err := bench.Zipf(keys, 1, seed)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(100) {
			all += z.Key(n)
		}
		return all
	}
	first, again, other := asked(1), asked(1), asked(2)
	if first != again || first == other {
		t.Errorf("seed 1 asks for %s and then %s, seed 2 for %s", first, again, other)
	}
}

func TestZipfRefusesNoKeysAndOddExponents(t *testing.T) {
	if _, err := bench.Zipf(nil, 1, 0); err == nil {
		t.Error("no keys were taken")
	}
	for _, s := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := bench.Zipf([]string{"a"}, s, 0); err == nil {
			t.Errorf("exponent %v was taken", s)
		}
	}
}
