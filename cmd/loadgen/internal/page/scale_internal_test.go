package page

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestAnAxisNeverReachesToInfinity(t *testing.T) {
	for _, x := range []float64{math.Inf(1), math.Inf(-1), math.NaN(), math.MaxFloat64} {
		values := []float64{1, x, 30}
		for name, s := range map[string]*scale{"log": logScale(values, 60, 400), "linear": linearScale(values, 60, 400)} {
			if n := len(s.ticks(plain, down)); s.lo > 1 || s.hi < 30 || s.hi > 100 || n < 1 {
				t.Errorf("%s with %v: %v to %v, %d ticks", name, x, s.lo, s.hi, n)
			}
		}
	}
}

// An axis covers its data, whatever they are; what is drawn lies between its ends, in
// order; and it has ticks, but not too many.
func TestAxesCoverTheirData(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		value := rapid.OneOf(rapid.Just(0.0), rapid.Just(1.0), rapid.Float64Range(0, 1), rapid.Float64Range(1, 1e4), rapid.Float64Range(1e-6, 1e12))
		values := rapid.SliceOfN(value, 0, 20).Draw(t, "values")
		from, to := 300.0, 12.0
		if rapid.Bool().Draw(t, "across") {
			from, to = 60, 400
		}
		for name, s := range map[string]*scale{"log": logScale(values, from, to), "linear": linearScale(values, from, to)} {
			last := px(from)
			for _, x := range slices.Sorted(slices.Values(values)) {
				if x > 0 || !s.log {
					if x < s.lo*(1-1e-9) || x > s.hi*(1+1e-9) {
						t.Fatalf("%s: %v is not within %v to %v", name, x, s.lo, s.hi)
					}
				}
				at := s.at(x)
				if v := float64(at); v < min(from, to)-0.01 || v > max(from, to)+0.01 || math.IsNaN(v) || (at-last)*px(to-from) < -0.01 {
					t.Fatalf("%s: %v is drawn at %v, after %v", name, x, at, last)
				}
				last = at
			}
			ticks := s.ticks(plain, down)
			if len(ticks) < 1 || len(ticks) > 60 {
				t.Fatalf("%s from %v to %v: %d ticks", name, s.lo, s.hi, len(ticks))
			}
		}
	})
}

func TestTicksAreWrittenPlainly(t *testing.T) {
	for want, x := range map[string]float64{"0": math.Copysign(0, -1), "1,000": 1000, "0.5": 0.5, "−20": -20, "1e+08": 1e8} {
		if got := plain(x); got != want {
			t.Errorf("%v is written %q, want %q", x, got, want)
		}
	}
}

// Rounding alone makes no axis of its own, which would have no end of ticks.
func TestValuesThatRoundingTellsApartAreOne(t *testing.T) {
	s := linearScale([]float64{100, math.Nextafter(100, 101)}, 0, 100)
	if s.lo > 95 || s.hi < 105 || len(s.steps()) > 20 {
		t.Errorf("from %v to %v", s.lo, s.hi)
	}
}
