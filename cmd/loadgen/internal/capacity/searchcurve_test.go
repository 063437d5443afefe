package capacity

import (
	"math"
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// visited returns a curve of n simulated visits at rates around its current estimate of the capacity.
func visited(n int, capacity, scale, lapse, around float64) *curve {
	c := newCurve(0, 0.03)
	r := rand.New(rand.NewPCG(3, uint64(n)))
	for i := range n {
		x := c.quantile(0.5) + around*(2*math.Mod(0.618*float64(i), 1)-1)
		c.add(x, r.Float64() < (1-lapse)/(1+(1-2*lapse)*math.Exp((x-capacity)/scale)))
	}
	return c
}

func TestTheCurveFindsTheCapacityHoweverVisitsCameOut(t *testing.T) {
	for name, c := range map[string]struct {
		n                              int
		capacity, scale, lapse, around float64
		off                            float64 // at most
	}{
		"steep":                       {40, 0.1, 0.001, 0, 0.1, 0.01},
		"gradual":                     {400, -0.2, 0.1, 0, 0.3, 0.05},
		"a fifth fails at any rate":   {400, 0.1, 0.01, 0.2, 0.6, 0.03},
		"far below where it began":    {60, -3, 0.01, 0, 0.2, 0.02},
		"far above":                   {60, 5, 0.01, 0, 0.2, 0.02},
		"gradual, and a fifth, below": {800, -2, 0.1, 0.2, 0.5, 0.1},
	} {
		t.Run(name, func(t *testing.T) {
			v := visited(c.n, c.capacity, c.scale, c.lapse, c.around)
			low, at, high := v.quantile(0.001), v.quantile(0.5), v.quantile(0.999)
			if math.Abs(at-c.capacity) > c.off || low > c.capacity || high < c.capacity {
				t.Errorf("%.3f (%.3f to %.3f), want %.3f", at, low, high, c.capacity)
			}
			if got := v.lapse(); math.Abs(got-c.lapse) > 0.07 {
				t.Errorf("%.2f fail at any rate, want %.2f", got, c.lapse)
			}
			// Nine in ten visits hold at the rate where the curve has fallen by a tenth.
			want := c.capacity + max(c.scale, v.scales[0])*math.Log(1/0.9-1)
			if got := v.holding(0.9); math.Abs(got-want) > c.off+c.scale {
				t.Errorf("nine in ten hold at %.3f, want %.3f", got, want)
			}
		})
	}
}

func TestTheCurveFallsAndItsProbabilitiesAddUp(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		c := newCurve(rapid.Float64Range(-5, 5).Draw(t, "middle"), rapid.Float64Range(0.02, 0.25).Draw(t, "precision"))
		for range rapid.IntRange(0, 30).Draw(t, "visits") {
			c.add(rapid.Float64Range(-20, 20).Draw(t, "x"), rapid.Bool().Draw(t, "held"))
		}
		sum := 0.0
		for _, w := range c.weights {
			sum += w
		}
		if math.Abs(sum-1) > 1e-9 {
			t.Fatalf("the weights add up to %v", sum)
		}
		before, x := math.Inf(-1), 1.0
		for u := 0.01; u < 1; u += 0.07 {
			if at := c.quantile(u); !(at >= before) {
				t.Fatalf("the quantile %v is %v, after %v", u, at, before)
			} else {
				before = at
			}
		}
		for at := c.low; at < c.low+2*reach; at += 0.1 {
			share := c.expected(at)
			if !(share >= 0 && share <= x+1e-9) {
				t.Fatalf("at %v a share of %v holds, and %v below", at, share, x)
			}
			x = share
		}
	})
}
