package page

import (
	"fmt"
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// axes returns a linear and a log axis for values, which are horizontal or vertical.
func axes(values []float64, across bool) map[string]*scale {
	from, to := 300.0, 12.0
	if across {
		from, to = 60, 400
	}
	return map[string]*scale{"log": logScale(values, from, to), "linear": linearScale(values, from, to)}
}

// checkAxis returns an error unless s covers the finite values (on a log axis, the positive ones), draws all values
// between its ends and in order, and has a reasonable number of ticks.
func checkAxis(s *scale, values []float64) error {
	if !finite(s.lo) || !finite(s.hi) || s.lo >= s.hi || s.log && s.lo <= 0 {
		return fmt.Errorf("it reaches from %v to %v", s.lo, s.hi)
	}
	last := px(s.from)
	for _, x := range slices.Sorted(slices.Values(values)) {
		if math.IsNaN(x) {
			continue
		}
		if finite(x) && (x > 0 || !s.log) && (x < s.lo && x < s.lo*(1-rounding) || x > s.hi && x > s.hi*(1+rounding)) {
			return fmt.Errorf("%v is not within %v to %v", x, s.lo, s.hi)
		}
		at := s.at(x)
		if v := float64(at); !(v >= min(s.from, s.to) && v <= max(s.from, s.to)) || (at-last)*px(s.to-s.from) < 0 {
			return fmt.Errorf("%v is drawn at %v, after %v", x, at, last)
		}
		last = at
	}
	ticks := s.ticks(plain, 6)
	if len(ticks) < 1 || len(ticks) > 60 {
		return fmt.Errorf("it has %d ticks from %v to %v", len(ticks), s.lo, s.hi)
	}
	for _, t := range ticks {
		if v := float64(t.At); !(v >= min(s.from, s.to) && v <= max(s.from, s.to)) {
			return fmt.Errorf("the tick %s is at %v", t.Label, t.At)
		}
	}
	return nil
}

func TestAxesCoverTheirData(t *testing.T) {
	const tiny, huge = math.SmallestNonzeroFloat64, math.MaxFloat64
	inf := math.Inf(1)
	for _, tc := range []struct {
		name   string
		values []float64
	}{
		{"nothing", nil},
		{"zero", []float64{0}},
		{"minus zero and zero", []float64{math.Copysign(0, -1), 0}},
		{"one", []float64{1}},
		{"one value twice", []float64{37, 37}},
		{"neighbours", []float64{1, math.Nextafter(1, 2)}},
		{"negative", []float64{-20, -5}},
		{"either sign", []float64{-20, 0, 5}},
		{"a denormal number and 1", []float64{5.562684646268003e-309, 1}},
		{"a denormal number", []float64{5.562684646268003e-309}},
		{"denormal numbers", []float64{5.562684646268003e-309, 7.3e-312}},
		{"the least number", []float64{tiny}},
		{"the least numbers", []float64{tiny, 2 * tiny, 3 * tiny}},
		{"zero and the least number", []float64{0, tiny}},
		{"the greatest number", []float64{huge}},
		{"the greatest numbers", []float64{huge, 1.5e308}},
		{"a power near the greatest number", []float64{1e308}},
		{"the greatest numbers of either sign", []float64{-huge, 0, huge}},
		{"the least and the greatest number", []float64{tiny, huge}},
		{"infinity", []float64{inf}},
		{"infinities and a number", []float64{-inf, 30, inf}},
		{"infinity and the greatest number", []float64{huge, inf}},
		{"not a number", []float64{math.NaN()}},
		{"not a number and a number", []float64{math.NaN(), 30}},
	} {
		for name, s := range axes(tc.values, true) {
			t.Run(tc.name+"/"+name, func(t *testing.T) {
				if err := checkAxis(s, tc.values); err != nil {
					t.Error(err)
				}
			})
		}
	}
}

func TestAnAxisOfAnyDataCoversThem(t *testing.T) {
	usual := rapid.OneOf(rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0, 1), rapid.Float64Range(1, 1e4),
		rapid.Float64Range(1e-6, 1e12))
	value := rapid.OneOf(usual, rapid.Float64(), rapid.Float64Range(0, 1e-300),
		rapid.Float64Range(1e300, math.MaxFloat64))
	property.Check(t, func(t *rapid.T) {
		generator := rapid.SampledFrom([]*rapid.Generator[float64]{usual, value}).Draw(t, "of")
		values := rapid.SliceOfN(generator, 0, 20).Draw(t, "values")
		for name, s := range axes(values, rapid.Bool().Draw(t, "across")) {
			if err := checkAxis(s, values); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	})
}

// Numbers that are not finite do not extend an axis.
func TestAnAxisDoesNotReachToInfinity(t *testing.T) {
	for _, x := range []float64{math.Inf(1), math.Inf(-1), math.NaN()} {
		for name, s := range axes([]float64{1, x, 30}, true) {
			t.Run(fmt.Sprintf("%s with %v", name, x), func(t *testing.T) {
				if s.lo > 1 || s.hi < 30 || s.hi > 100 {
					t.Errorf("from %v to %v", s.lo, s.hi)
				}
			})
		}
	}
}

func TestAnAxisBeginsAndEndsWithRoundNumbers(t *testing.T) {
	for _, tc := range []struct{ least, greatest, lo, hi float64 }{
		{3, 70, 2, 100}, {20, 50, 20, 50}, {7, 7, 5, 10}, {10, 10, 5, 20}, {0.3, 0.3, 0.2, 0.5},
		{0.1 + 0.2, 10 * (1 + 1e-15), 0.2, 10}, {1 - 1e-12, 200, 1, 200},
		{6e-310, 3e-309, 5e-310, 5e-309}, {3e-7, 1e308, 2e-7, 1e308},
	} {
		t.Run(fmt.Sprintf("%v to %v", tc.least, tc.greatest), func(t *testing.T) {
			if s := logScale([]float64{tc.least, tc.greatest}, 0, 100); s.lo != tc.lo || s.hi != tc.hi {
				t.Errorf("from %v to %v, want %v to %v", s.lo, s.hi, tc.lo, tc.hi)
			}
		})
	}
}

func TestTicksAreWrittenPlainly(t *testing.T) {
	for want, x := range map[string]float64{"0": math.Copysign(0, -1), "1,000": 1000, "0.5": 0.5, "-20": -20,
		"1e+08": 1e8} {
		t.Run(want, func(t *testing.T) {
			if got := plain(x); got != want {
				t.Errorf("%v is written %q, want %q", x, got, want)
			}
		})
	}
}

// Values that differ only by rounding do not determine the range of an axis, which would have countless ticks.
func TestValuesThatRoundingTellsApartAreOne(t *testing.T) {
	s := linearScale([]float64{100, math.Nextafter(100, 101)}, 0, 100)
	if s.lo > 95 || s.hi < 105 || len(s.steps(6)) > 20 {
		t.Errorf("from %v to %v", s.lo, s.hi)
	}
}
