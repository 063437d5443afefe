package capacity_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// A line is a target whose margin falls in a straight line over the logarithm of the rate.
type line map[string]float64 // the capacity of each arm

func (l line) evidence(s *capacity.Search, ask capacity.Ask, r *rand.Rand) capacity.Evidence {
	e := capacity.Evidence{Ask: ask, Achieved: ask.Rate}
	for e.Duration = 0; e.Duration < ask.Duration && !s.Done(&e); e.Duration += s.Options().Probe / 10 {
		e.Margins = append(e.Margins, 4*math.Log(l[ask.Arm]/ask.Rate)+r.NormFloat64()/8)
	}
	return e
}

// run searches to the end; change may falsify the n-th evidence.
func run(t *testing.T, o capacity.Options, l line, change func(n int, e *capacity.Evidence)) *capacity.Search {
	t.Helper()
	s, err := capacity.New(o)
	if err != nil {
		t.Fatal(err)
	}
	r := rand.New(rand.NewPCG(o.Seed, 3))
	for n := 0; ; n++ {
		ask, ok := s.Next()
		if !ok {
			return s
		}
		e := l.evidence(s, ask, r)
		if change != nil {
			change(n, &e)
		}
		s.Add(e)
	}
}

func TestAProbeStopsOnceItIsSureAndNotBefore(t *testing.T) {
	s, err := capacity.New(options())
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name    string
		margins []float64
		confirm bool
		limited string
		want    bool
	}{
		{name: "nothing yet"},
		{name: "three of a mind are too few", margins: []float64{1, 1.01, 0.99}},
		{name: "surely holds", margins: []float64{1, 1.01, 0.99, 1.02}, want: true},
		{name: "surely fails", margins: []float64{-1, -1.1, -0.9, -1.2}, want: true},
		{name: "one finding that ten batches share", margins: []float64{-1, -1, -1, -1, -1, -1, -2, -2, -2, -2}},
		{name: "about 0", margins: []float64{0.1, -0.1, 0.2, -0.1, 0}},
		{name: "a stall among what holds", margins: []float64{1, 1.01, -4, 0.99, 1.02}},
		{name: "a confirmation goes on while it holds", margins: []float64{1, 1.01, 0.99, 1.02}, confirm: true},
		{name: "a confirmation that fails stops", margins: []float64{-1, -1.1, -0.9, -1.2}, confirm: true, want: true},
		{name: "of a generator that is the limit nothing is known", margins: []float64{1, 1.01, 0.99, 1.02}, limited: "generator-limited"},
	} {
		e := capacity.Evidence{Ask: capacity.Ask{Confirm: test.confirm}, Margins: test.margins, Limited: test.limited}
		if got := s.Done(&e); got != test.want {
			t.Errorf("%s: %v, want %v", test.name, got, test.want)
		}
	}
}

func TestWhereTheGeneratorIsTheLimitThereIsNoCapacity(t *testing.T) {
	s := run(t, options(), line{"none": 90_000}, func(_ int, e *capacity.Evidence) {
		if e.Rate > 50_000 {
			e.Limited = "generator-limited"
		}
	})
	a := s.Answer().Arms[0]
	if a.Verdict != capacity.GeneratorLimited || a.Limited == "" || a.Fails != 0 {
		t.Errorf("%+v", a)
	}
	if a.Holds > 50_000 || a.Holds < 45_000 || a.Low != a.Holds || a.High != a.Holds || a.Confirmed != a.Holds {
		t.Errorf("%+v: want the highest rate that surely holds, confirmed", a)
	}
}

func TestAGeneratorThatOnceFellBehindIsNotTheLimit(t *testing.T) {
	for late := range 16 {
		s := run(t, options(), line{"none": 90_000}, func(n int, e *capacity.Evidence) {
			if n == late {
				e.Limited = "generator-limited"
			}
		})
		if a := s.Answer().Arms[0]; a.Verdict != capacity.Found || a.Low > 90_000 || a.High < 90_000 {
			t.Errorf("probe %d: %+v", late+1, a)
		}
	}
}

func TestATargetThatNeverFailsOrNeverHoldsIsSaidSo(t *testing.T) {
	o := options()
	a := run(t, o, line{"none": 1e9}, nil).Answer().Arms[0]
	if a.Verdict != capacity.HoldsThroughout || a.Holds != o.Most || a.Confirmed != o.Most || a.Fails != 0 {
		t.Errorf("never fails: %+v", a)
	}
	a = run(t, o, line{"none": 1}, nil).Answer().Arms[0]
	if a.Verdict != capacity.FailsThroughout || a.Holds != 0 || a.Fails != o.Least {
		t.Errorf("never holds: %+v", a)
	}
}

