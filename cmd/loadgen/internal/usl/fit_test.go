package usl_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/internal/property"
)

var workers = []float64{1, 2, 3, 4, 6, 8, 12, 16, 24, 32}

// A truth is the throughput of a system at a concurrency.
type truth func(n float64) float64

// lawful returns the Universal Scalability Law, written independently of the package.
func lawful(lambda, sigma, kappa float64) truth {
	return func(n float64) float64 { return lambda * n / (1 + sigma*(n-1) + kappa*n*(n-1)) }
}

// visited returns what visits to a system measure at each of some concurrencies. Noise is the standard deviation of
// their relative error.
func (x truth) visited(visits int, noise float64, random *rand.Rand, at ...float64) (points []usl.Point) {
	for range visits {
		for _, n := range at {
			points = append(points, usl.Point{N: n, X: x(n) * math.Exp(noise*random.NormFloat64())})
		}
	}
	return points
}

// measured returns one visit at each of workers.
func measured(l usl.Law, noise float64, random *rand.Rand) []usl.Point {
	return lawful(l.Lambda, l.Sigma, l.Kappa).visited(1, noise, random, workers...)
}

func seeded(seed uint64) *rand.Rand { return rand.New(rand.NewPCG(seed, 7)) }

// simulations returns how many samples a simulation fits: USL_SIMULATIONS if it is set, otherwise few.
func simulations(few int) int {
	if n, err := strconv.Atoi(os.Getenv("USL_SIMULATIONS")); err == nil {
		return n
	}
	return few
}

