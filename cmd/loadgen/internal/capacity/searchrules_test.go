package capacity_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// options have a budget for any answer, but for that of several arms.
func options() capacity.Options {
	return capacity.Options{Arms: []string{"none"}, Start: 7_000, Least: 100, Most: 1e6, Precision: 0.03,
		Probe: 2 * time.Second, Calls: 442, Budget: 6 * time.Minute, Seed: 1}
}

// edges are targets that hold below a rate, which differs by 1% from visit to visit.
type edges map[string]float64 // by arm

func (l edges) evidence(ask capacity.Ask, r *rand.Rand) capacity.Evidence {
	due := uint64(ask.Rate * ask.Duration.Seconds())
	e := capacity.Evidence{Ask: ask, Due: due, Achieved: ask.Rate, Took: ask.Duration + 100*time.Millisecond}
	fails(&e, ask.Rate >= l[ask.Arm]*math.Exp(0.01*r.NormFloat64()))
	return e
}

// fails makes e one that missed its objectives, or that met them with half of what they allow.
func fails(e *capacity.Evidence, missed bool) {
	e.Met, e.Burn = !missed, 0.5
	if missed {
		e.Burn = 3
	}
	e.Bad = uint64(0.01 * e.Burn * float64(e.Due))
}

// run searches to the end; change may falsify the n-th evidence, from 0.
func run(t *testing.T, o capacity.Options, l edges, change func(n int, e *capacity.Evidence)) *capacity.Search {
	t.Helper()
	s, err := capacity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	finish(s, l, change)
	return s
}

func finish(s *capacity.Search, l edges, change func(n int, e *capacity.Evidence)) {
	r := rand.New(rand.NewPCG(s.Options().Seed, 3))
	for n := 0; ; n++ {
		ask, ok := s.Next()
		if !ok {
			return
		}
		e := l.evidence(ask, r)
		if change != nil {
			change(n, &e)
		}
		s.Add(e)
	}
}

func covers(a capacity.Arm, truth float64) bool {
	return a.Verdict == capacity.Found && a.Precise && a.Low <= truth && truth <= a.High && a.Told > 0.8*truth &&
		a.Told < truth
}

func TestARateFailsIfItDoesInTwoOfThreeVisits(t *testing.T) {
	for visits, want := range map[string]float64{ // the rate after these visits of 1000/s
		"":    1000,
		"h":   2000,
		"f":   1000,
		"ff":  500,
		"fh":  1000,
		"fhf": 500,
		"fhh": 2000,
		".":   1000,
		".h":  2000,
		"f.f": 500,
	} {
		t.Run(visits, func(t *testing.T) {
			o := options()
			o.Start = 1000
			s, err := capacity.New(o)
			if err != nil {
				t.Fatal(err)
			}
			for _, v := range visits {
				ask, _ := s.Next()
				e := capacity.Evidence{Ask: ask, Met: v == 'h'}
				if v == '.' {
					e.Limited = "noisy-machine"
				}
				s.Add(e)
			}
			if ask, ok := s.Next(); !ok || math.Abs(ask.Rate-want) > 1e-6 || ask.Step != capacity.Bracket {
				t.Errorf("asks for %+v, %v; want %v/s", ask, ok, want)
			}
		})
	}
}

func TestAProbeLastsAsLongAsItsCallsTake(t *testing.T) {
	o := options()
	for rate, want := range map[float64]time.Duration{1e6: 2 * time.Second, 221: 2 * time.Second,
		100: 4420 * time.Millisecond, 1: 442 * time.Second} {
		if got := o.Lasting(rate); got != want {
			t.Errorf("%v/s: %v, want %v", rate, got, want)
		}
	}
}

// Each is a probe that does not hold, whatever its calls say.
var spoils = map[string]func(*capacity.Evidence){
	"saturated":         func(e *capacity.Evidence) { e.Met, e.Spoiled = true, "saturated: no worker was free" },
	"not stationary":    func(e *capacity.Evidence) { e.Met, e.Spoiled = true, "not-stationary: latency grew" },
	"generator-limited": func(e *capacity.Evidence) { e.Met, e.Limited = true, "generator-limited: late" },
	"noisy":             func(e *capacity.Evidence) { e.Met, e.Limited = true, "noisy-machine: busy" },
}

func TestNoProbeHoldsThatIsSpoiledOrSaysNothing(t *testing.T) {
	for name, spoil := range spoils {
		t.Run(name, func(t *testing.T) {
			var e capacity.Evidence
			if spoil(&e); e.Held() || e.Word() == "holds" {
				t.Errorf("%+v holds", e)
			}
			a := run(t, options(), edges{"none": 1e9}, func(_ int, e *capacity.Evidence) {
				if e.Rate >= 50_000 {
					spoil(e)
				}
			}).Answer().Arms[0]
			if a.Told == 0 || a.Told >= 50_000 || a.Capacity > 51_000 || a.Low >= 50_000 {
				t.Errorf("a probe of 50000/s or more counts as held: %+v", a)
			}
			if e.Telling() && (!a.Precise || a.Low > 50_000 || a.High < 50_000 || a.Spoiled.Probes == 0 ||
				a.Spoiled.Last != e.Spoiled) {
				t.Errorf("%+v: want an interval about 50000/s, and that probes kept the objectives", a)
			}
			if !e.Telling() && (a.Verdict != capacity.GeneratorLimited || a.Silent.Probes == 0 ||
				a.Silent.Last != e.Limited || a.Told < 40_000 || a.Fails != 0) {
				t.Errorf("%+v: want the limit of the generator, and the highest rate that visits confirm", a)
			}
		})
	}
}

