package schedule_test

import (
	"math"
	"math/big"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/internal/property"
)

func TestParseRate(t *testing.T) {
	for s, want := range map[string]schedule.Rate{
		"1000": {1000, 1}, "10k": {10_000, 1}, "2.5k": {2500, 1}, "1M": {1_000_000, 1}, "0.5": {1, 2},
		"1000/3": {1000, 3}, "10k/s": {10_000, 1}, "600/m": {10, 1}, "100/h": {1, 36}, "10_000": {10_000,
			1}, "5K": {5000, 1}, "1e6": {1_000_000, 1}, "1.5e3": {1500, 1}, "1M/m": {50_000, 3},
		"1e10": {}, "1e99": {}, "e3": {}, "1/2/3": {}, "010": {10,
			1}, "010/3": {}, ".": {}, "": {}, "0": {}, "-1": {}, "fast": {}, "1/0": {}, "10k/d": {}, "1,000": {},
		"1000000001": {}, "10G": {},
		"0.0000000001": {}, "k": {}, "0x10": {}, "NaN": {}, "1.": {1, 1}, strings.Repeat("9", 50): {},
	} {
		t.Run(s, func(t *testing.T) {
			got, err := schedule.ParseRate(s)
			if got != want || (err != nil) != (want == schedule.Rate{}) {
				t.Errorf("ParseRate(%q) = %v, %v; want %v", s, got, err, want)
			}
			if err != nil && !strings.Contains(err.Error(), "want ") {
				t.Errorf("ParseRate(%q) does not say what was wanted: %v", s, err)
			}
		})
	}
}

func TestARateSurvivesPrinting(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		r := schedule.Rate{Num: rapid.Uint64Range(1, 1_000_000).Draw(t, "num"),
			Den: rapid.Uint64Range(1, 1_000_000).Draw(t, "den")}
		got, err := schedule.ParseRate(r.String())
		if err != nil || got.Num*r.Den != r.Num*got.Den {
			t.Fatalf("%d/%d printed as %s and came back as %v, %v", r.Num, r.Den, r, got, err)
		}
	})
}

// instants returns all instants of a schedule from call n on.
func instants(a schedule.Arrivals, n uint64) (all []time.Duration) {
	for i := a.From(n); ; {
		due, ok := i.Next()
		if !ok {
			return all
		}
		all = append(all, due)
	}
}

func constant(t testing.TB, r schedule.Rate, d time.Duration) schedule.Arrivals {
	t.Helper()
	a, err := schedule.Constant(r, d)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestConstantInstantsAreExact(t *testing.T) {
	for name, c := range map[string]struct {
		rate schedule.Rate
		d    time.Duration
		n    int
	}{
		"a gap of whole microseconds":    {schedule.PerSecond(1000), time.Second, 1000},
		"a gap of 333.3 ns":              {schedule.PerSecond(3_000_000), time.Second, 3_000_000},
		"a gap of 142.9 ns":              {schedule.PerSecond(7_000_000), 100 * time.Millisecond, 700_000},
		"a gap of 1,666.7 ns":            {schedule.PerSecond(600_000), time.Second, 600_000},
		"the highest rate":               {schedule.PerSecond(1_000_000_000), 2 * time.Millisecond, 2_000_000},
		"a fraction above 1":             {schedule.Rate{Num: 1000, Den: 3}, 3 * time.Second, 1000},
		"a fraction below 1":             {schedule.Rate{Num: 1, Den: 7}, 70 * time.Second, 10},
		"a rate that divides no second":  {schedule.PerSecond(333_333), time.Second, 333_333},
		"the duration is not whole gaps": {schedule.PerSecond(1000), 1500 * time.Microsecond, 2},
		"shorter than a gap":             {schedule.PerSecond(1), time.Millisecond, 1},
	} {
		t.Run(name, func(t *testing.T) {
			all := instants(constant(t, c.rate, c.d), 0)
			if len(all) != c.n || uint64(c.n) != c.rate.Calls(c.d) {
				t.Errorf("%v/s for %v: %d calls, Calls says %d, want %d", c.rate, c.d, len(all), c.rate.Calls(c.d),
					c.n)
				return
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
		})
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

func TestAScheduleWithoutRateOrDurationIsRefused(t *testing.T) {
	for name, newArrivals := range map[string]func(schedule.Rate, time.Duration) (schedule.Arrivals, error){
		"constant": schedule.Constant,
		"poisson": func(r schedule.Rate, d time.Duration) (schedule.Arrivals, error) {
			return schedule.Poisson(r, d, 1)
		},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := newArrivals(schedule.Rate{}, -1)
			if err == nil || !strings.Contains(err.Error(), "rate") || !strings.Contains(err.Error(), "duration") {
				t.Errorf("error is %v: want rate and duration both named", err)
			}
		})
	}
}

func TestZipfGivesEachKeyItsShare(t *testing.T) {
	const calls = 1_000_000
	keys := []string{"a", "b", "c", "d", "e", "f", "g"}
	for _, s := range []float64{0, 0.5, 1, 2, 100} {
		z, err := schedule.Zipf(keys, s, 42)
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
	asked := func(seed uint64) (keysAsked string) {
		z, err := schedule.Zipf(keys, 1, seed)
		if err != nil {
			t.Fatal(err)
		}
		for n := range uint64(100) {
			keysAsked += z.Key(n)
		}
		return keysAsked
	}
	first, again, other := asked(1), asked(1), asked(2)
	if first != again || first == other {
		t.Errorf("seed 1 asks for %s and then %s, seed 2 for %s", first, again, other)
	}
}

func TestZipfRefusesNoKeysAndOddExponents(t *testing.T) {
	if _, err := schedule.Zipf(nil, 1, 0); err == nil {
		t.Error("no keys were taken")
	}
	for _, s := range []float64{-1, math.NaN(), math.Inf(1)} {
		if _, err := schedule.Zipf([]string{"a"}, s, 0); err == nil {
			t.Errorf("exponent %v was taken", s)
		}
	}
}

func TestWeightedGivesEachKeyItsShare(t *testing.T) {
	const calls = 1_000_000
	keys, weights, sum := []string{"a", "b", "c"}, []float64{8, 2, 0.5}, 10.5
	w, err := schedule.Weighted(keys, weights, 42)
	if err != nil {
		t.Fatal(err)
	}
	counts := map[string]float64{}
	for n := range uint64(calls) {
		counts[w.Key(n)]++
	}
	for i, k := range keys {
		p := weights[i] / sum
		if sd := math.Sqrt(calls * p * (1 - p)); math.Abs(counts[k]-calls*p) > 5*sd+1 {
			t.Errorf("key %s came up %v times, want %.0f", k, counts[k], calls*p)
		}
	}
	for name, weights := range map[string][]float64{"none": nil, "too few": {1, 2}, "zero": {1, 0, 1},
		"negative": {1, -1, 1}, "not a number": {1, math.NaN(), 1}, "infinite": {1, math.Inf(1), 1}} {
		t.Run(name, func(t *testing.T) {
			if _, err := schedule.Weighted(keys, weights, 42); err == nil {
				t.Errorf("weights %v were taken", weights)
			}
		})
	}
}
