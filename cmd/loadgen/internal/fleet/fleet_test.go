package fleet_test

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/fleet"
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

func TestPlanIsTheFewestInstancesThatKeepTheHeadroom(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := asks(t)
		low := math.Pow(10, rapid.Float64Range(3, 6).Draw(t, "capacity exponent"))
		high := low * rapid.Float64Range(1, 2).Draw(t, "width")
		p := planned(t, a, low, high)
		left := float64(p.Instances - a.Failures)
		if u := a.Peak / (left * low); u > (1-a.Headroom)*(1+1e-9) || u != p.UtilisationInFailure {
			t.Errorf("%+v at %v: %d instances are busy by %v after failures, told %v", a, low, p.Instances, u, p.UtilisationInFailure)
		}
		if left > 1 && a.Peak/((left-1)*low) <= (1-a.Headroom)*(1-1e-9) {
			t.Errorf("%+v at %v: %d instances, and one fewer would do", a, low, p.Instances)
		}
		if left < 1 || p.AtHigh > p.Instances || p.Utilisation != a.Peak/(float64(p.Instances)*low) {
			t.Errorf("%+v at %v to %v: %+v", a, low, high, p.Count)
		}
	})
}

func TestMoreIsAskedMoreIsNeeded(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := asks(t)
		n := planned(t, a, 5000, 5000).Instances
		more := a
		more.Peak *= 1.5
		spare := a
		spare.Headroom = min(0.95, a.Headroom+0.1)
		fail := a
		fail.Failures++
		if planned(t, more, 5000, 5000).Instances < n || planned(t, spare, 5000, 5000).Instances < n || planned(t, fail, 5000, 5000).Instances != n+1 || planned(t, a, 6000, 6000).Instances > n {
			t.Errorf("%+v needs %d", a, n)
		}
	})
}

func TestInstances(t *testing.T) {
	for _, c := range []struct {
		ask       fleet.Ask
		low, high float64
		want      fleet.Count
		text      string
	}{
		{fleet.Ask{Peak: 250000, Headroom: 0.3, Failures: 1}, 40600, 41900, fleet.Count{Instances: 10, AtHigh: 10}, "10"},
		{fleet.Ask{Peak: 250000, Headroom: 0.3, Failures: 1}, 39000, 41900, fleet.Count{Instances: 11, AtHigh: 10}, "10 to 11"},
		{fleet.Ask{Peak: 10000, Headroom: 0.9}, 100000, 100000, fleet.Count{Instances: 1, AtHigh: 1}, "1"}, // whole but for rounding
		{fleet.Ask{Peak: 10001, Headroom: 0.9}, 100000, 100000, fleet.Count{Instances: 2, AtHigh: 2}, "2"},
		{fleet.Ask{Peak: 1, Failures: 2}, 1e6, 1e6, fleet.Count{Instances: 3, AtHigh: 3}, "3"},
		{fleet.Ask{Peak: 5e8, Headroom: 0.5}, 1e6, 1e6, fleet.Count{Instances: 1000, AtHigh: 1000}, "1,000"},
	} {
		if p := planned(t, c.ask, c.low, c.high); p.Count != c.want || p.Count.String() != c.text {
			t.Errorf("%+v at %v to %v: %+v, %v: want %+v, %s", c.ask, c.low, c.high, p.Count, p.Count, c.want, c.text)
		}
	}
}

func TestWhatIfHasTheRowsThatWereAskedFor(t *testing.T) {
	for _, c := range []struct {
		ask  fleet.Ask
		rows int
	}{
		{fleet.Ask{Peak: 1e5, Headroom: 0.3, Failures: 1}, 18},
		{fleet.Ask{Peak: 1e5, Headroom: 0.35, Failures: 0}, 21},
		{fleet.Ask{Peak: 1e5, Headroom: 0, Failures: 7}, 28},
	} {
		p := planned(t, c.ask, 5000, 5500)
		if len(p.WhatIf) != c.rows {
			t.Errorf("%+v: %d rows: want %d", c.ask, len(p.WhatIf), c.rows)
		}
		i := slices.IndexFunc(p.WhatIf, func(w fleet.WhatIf) bool {
			return math.Abs(w.Headroom-c.ask.Headroom) < 1e-9 && w.Failures == c.ask.Failures
		})
		if i < 0 || p.WhatIf[i].Count != p.Count {
			t.Errorf("%+v: what was asked is row %d, and the plan is %+v", c.ask, i, p.Count)
		}
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

func TestIntervalThatLeavesTheCountOpenIsWarnedOf(t *testing.T) {
	for high, want := range map[float64]string{39100: "", 41900: "as given: the interval of the capacity leaves it open whether 10 or 11 instances are needed; the plan is for 11"} {
		p, err := fleet.New(fleet.Ask{Peak: 250000, Headroom: 0.3, Failures: 1}, fleet.Given(39000, high))
		if err != nil {
			t.Fatal(err)
		}
		if got := strings.Join(p.Warnings, "\n"); got != want {
			t.Errorf("to %v: %q: want %q", high, got, want)
		}
	}
}
