package schedule_test

import (
	"math"
	"math/big"
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

func rateCurve(t testing.TB, text string) schedule.RateCurve {
	t.Helper()
	p, err := schedule.ParseRateCurve(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func load(t testing.TB, text string) schedule.Load {
	t.Helper()
	l, err := schedule.ParseLoad(text)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// loaded returns the schedule of the load that a text describes.
func loaded(t testing.TB, text string, seed uint64) schedule.Arrivals {
	t.Helper()
	a, err := load(t, text).Arrivals(seed)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

// A leg is a part of a rate curve, written out, in which the rate changes linearly.
type leg struct {
	from, to *big.Rat // calls per second
	lasts    time.Duration
}

// legs returns legs of the same length between successive rates.
func legs(lasts time.Duration, rates ...int64) (legs []leg) {
	for i := 1; i < len(rates); i++ {
		legs = append(legs, leg{big.NewRat(rates[i-1], 1), big.NewRat(rates[i], 1), lasts})
	}
	return legs
}

// before returns a function that computes the number of calls before an instant: the area under
// the rate.
func before(legs []leg) func(time.Duration) *big.Rat {
	area := func(l leg, in time.Duration) *big.Rat {
		rate := new(big.Rat).Sub(l.to, l.from)
		rate.Mul(rate, big.NewRat(int64(in), int64(l.lasts)*2)).Add(rate, l.from) // halfway
		return rate.Mul(rate, big.NewRat(int64(in), 1e9))
	}
	sums := []*big.Rat{new(big.Rat)} // before each leg
	for i, l := range legs {
		sums = append(sums, new(big.Rat).Add(sums[i], area(l, l.lasts)))
	}
	return func(t time.Duration) *big.Rat {
		for i, l := range legs {
			if t <= l.lasts {
				return new(big.Rat).Add(sums[i], area(l, t))
			}
			t -= l.lasts
		}
		return sums[len(legs)]
	}
}

// sine returns 96 chords per period between points of a sine on a grid of 2^-20.
func sine(low, high int64, period time.Duration, periods int) (legs []leg) {
	at := func(k int) *big.Rat {
		x := math.Sin(math.Pi * float64(k) / 96)
		way := big.NewRat(int64(math.Round(x*x*(1<<20))), 1<<20)
		return way.Mul(way, big.NewRat(high-low, 1)).Add(way, big.NewRat(low, 1))
	}
	for range periods {
		for k := range 96 {
			end := func(k int) time.Duration {
				return time.Duration(new(big.Int).Div(new(big.Int).Mul(big.NewInt(int64(period)),
					big.NewInt(int64(k))), big.NewInt(96)).Int64())
			}
			legs = append(legs, leg{at(k), at(k + 1), end(k+1) - end(k)})
		}
	}
	return legs
}

var writtenOut = map[string][]leg{
	"const:600k/s@1s":                  legs(time.Second, 600_000, 600_000),
	"const:1000/3/s@3s":                {{big.NewRat(1000, 3), big.NewRat(1000, 3), 3 * time.Second}},
	"const:7M/s@24h":                   legs(24*time.Hour, 7_000_000, 7_000_000),
	"ramp:1k..20k/s@1m":                legs(time.Minute, 1000, 20_000),
	"ramp:20k..0/s@1m":                 legs(time.Minute, 20_000, 0),
	"ramp:0..1M/s@24h":                 legs(24*time.Hour, 0, 1_000_000),
	"ramp:1M..0/s@24h":                 legs(24*time.Hour, 1_000_000, 0),
	"ramp:600..1200/m@10s":             legs(10*time.Second, 10, 20),
	"ramp:1k..2k@100h + ramp:2k..1@9h": append(legs(100*time.Hour, 1000, 2000), legs(9*time.Hour, 2000, 1)...),
	"step:1k..5k/s@1m(steps=5)": append(legs(12*time.Second, 1000, 1000),
		append(legs(12*time.Second, 2000, 2000), append(legs(12*time.Second, 3000, 3000),
			append(legs(12*time.Second, 4000, 4000), legs(12*time.Second, 5000, 5000)...)...)...)...),
	"step:10..0/s@10s(steps=3)": append(legs(3333333333, 10, 10),
		append(legs(3333333333, 5, 5), legs(3333333334, 0, 0)...)...),
	"spike:1k..20k/s@1m(at=30s,for=5s)": append(legs(30*time.Second, 1000, 1000),
		append(legs(5*time.Second, 20_000, 20_000),
			legs(25*time.Second, 1000, 1000)...)...),
	"spike:0..20k/s@1m": append(legs(27*time.Second, 0, 0),
		append(legs(6*time.Second, 20_000, 20_000), legs(27*time.Second, 0, 0)...)...),
	"sine:1k..5k/s@1m(period=20s)": sine(1000, 5000, 20*time.Second, 3),
	"sine:5k..0/s@1m7s":            sine(5000, 0, 67*time.Second, 1),
	"sine:10..100k/s@24h":          sine(10, 100_000, 24*time.Hour, 1),
	"stages:0..1k@10s..5k@30s..0/s@10s": append(legs(10*time.Second, 0, 1000), append(legs(30*time.Second, 1000, 5000),
		legs(10*time.Second, 5000, 0)...)...),
	"const:7/s@500ms + const:0/s@3s + ramp:0..10/s@1s + const:3/s@1s": append(legs(500*time.Millisecond, 7, 7),
		append(legs(3*time.Second, 0, 0),
			append(legs(time.Second, 0, 10), legs(time.Second, 3, 3)...)...)...),
}

func TestCallsOfEveryRateCurveAreDueExactly(t *testing.T) {
	for text, legs := range writtenOut {
		t.Run(text, func(t *testing.T) {
			a, p := loaded(t, text+" constant", 1), rateCurve(t, text)
			length := time.Duration(0)
			for _, l := range legs {
				length += l.lasts
			}
			before := before(legs)
			total := before(length)
			calls := new(big.Int).Div(new(big.Int).Sub(new(big.Int).Add(total.Num(), total.Denom()), big.NewInt(1)),
				total.Denom()).Uint64()
			if p.Calls() != calls || p.Duration() != length || a.Duration() != length {
				t.Errorf("%s: %d calls in %v, and a schedule of %v, want %d in %v", text, p.Calls(), p.Duration(),
					a.Duration(), calls, length)
				return
			}
			r := rand.New(rand.NewPCG(1, 2))
			for n := range uint64(160) { // the first, the last, and some between, a few in a row
				if n >= 60 {
					n = r.Uint64N(calls)
				}
				if n < 20 {
					n = calls - min(n+1, calls)
				}
				i := a.From(n)
				for k := n; k < n+4; k++ {
					due, ok := i.Next()
					if ok != (k < calls) {
						t.Fatalf("%s: there is a call %d of %d: %v", text, k, calls, ok)
					}
					if !ok {
						continue
					}
					exact := new(big.Rat).SetInt(new(big.Int).SetUint64(k))
					if before(due).Cmp(exact) > 0 || before(due+1).Cmp(exact) <= 0 || due >= length {
						t.Fatalf("%s: call %d is due at %d, where there are %s before it and %s before the next "+
							"nanosecond",
							text, k, due, before(due).FloatString(12), before(due+1).FloatString(12))
					}
				}
			}
		})
	}
}

func TestARateCurveHasTheRateThatItsTextSays(t *testing.T) {
	for text, want := range map[string]struct {
		at         map[time.Duration]float64
		peak, mean float64
	}{
		"const:5k/s@30s": {map[time.Duration]float64{0: 5000, 29 * time.Second: 5000,
			30 * time.Second: 0, -1: 0}, 5000, 5000},
		"const:1000/3/s": {map[time.Duration]float64{0: 1000.0 / 3, 24 * time.Hour: 1000.0 / 3},
			1000.0 / 3, 1000.0 / 3},
		"ramp:1k..2k/s@10s": {map[time.Duration]float64{0: 1000, 5 * time.Second: 1500}, 2000, 1500},
		"ramp:1k..1k/s@10s": {map[time.Duration]float64{0: 1000, 5 * time.Second: 1000}, 1000, 1000},
		"step:0..100/s@3s(steps=3)": {map[time.Duration]float64{0: 0, time.Second: 50, 2*time.Second - 1: 50,
			2 * time.Second: 100}, 100, 50},
		"spike:10..110/s@10s": {map[time.Duration]float64{4500*time.Millisecond - 1: 10,
			4500 * time.Millisecond: 110, 5500 * time.Millisecond: 10}, 110, 20},
		"sine:100..300/s@8s(period=4s)": {map[time.Duration]float64{0: 100, time.Second: 200,
			2 * time.Second: 300, 4 * time.Second: 100, 7 * time.Second: 200}, 300, 200},
		"stages:0..100@1s..100@1s..0/s@2s": {map[time.Duration]float64{0: 0, 500 * time.Millisecond: 50,
			1500 * time.Millisecond: 100, 3 * time.Second: 50}, 100, 62.5},
		"const:1/s@1s + const:3/s@1s": {map[time.Duration]float64{0: 1, time.Second: 3}, 3, 2},
		"const:2/s@1s + const:2/s@1s": {map[time.Duration]float64{0: 2, time.Second: 2}, 2, 2},
		"ramp:0..1k/s@10s + const:1k/s": {map[time.Duration]float64{5 * time.Second: 500, 1000 * time.Hour: 1000},
			1000, 1000},
		"sine:100..300/s@1s(period=4s)":     {map[time.Duration]float64{time.Second - 1: 200}, 200, 0},
		"sine:100..300/s@1004ms(period=4s)": {map[time.Duration]float64{0: 100}, 200.6, 0},
	} {
		t.Run(text, func(t *testing.T) {
			p := rateCurve(t, text)
			for at, rate := range want.at {
				if got := p.At(at); math.Abs(got-rate) > 1e-6*rate {
					t.Errorf("%s at %v is %v, want %v", text, at, got, rate)
				}
			}
			if math.Abs(p.Peak()-want.peak) > 0.1 || want.mean > 0 && math.Abs(p.Mean()-want.mean) > 1e-3 {
				t.Errorf("%s has a peak of %v and a mean of %v, want %v and %v", text, p.Peak(), p.Mean(), want.peak,
					want.mean)
			}
		})
	}
}

func TestASineIsNoFurtherOffThanItSays(t *testing.T) {
	p := rateCurve(t, "sine:1k..5k/s@1m(period=20s)")
	const amplitude = 2000
	worst := 0.0
	for at := time.Duration(0); at < p.Duration(); at += 1234567 {
		want := 3000 - amplitude*math.Cos(2*math.Pi*at.Seconds()/20)
		worst = max(worst, math.Abs(p.At(at)-want)/amplitude)
	}
	if worst > 0.00054 || worst < 0.0005 {
		t.Errorf("off by up to %.4f %% of the amplitude", 100*worst)
	}
}

func TestAnEndlessRateCurveGoesOn(t *testing.T) {
	for _, text := range []string{"const:1k/s", "const:1M/s@1s + const:1k/s"} {
		t.Run(text, func(t *testing.T) {
			p := rateCurve(t, text)
			for _, process := range schedule.Processes() {
				a := loaded(t, text+" "+process, 1)
				if p.Duration() != schedule.Endless || a.Duration() != schedule.Endless || p.Calls() < 9e12 {
					t.Errorf("%s lasts %v and %v, with %d calls", text, p.Duration(), a.Duration(), p.Calls())
				}
				if strings.HasPrefix(process, "pareto") {
					continue // draws every gap up to there
				}
				i := a.From(100_000_000)
				if due, ok := i.Next(); !ok || due < 27*time.Hour || due > 29*time.Hour {
					t.Errorf("%s %s: call 100,000,000 is due at %v, %v", text, process, due, ok)
				}
			}
		})
	}
	even := loaded(t, "const:1/s constant", 0) // calls to the very last
	last := rateCurve(t, "const:1/s").Calls() - 1
	i := even.From(last)
	if due, ok := i.Next(); !ok || due != time.Duration(last)*time.Second {
		t.Errorf("the last call is due at %v, %v", due, ok)
	}
	if due, ok := i.Next(); ok {
		t.Errorf("a call after the last, at %v", due)
	}
}

func TestSteadyIsTheConstThatIsRead(t *testing.T) {
	for text, p := range map[string]schedule.RateCurve{
		"const:5k/s@30s":    schedule.Steady(schedule.PerSecond(5000), 30*time.Second),
		"const:5k/s":        schedule.Steady(schedule.PerSecond(5000), schedule.Endless),
		"const:1000/3/s@1h": schedule.Steady(schedule.Rate{Num: 2000, Den: 6}, time.Hour),
	} {
		t.Run(text, func(t *testing.T) {
			if read := rateCurve(t, text); !read.Equal(p) || p.String() != text || p.Calls() != read.Calls() ||
				p.Duration() != read.Duration() || p.Err() != nil {
				t.Errorf("%s is %v, with %d calls in %v", text, p, p.Calls(), p.Duration())
			}
		})
	}
	longest := "const:1/s@" + schedule.Endless.String()
	if p := rateCurve(t, longest); p.String() != "const:1/s" {
		t.Errorf("%s is %s", longest, p)
	}
	for _, p := range []schedule.RateCurve{{}, schedule.Steady(schedule.Rate{}, 0),
		schedule.Steady(schedule.PerSecond(1), -1),
		schedule.Steady(schedule.Rate{Num: 1}, 1)} {
		_, err := schedule.Load{RateCurve: p, Process: process(t, "poisson")}.Arrivals(1)
		if p.Err() == nil || err == nil || p.String() != "" || p.Calls() != 0 || p.Duration() != 0 || p.Peak() != 0 ||
			p.Mean() != 0 || p.At(0) != 0 {
			t.Errorf("rate curve %v, with error %v, is accepted: %v", p, p.Err(), err)
		}
	}
}

// everyCurve holds a rate curve of each shape, and one of several parts.
var everyCurve = []string{
	"const:7k/s@1s", "ramp:0..9k/s@1s", "ramp:9k..0/s@1s", "step:1k..9k/s@1s(steps=7)", "spike:100..20k/s@1s",
	"sine:1k..9k/s@1s(period=300ms)", "stages:0..9k@300ms..1k@500ms..0/s@200ms",
	"const:5k/s@100ms + const:0/s@200ms + ramp:5k..10k/s@300ms",
}

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
