package schedule_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/internal/property"
)

func TestASchedulePickedUpAnywhereGoesOnAsBefore(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	for _, curve := range everyCurve {
		for _, process := range append(schedule.Processes(), "gamma(cv=20)", "gamma(cv=0.1)", "jitter(share=1)") {
			a := loaded(t, curve+" "+process, 3)
			all := instants(a, 0)
			if !slices.IsSorted(all) || all[len(all)-1] >= a.Duration() {
				t.Errorf("%s %s goes back in time, or on to %v of %v", curve, process, all[len(all)-1], a.Duration())
			}
			for k := range 30 {
				n := r.IntN(len(all) + 5)
				if k < 4 {
					n = k*256 - k%2 // where blocks begin and end
				}
				if got, want := instants(a, uint64(n)), all[min(n, len(all)):]; !slices.Equal(got, want) {
					t.Errorf("%s %s from %d: %d instants, want %d", curve, process, n, len(got), len(want))
				}
			}
			if got := instants(a, math.MaxUint64); len(got) != 0 {
				t.Errorf("%s %s has %d calls after the last number", curve, process, len(got))
			}
		}
	}
}

// clock returns the function that before returns, in floating point, for instants in order.
func clock(legs []leg) func(time.Duration) float64 {
	start, sum := time.Duration(0), 0.0
	return func(t time.Duration) float64 {
		for {
			from, _ := legs[0].from.Float64()
			to, _ := legs[0].to.Float64()
			in, lasts := (t - start).Seconds(), legs[0].lasts.Seconds()
			if t-start < legs[0].lasts {
				return sum + in*(from+(to-from)*in/lasts/2)
			}
			sum += lasts * (from + to) / 2
			start += legs[0].lasts
			legs = legs[1:]
		}
	}
}

// In unit time, the gaps have the distribution of the process, and the counts its dispersion.
func TestGapsKeepTheirDistributionWhenTheRateChanges(t *testing.T) {
	for text, legs := range map[string][]leg{
		"ramp:0..9k/s@1s": legs(time.Second, 0, 9000),
		"ramp:9k..0/s@1s": legs(time.Second, 9000, 0),
		"stages:1..9k@300ms..1k@300ms": append(legs(300*time.Millisecond, 1, 9000),
			legs(300*time.Millisecond, 9000, 1000)...),
		"sine:1k..9k/s@1s(period=50ms)": sine(1000, 9000, 50*time.Millisecond, 20),
		"spike:1k..20k/s@1s": append(legs(450*time.Millisecond, 1000, 1000),
			append(legs(100*time.Millisecond, 20_000, 20_000), legs(450*time.Millisecond, 1000, 1000)...)...),
	} {
		for process, want := range map[string]struct {
			cdf        func(float64) float64
			dispersion float64 // in windows of 50 gaps
		}{
			"poisson": {distuv.Exponential{Rate: 1}.CDF, 1}, "gamma(cv=0.5)": {distuv.Gamma{Alpha: 4, Beta: 4}.CDF,
				0.25},
			"pareto(alpha=4)": {distuv.Pareto{Xm: 0.75, Alpha: 4}.CDF, 0.125},
		} {
			t.Run(text+" "+process, func(t *testing.T) {
				const seeds = 20
				rejected := 0
				var counts []float64
				for seed := range uint64(seeds) {
					var gaps []float64
					last, at, in := 0.0, clock(legs), map[int]float64{}
					for _, due := range instants(loaded(t, text+" "+process, seed), 0) {
						u := at(due)
						gaps, last = append(gaps, u-last), u
						in[int(u)/50]++
					}
					for window := range int(last) / 50 {
						counts = append(counts, in[window])
					}
					slices.Sort(gaps)
					const ns = 2.1e-5 // a nanosecond at 20,000 calls per second, and rounding errors
					n, worst := float64(len(gaps)), 0.0
					for i, g := range gaps {
						worst = max(worst, want.cdf(g-ns)-float64(i)/n, float64(i+1)/n-want.cdf(g+ns))
					}
					if worst > 1.358/math.Sqrt(n) { // the 5 % limit
						rejected++
					}
				}
				// 1 is expected; 6 or more have a probability below 0.001.
				if rejected >= 6 {
					t.Errorf("%s %s: the test of Kolmogorov and Smirnov at 5 %% rejects %d seeds of %d", text, process,
						rejected, seeds)
				}
				mean, variance := meanVariance(counts)
				if got := variance / mean; math.Abs(got-want.dispersion) > 0.2*want.dispersion+0.01 ||
					math.Abs(mean-50) > 1 {
					t.Errorf("%s %s: %.2f calls in windows of 50, with a dispersion of %.3f, want %v", text, process,
						mean, got, want.dispersion)
				}
			})
		}
	}
}

func TestTheNextInstantAllocatesNothing(t *testing.T) {
	for _, curve := range append(everyCurve, "const:1M/s", "sine:0..1k/s@10h(period=1h)") {
		for _, process := range schedule.Processes() {
			a := loaded(t, curve+" "+process, 1)
			i := a.From(0)
			const calls = 800 // some blocks, and several segments
			if n := testing.AllocsPerRun(2, func() {
				for range calls {
					i.Next()
				}
			}); n > 0 {
				t.Errorf("%s %s: %v allocations in %d calls", curve, process, n, calls)
			}
		}
	}
}

