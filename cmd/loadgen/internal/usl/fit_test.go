package usl_test

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

var workers = []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32}

// measured are throughputs of a law, each off by a normal error of that relative size.
func measured(l usl.Law, noise float64, random *rand.Rand) (points []usl.Point) {
	for _, n := range workers {
		points = append(points, usl.Point{N: n, X: l.Throughput(n) * math.Exp(noise*random.NormFloat64())})
	}
	return points
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

func TestFitFindsTheLawThatPointsAreOf(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := laws(t)
		f, err := usl.Nearest(measured(l, 0, seeded(1)))
		if err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
		if !near(f.Lambda, l.Lambda, 1e-6) || math.Abs(f.Sigma-l.Sigma) > 1e-6*(l.Sigma+1e-2) || math.Abs(f.Kappa-l.Kappa) > 1e-6*(l.Kappa+1e-3) {
			t.Errorf("%+v: found %+v", l, f.Law)
		}
		flat := near(l.Throughput(1), l.Throughput(32), 0.01)
		if f.R2 < 1-1e-6 && !flat || math.Abs(f.Worst) > 1e-6 {
			t.Errorf("%+v: R2 %v, and a point is %v off", l, f.R2, f.Worst)
		}
	})
}

func TestFitIsNeverOutsideOfTheBorder(t *testing.T) {
	for seed := range uint64(40) {
		for _, l := range []usl.Law{{Lambda: 5e4}, {Lambda: 5e4, Sigma: 0.05}, {Lambda: 5e4, Kappa: 0.002}} {
			f, err := usl.Nearest(measured(l, 0.02, seeded(seed)))
			if err != nil {
				t.Fatal(err)
			}
			if !(f.Sigma >= 0 && f.Kappa >= 0 && f.Lambda > 0) {
				t.Errorf("seed %d: %+v", seed, f.Law)
			}
		}
	}
}

// No law within the border is nearer than the one that is found.
func TestFitIsTheNearest(t *testing.T) {
	distance := func(l usl.Law, points []usl.Point) (sum float64) {
		for _, p := range points {
			r := math.Log(p.X / l.Throughput(p.N))
			sum += r * r
		}
		return sum
	}
	rapid.Check(t, func(t *rapid.T) {
		random := seeded(rapid.Uint64().Draw(t, "seed"))
		points := measured(laws(t), 0, random)
		for i := range points { // off by too little to be a poor fit
			points[i].X *= 1 + 0.01*(2*random.Float64()-1)
		}
		f, err := usl.Nearest(points)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			step := func(x, size float64) float64 { return max(0, x+size*rapid.Float64Range(-1, 1).Draw(t, "step")) }
			size := powers(t, "size", -6, 0, false)
			other := usl.Law{Lambda: f.Lambda * (1 + step(0, size)), Sigma: step(f.Sigma, size), Kappa: step(f.Kappa, size)}
			if distance(other, points) < distance(f.Law, points)*(1-1e-9) {
				t.Fatalf("%+v is nearer than %+v", other, f.Law)
			}
		}
	})
}

// Of 20 intervals 19 or so hold the truth, of as few as seven points. That of the
// throughput at a peak which is at infinity is too narrow, and is left out.
func TestIntervalsHoldTheTruth(t *testing.T) {
	const fits = 20
	for _, l := range []usl.Law{{Lambda: 20000, Sigma: 0.05, Kappa: 0.002}, {Lambda: 20000, Sigma: 0.08}} {
		held := map[string]int{"lambda": 0, "sigma": 0, "kappa": 0, "peak": 0}
		if l.Kappa > 0 {
			held["throughput at the peak"] = 0
		}
		at, most := l.Peak()
		for seed := range uint64(fits) {
			f, err := usl.New(measured(l, 0.03, seeded(seed))[:7], seed)
			if err != nil {
				t.Fatal(err)
			}
			count := func(name string, i usl.Interval, truth float64) {
				if i.Low <= truth && truth <= i.High {
					held[name]++
				}
			}
			count("lambda", f.LambdaInterval, l.Lambda)
			count("sigma", f.SigmaInterval, l.Sigma)
			count("kappa", f.KappaInterval, l.Kappa)
			count("peak", f.PeakInterval, at)
			if l.Kappa > 0 {
				count("throughput at the peak", f.PeakThroughputInterval, most)
			}
		}
		for name, n := range held {
			if n < fits*85/100 {
				t.Errorf("%+v: %d of %d intervals of %s hold the truth", l, n, fits, name)
			}
		}
	}
}

func TestFitOfOneSeedIsTheSame(t *testing.T) {
	points := measured(usl.Law{Lambda: 20000, Sigma: 0.05, Kappa: 0.002}, 0.03, seeded(3))
	var all [3]string
	for i, seed := range []uint64{5, 5, 6} {
		f, err := usl.New(points, seed)
		if err != nil {
			t.Fatal(err)
		}
		data, err := json.Marshal(f)
		if err != nil {
			t.Fatal(err)
		}
		all[i] = string(data)
	}
	if all[0] != all[1] || all[0] == all[2] {
		t.Errorf("of seeds 5, 5 and 6:\n%s", strings.Join(all[:], "\n"))
	}
}