func TestFitFindsTheLawThatPointsAreOf(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		l := laws(t)
		f, err := usl.Nearest(measured(l, 0, seeded(1)))
		if err != nil {
			t.Fatalf("%+v: %v", l, err)
		}
		if !near(f.Lambda, l.Lambda, 1e-6) || math.Abs(f.Sigma-l.Sigma) > 1e-6*(l.Sigma+1e-2) ||
			math.Abs(f.Kappa-l.Kappa) > 1e-6*(l.Kappa+1e-3) {
			t.Errorf("%+v: found %+v", l, f.Law)
		}
		if math.Abs(f.Worst) > 1e-6 {
			t.Errorf("%+v: a point is %v off", l, f.Worst)
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

// No allowed law is nearer to the medians than the one that is found.
func TestFitIsTheNearest(t *testing.T) {
	distance := func(l usl.Law, points []usl.Point) (sum float64) {
		for _, p := range points {
			r := math.Log(p.X / l.Throughput(p.N))
			sum += r * r
		}
		return sum
	}
	property.Check(t, func(t *rapid.T) {
		points := measured(laws(t), 0.02, seeded(rapid.Uint64().Draw(t, "seed")))
		visits := points
		for _, p := range points { // these do not move the median
			off := rapid.Float64Range(0, 1).Draw(t, "off")
			visits = append(visits, usl.Point{N: p.N, X: p.X * (1 + off)}, usl.Point{N: p.N, X: p.X * (1 - off/2)})
		}
		f, err := usl.Nearest(visits)
		if err != nil {
			t.Fatal(err)
		}
		for range 20 {
			step := func(x, size float64) float64 { return max(0, x+size*rapid.Float64Range(-1, 1).Draw(t, "step")) }
			size := powers(t, "size", -6, 0, false)
			other := usl.Law{Lambda: f.Lambda * (1 + step(0, size)), Sigma: step(f.Sigma, size),
				Kappa: step(f.Kappa, size)}
			if distance(other, points) < distance(f.Law, points)*(1-1e-9) {
				t.Fatalf("%+v is nearer than %+v", other, f.Law)
			}
		}
	})
}

// Samples of a law are accepted at least 93 times in 100, for flat and for steep curves. At least 93 of 100 intervals
// of their throughput contain the true value, and 91 of those of their coefficients. A p-value of 5% or less occurs
// in at most 8 of 100. The short form of the test has wider bounds, since it has few samples.
func TestLawIsAcceptedAndItsIntervalsHoldTheTruth(t *testing.T) {
	few := 10
	fits := simulations(few)
	slack := 0.0
	if fits == few {
		slack = 0.1
	}
	for _, c := range []struct {
		name           string
		sigma, kappa   float64
		at             []float64
		peak, greatest float64 // greatest is within what was measured
	}{
		{"flat", 1, 0, workers[:6], 0, 20000},
		{"flat to 16", 1, 0, workers[:8], 0, 20000},
		{"bent", 0.08, 0, workers[:7], 0, 20000 * 12 / 1.88},
		{"peaked", 0.05, 0.02, workers[:7], math.Sqrt(0.95 / 0.02), lawful(20000, 0.05, 0.02)(math.Sqrt(0.95 / 0.02))},
		{"falling", 1.2, 0.01, workers[:7], 1, 20000},
	} {
		t.Run(c.name, func(t *testing.T) {
			accepted, told, unlikely, doubted, held := 0, 0, 0, 0, map[string]int{}
			for seed := range uint64(fits) {
				f, err := usl.New(lawful(20000, c.sigma, c.kappa).visited(3, 0.03, seeded(seed), c.at...), seed)
				if err != nil {
					unlikely++
					continue
				}
				accepted++
				if *f.LackOfFit <= 0.05 {
					unlikely++
				}
				if strings.Contains(strings.Join(f.Warnings(), "\n"), "fits only roughly") {
					doubted++
				}
				count := func(name string, i usl.Interval, truth float64) {
					if i.Low <= truth && truth <= i.High {
						held[name]++
					}
				}
				count("lambda", f.LambdaInterval, 20000)
				count("sigma", f.SigmaInterval, c.sigma)
				count("kappa", f.KappaInterval, c.kappa)
				count("the greatest throughput", f.GreatestInterval, c.greatest)
				if f.PeakInterval != nil {
					told++
					count("the peak", *f.PeakInterval, c.peak)
				}
			}
			t.Logf("%d of %d accepted, %d with doubts, a peak in %d; intervals that hold the truth: %v; p <= 5%% in "+
				"%d",
				accepted, fits, doubted, told, held, unlikely)
			atLeast := func(what string, n, of int, share float64) {
				if float64(n) < (share-slack)*float64(of) {
					t.Errorf("%s: %d of %d", what, n, of)
				}
			}
			atLeast("accepted", accepted, fits, 0.93)
			atLeast("accepted without doubt", accepted-doubted, fits, 0.93)
			atLeast("p above 5%", fits-unlikely, fits, 0.92)
			atLeast("intervals of the greatest throughput that hold it", held["the greatest throughput"], accepted,
				0.93)
			for _, name := range []string{"lambda", "sigma", "kappa"} {
				atLeast("intervals of "+name+" that hold it", held[name], accepted, 0.91)
			}
			if c.kappa > 0 {
				atLeast("intervals of the peak that hold it", held["the peak"], told, 0.91)
			} else {
				atLeast("samples of a law without a peak of which none is told", accepted-told, accepted, 0.93)
			}
		})
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

func TestIntervalWithoutAnEndIsJSON(t *testing.T) {
	data, err := json.Marshal(usl.Fit{PeakInterval: &usl.Interval{Low: 40, High: math.Inf(1)}})
	if err != nil || !strings.Contains(string(data), `"peak_interval":{"low":40,"high":null}`) {
		t.Errorf("%v in %s", err, data)
	}
}

// Every measurement results in an error, or in a law that can be written as JSON.
func TestFitOfAnyPointsIsALawOrAnError(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		points := []usl.Point{{N: 1, X: powers(t, "x", -300, 15, false)}}
		for range rapid.IntRange(5, 9).Draw(t, "points") {
			points = append(points, usl.Point{N: powers(t, "n", 0, 9, false), X: powers(t, "x", -300, 15, false)})
		}
		f, err := usl.Nearest(points)
		if err == nil && (!(f.Lambda > 0 && f.Sigma >= 0 && f.Kappa >= 0) || math.IsInf(f.Lambda+f.Sigma+f.Kappa, 0)) {
			t.Errorf("%v: %+v", points, f.Law)
		}
	})
}

func TestMedians(t *testing.T) {
	got := usl.Medians([]usl.Point{{N: 4, X: 9}, {N: 1, X: 5}, {N: 4, X: 7}, {N: 4, X: 100}, {N: 2, X: 4},
		{N: 2, X: 1}})
	// the geometric mean of two
	if want := []usl.Point{{N: 1, X: 5}, {N: 2, X: 2}, {N: 4, X: 9}}; !slices.Equal(got, want) {
		t.Errorf("%v: want %v", got, want)
	}
}

// If one visit of three is slow at every other concurrency, as on a busy machine, the law does not move.
func TestDisturbedVisitsDoNotMoveTheLaw(t *testing.T) {
	x := lawful(2000, 0.05, 0.02)
	points := x.visited(3, 0, seeded(1), workers[:6]...)
	for i := 0; i < 6; i += 2 {
		points[i].X /= 10
	}
	f, err := usl.New(points, 1)
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprintf("%.4g %.3g %.3g", f.Lambda, f.Sigma, f.Kappa); got != "2000 0.05 0.02" {
		t.Errorf("found %s", got)
	}
}
