package quantiles

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

// A gap is detected from the values within 10% of the tail's ranks on both sides. With 1,000 values and q = 0.9 these
// are ten ranks, of which the tenth still counts.
func TestAGapIsWhereValuesNextToTheRankLieFarApart(t *testing.T) {
	step := func(at int, low, high time.Duration) []time.Duration {
		values := make([]time.Duration, 1000)
		for i := range values {
			values[i] = low
			if i >= at {
				values[i] = high
			}
		}
		return values
	}
	rank := int(quantile.Rank(0.9, 1000)) // from 1
	for name, c := range map[string]struct {
		values []time.Duration
		gap    bool
	}{
		"constant":                     {step(0, 100, 100), false},
		"zero":                         {step(0, 0, 0), false},
		"the step is at the rank":      {step(rank, 100, 1000), true},
		"ten ranks above":              {step(rank+9, 100, 1000), true},
		"eleven ranks above":           {step(rank+10, 100, 1000), false},
		"ten ranks below":              {step(rank-10, 100, 1000), true},
		"eleven ranks below":           {step(rank-11, 100, 1000), false},
		"the step is half the value":   {step(rank, 100, 150), false},
		"and a little more than that":  {step(rank, 100, 151), true},
		"the value is 0, then is some": {step(rank, 0, 1), true},
	} {
		if p := newPoint(0.9, c.values); p.Gap != c.gap {
			t.Errorf("%s: gap is %v, spread %v", name, p.Gap, p.Spread)
		}
	}
}

// The narrow body with rare pauses and the cache have gaps where their slow values begin. Smooth tails have none,
// however heavy they are.
func TestGapsOfTheShapes(t *testing.T) {
	for _, d := range quantiletest.Datasets() {
		values := d.Make(1_000_000)
		slices.Sort(values)
		for _, q := range []float64{0.1, 0.5, 0.9, 0.99, 0.999, 0.9999} {
			want := d.Name == "gc-pause" && q == 0.999 || d.Name == "spike-every-1024" && q == 0.999 ||
				(d.Name == "bimodal" || d.Name == "zeros") && q == 0.9
			if p := newPoint(q, values); p.Gap != want {
				t.Errorf("%s at %v: gap is %v, spread %v", d.Name, q, p.Gap, p.Spread)
			}
		}
	}
}

// 1,010 values of 1 us and 98,990 of 1 ms: at p1 the tail is the smallest 1,000.
func TestBelowTheMedianTheTailIsThatOfTheSmallest(t *testing.T) {
	truth := quantile.NewExact(0)
	for i := range 100_000 {
		d := time.Millisecond
		if i < 1010 {
			d = time.Microsecond
		}
		truth.Add(d)
	}
	p := newPoint(0.01, truth.Sorted())
	a := p.answer(truth, time.Millisecond)
	if !p.Gap || math.Abs(a.Tail-0.011) > 1e-9 || a.Error != a.Tail {
		t.Errorf("%+v of %+v: want 11 ranks of 1,000", a, p)
	}
}

// The judgement of a sampler does not depend on the luck of its draws.
func TestASamplerIsJudgedByWhatItsDistributionAllows(t *testing.T) {
	truth := quantile.NewExact(0)
	for i := range 1000 {
		truth.Add(time.Duration(i+1) * time.Microsecond)
	}
	p := newPoint(0.5, truth.Sorted())
	for name, c := range map[string]struct {
		estimates []time.Duration
		rms       []float64
		err, law  float64
	}{
		"lucky":         {[]time.Duration{500_000, 500_000}, []float64{0.01, 0.02}, 52. / 500, 52. / 500},
		"unlucky":       {[]time.Duration{500_000, 800_000}, []float64{0.01, 0.01}, 0.6, 26. / 500},
		"no sampler":    {[]time.Duration{501_000, 499_000}, []float64{0, 0}, 0.002, 0},
		"wider than it": {[]time.Duration{500_000}, []float64{1}, 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			a := p.worst(truth, c.estimates, c.rms)
			if math.Abs(a.Error-c.err) > 1e-9 || math.Abs(a.Law-c.law) > 1e-9 {
				t.Errorf("%+v, want %v and %v", a, c.err, c.law)
			}
		})
	}
}

func TestErrorsOfAnAnswer(t *testing.T) {
	truth := quantile.NewExact(0)
	for i := range 1000 {
		truth.Add(time.Duration(i+1) * time.Microsecond)
	}
	p := newPoint(0.99, truth.Sorted())
	a := p.answer(truth, 985*time.Microsecond)
	near := func(x, y float64) bool { return math.Abs(x-y) < 1e-12 }
	if p.Exact != 990*time.Microsecond || !near(a.Value, -5./990) || !near(a.Rank, 0.005) || !near(a.Tail, 0.5) ||
		a.Error != -a.Value {
		t.Errorf("%+v of %+v", a, p)
	}
	p.Gap = true
	for estimate, want := range map[time.Duration]float64{
		985 * time.Microsecond:  5. / 990, // a good value also counts as good at a gap
		1500 * time.Microsecond: 510. / 990,
		5 * time.Millisecond:    1.05, // beyond all ten ranks of the tail
	} {
		if a := p.answer(truth, estimate); !near(a.Error, want) {
			t.Errorf("%v at a gap is judged by %v, want %v", estimate, a.Error, want)
		}
	}
}