func TestTheProcessDoesNotDecideTheKeys(t *testing.T) {
	keys := []string{"a", "b"}
	z, err := schedule.Zipf(keys, 0, 42)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"const:1k/s@100s jitter(share=1)", "const:1k/s@100s poisson",
		"const:1k/s@100s gamma(cv=2)"} {
		t.Run(text, func(t *testing.T) {
			// If both were drawn from one stream, one key would come early, or after longer gaps.
			var gaps [2][]float64
			last := time.Duration(0)
			for n, due := range instants(loaded(t, text, 42), 0) {
				x := float64(due - last)
				if strings.Contains(text, "jitter") {
					x = float64(due % time.Millisecond)
				}
				k := slices.Index(keys, z.Key(uint64(n)))
				gaps[k], last = append(gaps[k], x), due
			}
			a, va := meanVariance(gaps[0])
			b, vb := meanVariance(gaps[1])
			if sd := math.Sqrt(va/float64(len(gaps[0])) + vb/float64(len(gaps[1]))); math.Abs(a-b) > 4*sd {
				t.Errorf("%s: %v before calls of one key, %v before those of the other", text, time.Duration(a),
					time.Duration(b))
			}
		})
	}
}

func TestTheFirstCallsAreThoseOfTheWhole(t *testing.T) {
	for _, process := range schedule.Processes() {
		whole := loaded(t, "const:1k/s@1s "+process, 7)
		all := instants(whole, 0)
		for _, n := range []int{0, 1, 5, 256, 500, len(all) - 1, len(all), len(all) + 1, 1 << 40} {
			first := schedule.First(whole, uint64(n))
			if got := instants(first, 0); !slices.Equal(got, all[:min(n, len(all))]) {
				t.Errorf("the first %d of %s are %d, or others", n, process, len(got))
			}
			if got, want := instants(first, 3), all[min(3, n, len(all)):min(n, len(all))]; !slices.Equal(got, want) {
				t.Errorf("the first %d of %s from 3 on are %d, want %d", n, process, len(got), len(want))
			}
			want := whole.Duration()
			if n < len(all) {
				want = all[n]
				if n > 0 {
					want = max(want, all[n-1]+1)
				}
			}
			if first.Duration() != want {
				t.Errorf("the first %d of %s last %v, want %v", n, process, first.Duration(), want)
			}
		}
	}
	if schedule.First(nil, 1) != nil {
		t.Error("nothing has a first call")
	}
}

func TestInstantsAreInOrderAndAsManyAsTheRateCurveSays(t *testing.T) {
	rate := rapid.Custom(func(t *rapid.T) string {
		return rapid.SampledFrom([]string{"1", "0.5", "10", "333", "1k", "1000/3", "60/m", "2.5k/s"}).Draw(t, "rate")
	})
	lasts := rapid.SampledFrom([]string{"1ns", "13ns", "1us", "1ms", "100ms", "1.5s", "3s"})
	shape := rapid.Custom(func(t *rapid.T) string {
		a, b, c, d := rate.Draw(t, "a"), rate.Draw(t, "b"), rate.Draw(t, "c"), lasts.Draw(t, "d")
		return rapid.SampledFrom([]string{
			"const:" + a + "@" + d, "ramp:" + a + ".." + b + "@" + d, "ramp:0.." + b + "@" + d, "ramp:" + a +
				"..0/s@" + d, "step:" + a + ".." + b + "@1s(steps=9)",
			"spike:" + a + ".." + b + "@" + d, "sine:" + a + ".." + b + "@1s(period=270ms)", "stages:0.." + a + "@" +
				d + ".." + b + "@" + d + ".." + c + "@1s",
		}).Draw(t, "shape")
	})
	property.Check(t, func(t *rapid.T) {
		text := strings.Join(rapid.SliceOfN(shape, 1, 3).Draw(t, "curve"), " + ")
		process := rapid.SampledFrom(append(schedule.Processes(), "jitter(share=1)", "bursts(size=1)",
			"gamma(cv=9)")).Draw(t, "process")
		l, err := schedule.ParseLoad(text + " " + process)
		if err != nil {
			t.Fatal(err)
		}
		seed := rapid.Uint64().Draw(t, "seed")
		a, err := l.Arrivals(seed)
		if err != nil {
			t.Fatal(err)
		}
		all := instants(a, 0)
		if !slices.IsSorted(all) || len(all) > 0 && (all[0] < 0 || all[len(all)-1] >= a.Duration()) {
			t.Fatalf("%v goes back in time, or past %v", l, a.Duration())
		}
		// A rate curve stretches time. It leaves as many calls as a constant rate would, or one
		// less.
		even := func(calls uint64) int {
			if calls == 0 {
				return 0
			}
			a, err := l.Process.Arrivals(schedule.PerSecond(1), time.Duration(calls)*time.Second, seed)
			if err != nil {
				t.Fatal(err)
			}
			return len(instants(a, 0))
		}
		if calls := l.RateCurve.Calls(); len(all) < even(calls-1) || len(all) > even(calls) {
			t.Fatalf("%v has %d calls, want %d to %d", l, len(all), even(calls-1), even(calls))
		}
		n := rapid.Uint64Range(0, uint64(len(all)+1)).Draw(t, "from")
		if got := instants(a, n); !slices.Equal(got, all[min(n, uint64(len(all))):]) {
			t.Fatalf("%v from %d has other instants", l, n)
		}
	})
}

// everyCurve holds a rate curve of each shape, and one of several parts.
var everyCurve = []string{
	"const:7k/s@1s", "ramp:0..9k/s@1s", "ramp:9k..0/s@1s", "step:1k..9k/s@1s(steps=7)", "spike:100..20k/s@1s",
	"sine:1k..9k/s@1s(period=300ms)", "stages:0..9k@300ms..1k@500ms..0/s@200ms",
	"const:5k/s@100ms + const:0/s@200ms + ramp:5k..10k/s@300ms",
}