func TestAMachineThatIsTooNoisyForAnyRateEndsTheSearchSoon(t *testing.T) {
	s := run(t, options(), edges{"none": 1e5}, func(_ int, e *capacity.Evidence) { spoils["noisy"](e) })
	if a := s.Answer().Arms[0]; a.Verdict != capacity.GeneratorLimited || a.Told != 0 || a.Capacity != 0 ||
		a.Silent.Probes != a.Probes || a.Probes > 15 {
		t.Errorf("%+v", a)
	}
}

// The search bears any of its probes to be disturbed, and one to say nothing.
func TestOneDisturbedProbeDoesNotFoolTheSearch(t *testing.T) {
	const truth = 150_000
	for name, disturb := range map[string]func(*capacity.Evidence){
		"missed": func(e *capacity.Evidence) {
			fails(e,
				true)
		}, "saturated": spoils["saturated"], "generator-limited": spoils["generator-limited"],
	} {
		t.Run(name, func(t *testing.T) {
			for disturbed := range 30 {
				s := run(t, options(), edges{"none": truth}, func(n int, e *capacity.Evidence) {
					if n == disturbed {
						disturb(e)
					}
				})
				if a := s.Answer().Arms[0]; !covers(a, truth) {
					t.Errorf("probe %d: %+v", disturbed+1, a)
				}
			}
		})
	}
}

func TestATargetThatNeverFailsOrNeverHoldsIsSaidSo(t *testing.T) {
	o := options()
	a := run(t, o, edges{"none": 1e9}, nil).Answer().Arms[0]
	if a.Verdict != capacity.HoldsThroughout || math.Abs(a.Told-o.Most) > 1e-3 || a.Low != a.Told ||
		a.High != a.Told || a.Visits != 6 {
		t.Errorf("never fails: %+v", a)
	}
	a = run(t, o, edges{"none": 1}, nil).Answer().Arms[0]
	if a.Verdict != capacity.FailsThroughout || a.Told != 0 || math.Abs(a.Fails-o.Least) > 1e-6 {
		t.Errorf("never holds: %+v", a)
	}
}

func TestTheStartNeedNotHold(t *testing.T) {
	if a := run(t, options(), edges{"none": 1_000}, nil).Answer().Arms[0]; !covers(a, 1000) {
		t.Errorf("%+v", a)
	}
}

// After an overload nothing holds any more. A target that is merely slower than it seemed at first is another matter.
func TestATargetThatDoesNotRecoverFromAnOverloadIsSaidSo(t *testing.T) {
	broken := false
	a := run(t, options(), edges{"none": 100_000}, func(_ int, e *capacity.Evidence) {
		broken = broken || !e.Met
		if broken {
			fails(e, true)
		}
	}).Answer().Arms[0]
	if a.Verdict != capacity.FailsNow || math.Abs(a.Fails-7000) > 1e-6 || a.Told != 0 {
		t.Errorf("broken: %+v", a)
	}
	a = run(t, options(), edges{"none": 100_000}, func(n int, e *capacity.Evidence) {
		if n > 4 && e.Rate > 30_000 {
			fails(e, true)
		}
	}).Answer().Arms[0]
	if !covers(a, 30_000) {
		t.Errorf("slower: %+v", a)
	}
}

func TestARateIsToldOnceVisitsThereHaveHeldTogether(t *testing.T) {
	confirmed := func(s *capacity.Search) (rates []float64, visits []int) {
		for _, e := range s.Evidence() {
			if e.Step != capacity.Confirm {
				continue
			}
			if n := len(rates); n == 0 || rates[n-1] != e.Rate {
				rates, visits = append(rates, e.Rate), append(visits, 0)
			}
			visits[len(visits)-1]++
		}
		return rates, visits
	}
	visit := 0
	for name, c := range map[string]struct {
		change func(e *capacity.Evidence)
		visits []int
	}{
		"all hold":        {func(*capacity.Evidence) {}, []int{6}},
		"the third fails": {func(e *capacity.Evidence) { fails(e, visit == 3) }, []int{3, 12}},
		"the third says nothing": {func(e *capacity.Evidence) {
			e.Limited = map[bool]string{true: "noisy-machine"}[visit == 3]
		}, []int{7}},
		"all hold, and together nearly fail": {func(e *capacity.Evidence) {
			e.Burn = map[bool]float64{true: 0.7,
				false: 0.5}[visit <= 6]
		}, []int{6, 12}},
	} {
		t.Run(name, func(t *testing.T) {
			visit = 0
			s := run(t, options(), edges{"none": 90_000}, func(_ int, e *capacity.Evidence) {
				if e.Step == capacity.Confirm {
					visit++
					c.change(e)
				}
			})
			rates, visits := confirmed(s)
			a := s.Answer().Arms[0]
			if !slices.Equal(visits, c.visits) || !slices.IsSortedFunc(rates,
				func(a, b float64) int { return int(b - a) }) || a.Told != rates[len(rates)-1] {
				t.Errorf("%v visits at %v: %+v; want %v, each lower down", visits, rates, a, c.visits)
			}
		})
	}
}

