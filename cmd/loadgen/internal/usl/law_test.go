package usl_test

import (
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/internal/property"
)

// near reports whether two numbers are equal except for rounding.
func near(a, b, tolerance float64) bool {
	return a == b || math.Abs(a-b) <= tolerance*max(math.Abs(a), math.Abs(b))
}

// powers draws a number from 10^low to 10^high, uniform in the exponent. If zero is true it may also draw 0.
func powers(t *rapid.T, label string, low, high float64, zero bool) float64 {
	if zero && rapid.IntRange(0, 4).Draw(t, label+" is 0") == 0 {
		return 0
	}
	return math.Pow(10, rapid.Float64Range(low, high).Draw(t, label))
}

// laws draws laws whose sigma and kappa may be 0, or differ by up to six powers of ten.
func laws(t *rapid.T) usl.Law {
	return usl.Law{Lambda: powers(t, "lambda", 0, 7, false), Sigma: powers(t, "sigma", -6, 0, true),
		Kappa: powers(t, "kappa", -6, 0, true)}
}

func TestLatencyIsOfLittlesLaw(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		l, n := laws(t), powers(t, "n", 0, 4, false)
		if got := l.Throughput(n) * l.Latency(n); !near(got, n, 1e-12) {
			t.Errorf("%+v at %v: X R = %v: want N", l, n, got)
		}
	})
}

func TestNoConcurrencyBeatsThePeak(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		l, n := laws(t), powers(t, "n", 0, 6, false)
		at, most := l.Peak()
		if at < 1 || l.Throughput(n) > most*(1+1e-12) {
			t.Errorf("%+v: %v at %v, and the peak is %v at %v", l, l.Throughput(n), n, most, at)
		}
		if !math.IsInf(at, 1) && !near(l.Throughput(at), most, 1e-12) {
			t.Errorf("%+v: the peak is %v, and %v at its place", l, most, l.Throughput(at))
		}
	})
}

func TestPeak(t *testing.T) {
	for _, c := range []struct {
		name string
		law  usl.Law
		n, x float64
	}{
		{"a peak", usl.Law{Lambda: 1000, Sigma: 0.19, Kappa: 0.01}, 9, 9000 / (1 + 0.19*8 + 0.01*72)},
		{"a limit", usl.Law{Lambda: 1000, Sigma: 0.25}, math.Inf(1), 4000},
		{"no limit", usl.Law{Lambda: 1000}, math.Inf(1), math.Inf(1)},
		{"sigma above 1", usl.Law{Lambda: 1000, Sigma: 1.5}, 1, 1000},
		{"a peak below 1", usl.Law{Lambda: 1000, Sigma: 0.5, Kappa: 0.8}, 1, 1000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if n, x := c.law.Peak(); !near(n, c.n, 1e-12) || !near(x, c.x, 1e-12) {
				t.Errorf("%+v: the peak is %v at %v: want %v at %v", c.law, x, n, c.x, c.n)
			}
		})
	}
}
