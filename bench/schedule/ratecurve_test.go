package schedule_test

import (
	"math"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/schedule"
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