func TestArmsTakeTurnsInRounds(t *testing.T) {
	o := options()
	o.Arms = []string{"none", "pooled", "sdk"}
	s := run(t, o, edges{"none": 90_000, "pooled": 90_000, "sdk": 60_000}, nil)
	var firsts []string
	all := s.Evidence()
	for i, e := range all[:60] { // before the first arm is done
		if i%3 == 0 {
			firsts = append(firsts, e.Arm)
		}
		if i%3 == 2 {
			if a, b := all[i-2].Arm, all[i-1].Arm; a == b || a == e.Arm || b == e.Arm {
				t.Errorf("round %d visits %s, %s, %s", i/3, a, b, e.Arm)
			}
		}
	}
	if slices.Sort(firsts); firsts[0] == firsts[len(firsts)-1] {
		t.Errorf("%s is always the first of a round", firsts[0])
	}
	arms := s.Answer().Arms
	if k := arms[2].Taken; k == nil || k.Low > 1.0/3 || k.High < 1.0/3 || k.High-k.Low > 0.06 {
		t.Errorf("sdk takes %+v, want a third", k)
	}
	if k := arms[1].Taken; k == nil || k.Low > 0 || k.High < 0 {
		t.Errorf("pooled takes %+v, want nothing", k)
	}
	if arms[0].Taken != nil {
		t.Error("the first arm is set against itself")
	}
}

func TestWhatRanOutIsWhatMostOfTheFailuresName(t *testing.T) {
	a := run(t, options(), edges{"none": 90_000}, func(n int, e *capacity.Evidence) {
		e.Resource = "CPU: 1.97 of 2 cores"
		if e.Held() {
			e.Resource = "GC: held"
		} else if n%3 == 0 {
			e.Resource = fmt.Sprintf("queue: %d waited", n)
		}
	}).Answer().Arms[0]
	if a.Resource != "CPU: 1.97 of 2 cores" {
		t.Errorf("%q", a.Resource)
	}
}

func TestAProcessThatIsSlowAtFirstIsSaidSo(t *testing.T) {
	a := run(t, options(), edges{"none": 30_000}, func(_ int,
		e *capacity.Evidence) {
		e.Spoiled = "not-stationary: latency changed by -60%"
	}).Answer().Arms[0]
	if a.Verdict != capacity.FailsThroughout || a.Unsteady.Probes == 0 || a.Unsteady.Probes != a.Below.Visits ||
		!strings.Contains(a.Unsteady.Last, "-60%") {
		t.Errorf("%+v", a)
	}
}

func TestARequiredRateIsProbedFirstAndEndsTheSearch(t *testing.T) {
	for name, c := range map[string]struct {
		require          float64
		carries, refused bool
		probes           int // at most
	}{
		"it carries it":      {60_000, true, false, 6},
		"it does not":        {120_000, false, true, 7},
		"by far":             {900_000, false, true, 7},
		"it is the capacity": {90_000, false, false, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			s, err := capacity.New(options())
			if err != nil {
				t.Fatal(err)
			}
			s.Require(c.require)
			finish(s, edges{"none": 90_000}, nil)
			a := s.Answer().Arms[0]
			if first := s.Evidence()[0]; math.Abs(first.Rate-c.require) > 1e-6 {
				t.Errorf("%v/s is probed first", first.Rate)
			}
			if carries := a.Told > c.require*(1-1e-9); carries != c.carries || a.Refused != c.refused ||
				a.Probes > c.probes {
				t.Errorf("%+v", a)
			}
			if a.Required.Visits == 0 || c.refused && a.Required.Held > 0 || c.carries && a.Required.Held < 6 {
				t.Errorf("of the required rate it says %+v", a.Required)
			}
		})
	}
	t.Run("a search that has ended is asked again", func(t *testing.T) {
		s := run(t, options(), edges{"none": 90_000}, nil)
		for require, refused := range map[float64]bool{60_000: false, 120_000: true} {
			s.Require(require)
			if ask, ok := s.Next(); ok || s.Answer().Arms[0].Refused != refused {
				t.Errorf("%v/s: %+v, %v", require, ask, ok)
			}
		}
	})
}

func TestEverythingWrongWithTheOptionsIsSaidAtOnce(t *testing.T) {
	_, err := capacity.New(capacity.Options{Arms: []string{"sdk", "sdk"}, Start: 5, Least: 10, Most: math.NaN(),
		Precision: math.Inf(1)})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"sdk" is named twice`, "to start from", "highest rate", "precision",
		"a probe lasts"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in:\n%v", want, err)
		}
	}
}
