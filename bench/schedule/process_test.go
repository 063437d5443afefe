package schedule_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	"github.com/loadgen-go/loadgen/bench/schedule"
)

func process(t testing.TB, text string) schedule.Process {
	t.Helper()
	p, err := schedule.ParseProcess(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func arrivals(t testing.TB, text string, rate uint64, d time.Duration, seed uint64) schedule.Arrivals {
	t.Helper()
	a, err := process(t, text).Arrivals(schedule.PerSecond(rate), d, seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func TestAProcessSurvivesPrinting(t *testing.T) {
	for text, want := range map[string]string{
		"constant": "constant", "poisson": "poisson", " gamma ( cv = 2.50 ) ": "gamma(cv=2.5)",
		"gamma (cv=2) poisson": "", "gamma(cv=2.50)": "gamma(cv=2.5)",
		"pareto( alpha = 3)": "pareto(alpha=3)", "jitter(share=1)": "jitter(share=1)",
		"bursts(size=1e3)": "bursts(size=1000)",
	} {
		t.Run(text, func(t *testing.T) {
			p, err := schedule.ParseProcess(text)
			if p.String() != want || (err != nil) != (want == "") {
				t.Errorf("%q is %q, %v; want %q", text, p, err, want)
			}
			if again := want; again != "" && !process(t, again).Equal(p) {
				t.Errorf("%q is not %q", again, text)
			}
		})
	}
	for _, example := range schedule.Processes() {
		t.Run(example, func(t *testing.T) {
			if got := process(t, example).String(); got != example {
				t.Errorf("%q is printed as %q", example, got)
			}
		})
	}
}

func TestAWrongProcessIsRefusedWithThePlace(t *testing.T) {
	for text, want := range map[string]string{
		"": "character 1: \"\" is unknown: want one of constant, poisson, gamma(cv=2), " +
			"pareto(alpha=2.5), jitter(share=0.5), bursts(size=10)",
		"uniform":         "character 1: \"uniform\" is unknown",
		"poisson(1)":      "character 8: poisson takes nothing in brackets: want poisson",
		"gamma":           "character 6: cv is missing: want gamma(cv=2), cv from 0.01 to 100",
		"gamma(cv=2":      "character 11: no closing bracket",
		"gamma(cv=2) x":   "character 13: \"x\" is left over",
		"gamma()":         "character 7: \"\" does not set cv",
		"gamma(alpha=2)":  "character 7: \"alpha=2\" does not set cv",
		"gamma(cv=many)":  "character 10: \"many\" is not valid",
		"gamma(cv=0)":     "character 10: \"0\" is not valid: want gamma(cv=2), cv from 0.01 to 100",
		"gamma(cv=NaN)":   "character 10: \"NaN\" is not valid",
		"gamma(cv=Inf)":   "character 10: \"Inf\" is not valid",
		"pareto(alpha=2)": "character 14: \"2\" is not valid: want pareto(alpha=2.5), alpha above 2",
		"jitter(share=2)": "character 14: \"2\" is not valid",
		"bursts(size=.5)": "character 13: \".5\" is not valid: want bursts(size=10), size a whole number",
		"bursts(size=0)":  "character 13: \"0\" is not valid",
	} {
		t.Run(text, func(t *testing.T) {
			if _, err := schedule.ParseProcess(text); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%q: %v, want %q in it", text, err, want)
			}
		})
	}
	if _, err := (schedule.Process{}).Arrivals(schedule.PerSecond(1), time.Second, 0); err == nil {
		t.Error("the zero process has a schedule")
	}
}

// Kolmogorov and Smirnov's distance of the gaps from the distribution that was
// asked for (not a fitted one), over seeds.
func TestGapsHaveTheDistributionThatWasAskedFor(t *testing.T) {
	for text, cdf := range map[string]func(float64) float64{ // of a gap, in mean gaps
		"poisson":           distuv.Exponential{Rate: 1}.CDF,
		"gamma(cv=0.2)":     distuv.Gamma{Alpha: 25, Beta: 25}.CDF,
		"gamma(cv=1)":       distuv.Exponential{Rate: 1}.CDF,
		"gamma(cv=2)":       distuv.Gamma{Alpha: 0.25, Beta: 0.25}.CDF,
		"pareto(alpha=2.5)": distuv.Pareto{Xm: 0.6, Alpha: 2.5}.CDF,
		"pareto(alpha=10)":  distuv.Pareto{Xm: 0.9, Alpha: 10}.CDF,
	} {
		t.Run(text, func(t *testing.T) {
			const seeds, rate = 40, 1000
			rejected := 0
			for seed := range uint64(seeds) {
				all := instants(arrivals(t, text, rate, 5*time.Second, seed), 0)
				gaps := make([]float64, len(all))
				last := time.Duration(0)
				for i, due := range all {
					gaps[i], last = (due-last).Seconds()*rate, due
				}
				slices.Sort(gaps)
				// Instants are rounded to a nanosecond, and so gaps are off by less than one.
				const ns = 1e-9 * rate
				n, worst := float64(len(gaps)), 0.0
				for i, g := range gaps {
					worst = max(worst, cdf(g-ns)-float64(i)/n, float64(i+1)/n-cdf(g+ns))
				}
				if worst > 1.358/math.Sqrt(n) { // the 5 % limit
					rejected++
				}
			}
			// 2 are expected; 8 or more have a probability below 0.001.
			if rejected >= 8 {
				t.Errorf("%s: the test of Kolmogorov and Smirnov at 5 %% rejects %d seeds of %d", text, rejected,
					seeds)
			}
		})
	}
}

// The variance of counts over their mean: 1 in windows of any size for a Poisson
// process, cv^2 in windows of many gaps for others that renew themselves, next to
// nothing for what is evenly spaced. The largest windows are of several blocks.
func TestCountsAreAsDispersedAsTheProcessSays(t *testing.T) {
	any := math.NaN()                              // nothing is known of it beforehand
	for text, want := range map[string][4]float64{ // in windows of 0.1, 10, 200 and 1000 gaps
		"constant":          {0.9, 0, 0, 0},
		"poisson":           {1, 1, 1, 1},
		"gamma(cv=2)":       {any, any, 4, 4},
		"gamma(cv=0.5)":     {any, any, 0.25, 0.25},
		"pareto(alpha=5)":   {any, any, 1 / 15.0, 1 / 15.0},
		"jitter(share=0.5)": {0.9, 0, 0, 0},
		"bursts(size=20)":   {20, 10, 0, 0},
	} {
		t.Run(text, func(t *testing.T) {
			const rate, seconds, seeds = 1000, 120, 5
			windows := []time.Duration{100 * time.Microsecond, 10 * time.Millisecond, 200 * time.Millisecond,
				time.Second}
			counts, calls := [4][]float64{}, 0
			for i, window := range windows {
				counts[i] = make([]float64, seeds*seconds*time.Second/window)
			}
			for seed := range time.Duration(seeds) {
				all := instants(arrivals(t, text, rate, seconds*time.Second, 5+uint64(seed)), 0)
				calls += len(all)
				for i, window := range windows {
					for _, due := range all {
						counts[i][(seed*seconds*time.Second+due)/window]++
					}
				}
			}
			for i, window := range windows {
				mean, variance := meanVariance(counts[i])
				if got := variance / mean; !math.IsNaN(want[i]) && math.Abs(got-want[i]) > 0.15*want[i]+0.02 {
					t.Errorf("%s: dispersion in windows of %v is %.3f, want about %v", text, window, got, want[i])
				}
			}
			if n := float64(calls); math.Abs(n/(rate*seconds*seeds)-1) > 0.02 {
				t.Errorf("%s: %v calls, want about %d", text, n, rate*seconds*seeds)
			}
		})
	}
}

func TestJitterAndBurstsKeepTheCallsOfAnEvenSchedule(t *testing.T) {
	even := instants(constant(t, schedule.PerSecond(7000), time.Second), 0)
	delayed := instants(arrivals(t, "jitter(share=1)", 7000, time.Second, 1), 0)
	burst := instants(arrivals(t, "bursts(size=10)", 7000, time.Second, 1), 0)
	if len(delayed) != len(even) || len(burst) != len(even) {
		t.Fatalf("%d and %d calls, want %d", len(delayed), len(burst), len(even))
	}
	least, most := time.Second, time.Duration(0)
	for i, due := range even {
		next := time.Second
		if i+1 < len(even) {
			next = even[i+1]
		}
		if delayed[i] < due || delayed[i] > next {
			t.Fatalf("call %d, due at %v, is jittered to %v", i, due, delayed[i])
		}
		least, most = min(least, delayed[i]-due), max(most, delayed[i]-due)
		if burst[i] != even[i-i%10] {
			t.Fatalf("call %d of a burst is due at %v, its first at %v", i, burst[i], even[i-i%10])
		}
	}
	if gap := time.Second / 7000; least > gap/100 || most < gap*99/100 {
		t.Errorf("calls are delayed by %v to %v, of a gap of %v", least, most, gap)
	}
}

func TestASchedulePickedUpAtCallNGoesOnAsBefore(t *testing.T) {
	for _, name := range schedule.Processes() {
		t.Run(name, func(t *testing.T) {
			a := arrivals(t, name, 7000, time.Second, 3)
			all := instants(a, 0)
			for _, n := range []int{1, 1000, len(all) - 1, len(all), len(all) + 10} {
				if got, want := instants(a, uint64(n)), all[min(n, len(all)):]; !slices.Equal(got, want) {
					t.Errorf("%s from %d: %d instants, want %d", name, n, len(got), len(want))
				}
			}
			if !slices.IsSorted(all) || all[len(all)-1] >= a.Duration() || a.Duration() != time.Second {
				t.Errorf("%s goes back in time, or on to %v of %v", name, all[len(all)-1], a.Duration())
			}
			i := a.From(uint64(len(all)))
			for range 3 {
				if due, ok := i.Next(); ok {
					t.Errorf("%s: a call at %v after the end", name, due)
				}
			}
		})
	}
}

func TestSeedsGiveDifferentSchedules(t *testing.T) {
	for _, name := range schedule.Processes() {
		t.Run(name, func(t *testing.T) {
			one, again, other := instants(arrivals(t, name, 1000, time.Second, 1),
				0), instants(arrivals(t, name, 1000, time.Second, 1), 0),
				instants(arrivals(t, name, 1000, time.Second, 2), 0)
			random := name != "constant" && !strings.HasPrefix(name, "bursts")
			if !slices.Equal(one, again) || slices.Equal(one, other) == random {
				t.Errorf("%s: the same again: %v; for another seed: %v", name, slices.Equal(one, again),
					slices.Equal(one, other))
			}
		})
	}
}

func TestAllButOneOf30000SchedulesHaveTheLeastCalls(t *testing.T) {
	// A schedule has fewer than k calls if k gaps are as long as it is. Their sum has a
	// gamma distribution, too.
	for _, cv := range []float64{0.01, 0.2, 1, 2, 9, 100} {
		text := fmt.Sprintf("gamma(cv=%v)", cv)
		t.Run(text, func(t *testing.T) {
			p := process(t, text)
			for _, n := range []uint64{1, 10, 100, 368, 1000, 3688, 100_000, 10_000_000} {
				least := p.Least(n)
				if least == 0 {
					continue // which every schedule has
				}
				shape := 1 / (cv * cv)
				if fewer := (distuv.Gamma{Alpha: float64(least) * shape,
					Beta: shape}).Survival(float64(n)); fewer > 1.0/30_000 {
					t.Errorf("one of %.0f schedules of %d calls has fewer than %d", 1/fewer, n, least)
				}
			}
		})
	}
	t.Run("poisson", func(t *testing.T) {
		if got, want := process(t, "poisson").Least(1000), process(t, "gamma(cv=1)").Least(1000); got != want {
			t.Errorf("at least %d calls, want %d, as gamma(cv=1) has", got, want)
		}
	})
	// The sum of such gaps has no form. Of 10,000 schedules fewer than one is expected to
	// have fewer calls; more than 8 would have a probability of 1e-10.
	const long, n = "pareto(alpha=2.5)", 1000
	t.Run(long, func(t *testing.T) {
		least, poor := process(t, long).Least(n), 0
		for seed := range uint64(10_000) {
			i := arrivals(t, long, 1, n*time.Second, seed).From(0)
			for range least {
				if _, ok := i.Next(); !ok {
					poor++
					break
				}
			}
		}
		if poor > 8 || least < n/4 {
			t.Errorf("%d of 10,000 schedules of %d calls have fewer than %d", poor, n, least)
		}
	})
}

func TestAScheduleThatIsToMakeSoManyCallsDoes(t *testing.T) {
	for _, name := range append(schedule.Processes(), "gamma(cv=5)") {
		t.Run(name, func(t *testing.T) {
			p := process(t, name)
			for _, rate := range []string{"5", "1000", "50k", "1000/3", "1/m"} {
				r, err := schedule.ParseRate(rate)
				if err != nil {
					t.Fatal(err)
				}
				for _, n := range []uint64{368, 3688} {
					d := p.Lasting(n, r.Float())
					for seed := range uint64(20) {
						a, err := p.Arrivals(r, d, seed)
						if err != nil {
							t.Fatal(err)
						}
						if calls := uint64(len(instants(a, 0))); calls < n || calls < p.Least(r.Calls(d)) {
							t.Errorf("%s, %v/s for %v: %d calls, want %d and at least %d", name, r, d, calls, n,
								p.Least(r.Calls(d)))
						}
					}
					if least := p.Least(r.Calls(d)); least < n || d > time.Second && least > n+n/8+40 {
						t.Errorf("%s, %v/s for %v: at least %d calls, want about %d", name, r, d, least, n)
					}
				}
			}
		})
	}
	if d := process(t, "poisson").Lasting(1e15, 1e-9); d <= 0 {
		t.Errorf("a schedule for ever lasts %v", d)
	}
}