func TestFitWithoutAPeakIsJSON(t *testing.T) {
	f, err := usl.New(measured(usl.Law{Lambda: 20000, Sigma: 0.05}, 0, seeded(1)), 1)
	if err != nil {
		t.Fatal(err)
	}
	f.Kappa = 0
	f.PeakInterval = usl.Interval{Low: 40, High: math.Inf(1)}
	data, err := json.Marshal(f)
	if err != nil || !strings.Contains(string(data), `"peak_interval":{"low":40,"high":null}`) {
		t.Errorf("%v in %s", err, data)
	}
}

func TestFitIsRefusedWithAReason(t *testing.T) {
	law := usl.Law{Lambda: 20000, Sigma: 0.05, Kappa: 0.002}
	points := func(change func(p []usl.Point) []usl.Point) []usl.Point { return change(measured(law, 0, seeded(1))) }
	for _, c := range []struct {
		name   string
		points []usl.Point
		want   []string
	}{
		{"none", nil, []string{"0 different concurrencies", "fitted to 6 or more"}},
		{"five", points(func(p []usl.Point) []usl.Point { return append(p[:5], p[:5]...) }), []string{"5 different concurrencies"}},
		{"not numbers", points(func(p []usl.Point) []usl.Point {
			p[1].N, p[2].X, p[3].X, p[4].X = math.NaN(), math.Inf(1), -5, 0
			p[5].N = 0.5
			return p
		}), []string{"point 2: its concurrency is NaN", "point 3: its throughput is +Inf", "point 4: its throughput is -5", "point 5: its throughput is 0", "point 6: its concurrency is 0.5"}},
		{"one wild point", points(func(p []usl.Point) []usl.Point { p[9].X *= 2; return p }), []string{"poor fit: R2 0.", "too noisy"}},
		{"a flat curve that wavers", points(func(p []usl.Point) []usl.Point {
			for i := range p {
				p[i].X = 20000 + 2500*float64(i%2)
			}
			return p
		}), []string{"poor fit: R2 0.", "too noisy"}},
		{"faster than linear", points(func(p []usl.Point) []usl.Point {
			for i := range p {
				p[i].X = 100 * p[i].N * p[i].N
			}
			return p
		}), []string{"poor fit", "grows faster than concurrency"}},
	} {
		_, err := usl.New(c.points, 1)
		if err == nil {
			t.Errorf("%s: want an error", c.name)
			continue
		}
		for _, want := range c.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: %v: want %q", c.name, err, want)
			}
		}
	}
	// A curve that is flat leaves nothing to explain.
	flat := measured(usl.Law{Lambda: 20000, Sigma: 1}, 0.01, seeded(2))
	if _, err := usl.New(flat, 1); err != nil {
		t.Errorf("a flat curve: %v", err)
	}
}

func TestExtrapolationIsWarnedOf(t *testing.T) {
	far, err := usl.New(measured(usl.Law{Lambda: 20000, Sigma: 0.01, Kappa: 0.0001}, 0, seeded(1)), 1)
	if err != nil {
		t.Fatal(err)
	}
	if w := far.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "the peak at 99.5 is outside of the 1 to 32 that were measured") {
		t.Errorf("warnings %q", w)
	}
	near, err := usl.New(measured(usl.Law{Lambda: 20000, Sigma: 0.19, Kappa: 0.01}, 0, seeded(1)), 1)
	if err != nil {
		t.Fatal(err)
	}
	if w := near.Warnings(); len(w) != 0 {
		t.Errorf("warnings %q of a peak at 9", w)
	}
	for n, want := range map[float64]bool{0.5: true, 1: false, 32: false, 33: true, math.Inf(1): true} {
		if got := near.Extrapolated(n) != ""; got != want {
			t.Errorf("at %v a warning: %v", n, got)
		}
	}
	for _, p := range near.Curve(50) {
		if p.Extrapolated != (p.N > 32) || !isNear(p.X*p.Latency, p.N) {
			t.Errorf("of the curve: %+v", p)
		}
	}
	none := *near
	none.Kappa = 0
	if w := none.Warnings(); len(w) != 1 || !strings.HasPrefix(w[0], "no peak was seen") {
		t.Errorf("warnings %q", w)
	}
}

func isNear(a, b float64) bool { return near(a, b, 1e-9) }

// Whatever is measured, it is a law that can be written, or an error.
func TestFitOfAnyPointsIsALawOrAnError(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var points []usl.Point
		for range rapid.IntRange(6, 9).Draw(t, "points") {
			points = append(points, usl.Point{N: powers(t, "n", 0, 9, false), X: powers(t, "x", -300, 15, false)})
		}
		f, err := usl.Nearest(points)
		if err == nil && (!(f.Lambda > 0 && f.Sigma >= 0 && f.Kappa >= 0) || math.IsInf(f.Lambda+f.Sigma+f.Kappa, 0)) {
			t.Errorf("%v: %+v", points, f.Law)
		}
	})
}