func TestTheStartNeedNotHold(t *testing.T) {
	a := run(t, options(), line{"none": 1_000}, nil).Answer().Arms[0]
	if a.Verdict != capacity.Found || a.Low > 1_000 || a.High < 1_000 {
		t.Errorf("%+v", a)
	}
}

// The fifth probe is made at 112,000/s and would have held. Whatever it says, the search gets there.
func TestOneDisturbedProbeDoesNotFoolTheSearch(t *testing.T) {
	const truth = 150_000
	for disturbed := range 20 {
		s := run(t, options(), line{"none": truth}, func(n int, e *capacity.Evidence) {
			if n == disturbed {
				for i := range e.Margins {
					e.Margins[i] = -capacity.MaxMargin
				}
			}
		})
		if a := s.Answer().Arms[0]; !a.Precise || a.Confirmed == 0 || a.Low > truth || a.High < truth {
			t.Errorf("probe %d disturbed: %+v", disturbed+1, a)
		}
	}
}

func TestAfterAConfirmationThatFailedAnotherIsMadeLowerDown(t *testing.T) {
	var confirmed []float64
	s := run(t, options(), line{"none": 90_000}, func(_ int, e *capacity.Evidence) {
		if !e.Confirm {
			return
		}
		if confirmed = append(confirmed, e.Rate); len(confirmed) == 1 {
			for i := range e.Margins {
				e.Margins[i] = -0.5
			}
		}
	})
	a := s.Answer().Arms[0]
	if len(confirmed) != 2 || confirmed[1] >= confirmed[0] || a.Confirmed != confirmed[1] || a.Low >= confirmed[0] {
		t.Errorf("confirmed at %v: %+v", confirmed, a)
	}
}

func TestAMarginThatIsNotMonotoneIsReported(t *testing.T) {
	change := func(rate float64, times int) func(int, *capacity.Evidence) {
		return func(_ int, e *capacity.Evidence) {
			if e.Rate == rate && times > 0 {
				times--
				for i := range e.Margins {
					e.Margins[i] -= 4
				}
			}
		}
	}
	// At 28,000/s it does worse than at 56,000/s, by much, though it holds at both.
	if a := run(t, options(), line{"none": 90_000}, change(28_000, 100)).Answer().Arms[0]; !strings.Contains(a.NotMonotone, "28000/s") {
		t.Errorf("always: %+v", a)
	}
	if a := run(t, options(), line{"none": 90_000}, change(28_000, 1)).Answer().Arms[0]; a.NotMonotone != "" {
		t.Errorf("once, disturbed: %+v", a)
	}
}

func TestArmsTakeTurnsInRoundsAtTheSameRates(t *testing.T) {
	o := options()
	o.Arms = []string{"none", "pooled", "sdk"}
	o.Budget = 3 * time.Minute
	s := run(t, o, line{"none": 90_000, "pooled": 90_000, "sdk": 60_000}, nil)
	rates := make(map[string][]float64)
	var firsts []string
	for i, e := range s.Evidence() {
		rates[e.Arm] = append(rates[e.Arm], e.Rate)
		if i%3 == 0 {
			firsts = append(firsts, e.Arm)
		}
		if i%3 == 2 && i < 18 { // before the first arm is done
			if a, b := s.Evidence()[i-2].Arm, s.Evidence()[i-1].Arm; a == b || a == e.Arm || b == e.Arm {
				t.Errorf("round %d visits %s, %s, %s", i/3, a, b, e.Arm)
			}
		}
	}
	if n := 6; !slices.Equal(rates["none"][:n], rates["pooled"][:n]) {
		t.Errorf("none is asked for %v, pooled for %v", rates["none"], rates["pooled"])
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
	a := run(t, options(), line{"none": 90_000}, func(n int, e *capacity.Evidence) {
		e.Resource = "CPU: 1.97 of 2 cores"
		if e.Rate < 90_000 {
			e.Resource = "GC: held"
		}
	}).Answer().Arms[0]
	if a.Resource != "CPU: 1.97 of 2 cores" {
		t.Errorf("%q", a.Resource)
	}
}

func TestEverythingWrongWithTheOptionsIsSaidAtOnce(t *testing.T) {
	_, err := capacity.New(capacity.Options{Arms: []string{"sdk", "sdk"}, Start: 5, Least: 10, Most: math.NaN(), Precision: math.Inf(1)})
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{`"sdk" is named twice`, "to start from", "highest rate", "precision", "a probe lasts"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("nothing of %q in:\n%v", want, err)
		}
	}
}
