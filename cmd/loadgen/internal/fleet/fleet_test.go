package fleet_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
	"github.com/loadgen-go/loadgen/internal/property"
)

func asks(t *rapid.T) fleet.Ask {
	return fleet.Ask{
		Peak:     math.Pow(10, rapid.Float64Range(0, 7).Draw(t, "peak exponent")),
		Headroom: float64(rapid.IntRange(0, 95).Draw(t, "headroom")) / 100,
		Failures: rapid.IntRange(0, 5).Draw(t, "failures"),
	}
}

func planned(t interface{ Fatal(...any) }, a fleet.Ask, low, high float64) *fleet.ArmPlan {
	p, err := fleet.New(a, fleet.Given(low, high))
	if err != nil {
		t.Fatal(err)
	}
	return &p.Arms[0]
}

// atMost returns the probability that a Poisson variable with a mean is at most limit, summed term by term.
func atMost(limit, mean float64) (sum float64) {
	most := math.Floor(min(limit, mean+12*math.Sqrt(mean)+30))
	lgamma, _ := math.Lgamma(most + 1)
	term := math.Exp(most*math.Log(mean) - mean - lgamma)
	for k := most; k >= 0 && (k > mean || term > 1e-18*sum); k-- {
		sum += term
		term *= k / mean
	}
	return sum
}

func TestAPlanHasTheFewestInstancesWhoseBusiestKeepsTheHeadroom(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		a := asks(t)
		low := math.Pow(10, rapid.Float64Range(3, 6).Draw(t, "capacity exponent"))
		high := low * rapid.Float64Range(1, 2).Draw(t, "width")
		p := planned(t, a, low, high)
		left := float64(p.Instances - a.Failures)
		calls := p.Visit.Seconds()
		held := func(n float64) float64 {
			if mean, limit := a.Peak*calls/n, (1-a.Headroom)*low*calls; mean <= limit {
				return math.Pow(atMost(limit, mean), n)
			}
			return 0
		}
		if held(left) < plannedShare-1e-6 {
			t.Errorf("%+v at %v: of %d instances none is above in %v of visits", a, low, p.Instances, held(left))
		}
		if left > 1 && held(left-1) > plannedShare+1e-6 {
			t.Errorf("%+v at %v: %d instances, and one fewer would do", a, low, p.Instances)
		}
		if p.Told != low || left < 1 || p.Utilisation != a.Peak/(float64(p.Instances)*low) ||
			p.UtilisationInFailure != a.Peak/(left*low) {
			t.Errorf("%+v at %v to %v: %+v", a, low, high, p)
		}
		if p.Busiest < p.UtilisationInFailure-1/(low*calls) || p.Busiest > 1-a.Headroom+1e-9 {
			t.Errorf("%+v at %v: the busiest of %v is at %v, and the mean at %v", a, low, left, p.Busiest,
				p.UtilisationInFailure)
		}
	})
}

func TestAGreaterDemandNeedsMoreInstances(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		a := asks(t)
		n := planned(t, a, 5000, 5000).Instances
		more := a
		more.Peak *= 1.5
		spare := a
		spare.Headroom = min(0.95, a.Headroom+0.1)
		fail := a
		fail.Failures++
		if planned(t, more, 5000, 5000).Instances < n || planned(t, spare, 5000, 5000).Instances < n ||
			planned(t, fail, 5000, 5000).Instances != n+1 || planned(t, a, 6000, 6000).Instances > n {
			t.Errorf("%+v needs %d", a, n)
		}
	})
}

func TestInstances(t *testing.T) {
	for _, c := range []struct {
		name      string
		ask       fleet.Ask
		low, high float64
		want      int
	}{
		{"as many as the mean takes", fleet.Ask{Peak: 250000, Headroom: 0.3, Failures: 1}, 40600, 41900, 10},
		{"at the low end of the interval", fleet.Ask{Peak: 250000, Headroom: 0.3, Failures: 1}, 39000, 41900, 11},
		// it takes 9.97 and 1
		{"one more than the mean takes", fleet.Ask{Peak: 250000, Headroom: 0.3, Failures: 1}, 39800, 39800, 11},
		{"one instance has room for chance, too", fleet.Ask{Peak: 10000, Headroom: 0.9}, 100000, 100000, 2},
		{"few calls", fleet.Ask{Peak: 1, Failures: 2}, 1e6, 1e6, 3},
		{"many instances", fleet.Ask{Peak: 5e8, Headroom: 0.5}, 1e6, 1e6, 1004},
	} {
		t.Run(c.name, func(t *testing.T) {
			if p := planned(t, c.ask, c.low, c.high); p.Instances != c.want {
				t.Errorf("%+v at %v to %v: %d: want %d", c.ask, c.low, c.high, p.Instances, c.want)
			}
		})
	}
}

func TestWhatIfHasARowForThePlan(t *testing.T) {
	for _, c := range []struct {
		name string
		ask  fleet.Ask
		rows int
	}{
		{"a usual headroom", fleet.Ask{Peak: 1e5, Headroom: 0.3, Failures: 1}, 18},
		{"another headroom", fleet.Ask{Peak: 1e5, Headroom: 0.35, Failures: 0}, 21},
		{"no headroom, and many failures", fleet.Ask{Peak: 1e5, Headroom: 0, Failures: 7}, 28},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := planned(t, c.ask, 5000, 5500)
			if len(p.WhatIf) != c.rows {
				t.Errorf("%d rows: want %d", len(p.WhatIf), c.rows)
			}
			i := slices.IndexFunc(p.WhatIf, func(w fleet.WhatIf) bool {
				return math.Abs(w.Headroom-c.ask.Headroom) < 1e-9 && w.Failures == c.ask.Failures
			})
			if i < 0 || p.WhatIf[i].Instances != p.Instances {
				t.Errorf("row %d is for the plan, which has %d instances", i, p.Instances)
			}
		})
	}
}

func TestEverythingWrongWithAnAskIsReported(t *testing.T) {
	_, err := fleet.New(fleet.Ask{Peak: math.NaN(), Headroom: 1, Failures: -1}, fleet.Given(1, 1))
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range []string{"--peak: NaN", "--headroom: 100%", "--failures: -1"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
}
