package usl_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

func plateau(each, knee float64) truth {
	return func(n float64) float64 { return each * min(n, knee) }
}

func TestFitIsRefusedWithAReason(t *testing.T) {
	good := lawful(20000, 0.05, 0.002)
	changed := func(change func(p []usl.Point) []usl.Point) []usl.Point {
		return change(good.visited(1, 0, seeded(1), workers...))
	}
	wavers := truth(func(n float64) float64 { return 20000 + 3500*float64(int(n)/2%2) })
	for _, c := range []struct {
		name   string
		points []usl.Point
		want   []string
	}{
		{"none", nil, []string{"0 different concurrencies", "fitted to 6 or more"}},
		{"five", changed(func(p []usl.Point) []usl.Point { return append(p[:5], p[:5]...) }),
			[]string{"5 different concurrencies"}},
		{"not numbers", changed(func(p []usl.Point) []usl.Point {
			p[1].N, p[2].X, p[3].X, p[4].X = math.NaN(), math.Inf(1), -5, 0
			p[5].N = 0.5
			return p
		}), []string{"point 2: its concurrency is NaN", "point 3: its throughput is +Inf", "point 4: its " +
			"throughput is -5", "point 5: its throughput is 0", "point 6: its concurrency is 0.5"}},
		{"a narrow range", good.visited(3, 0, seeded(1), 100, 101, 102, 103, 104, 105),
			[]string{"the least concurrency is 100: want 1 or 2 among them"}},
		{"nothing near one", good.visited(3, 0, seeded(1), 3, 4, 6, 8, 12, 16),
			[]string{"the least concurrency is 3"}},
		{"a plateau", plateau(1000, 4).visited(1, 0, seeded(1), 1, 2, 3, 4, 6, 8, 12, 16),
			[]string{"a plateau does: 1,000/s for each up to 4, and 4,000/s from there on"}},
		{"a plateau between two concurrencies", plateau(1000, 3.1).visited(1, 0, seeded(1), 1, 2, 3, 4, 6, 8, 12, 16),
			[]string{"a plateau does: 1,000/s for each up to 3.1, and 3,100/s from there on"}},
		{"superlinear within 20%", lawful(1000, -0.0288, 0.000447).visited(1, 0, seeded(1), 1, 2, 3, 4, 6, 8, 10),
			[]string{"the law does not fit: the farthest point is +1", "throughput grows faster than concurrency",
				"sigma would be -0.0288"}},
		{"superlinear with noise", lawful(1000, -0.0288, 0.000447).visited(3, 0.03, seeded(1), 1, 2, 3, 4, 6, 8, 10),
			[]string{"throughput grows faster than concurrency"}},
		{"far from linear", truth(func(n float64) float64 { return 100 * n * n }).visited(1, 0, seeded(1), workers...),
			[]string{"does not fit", "grows faster than concurrency"}},
		{"one wild point", changed(func(p []usl.Point) []usl.Point { p[9].X *= 2; return p }),
			[]string{"does not fit", "too noisy"}},
		{"more than visits differ", wavers.visited(3, 0.01, seeded(1), workers...),
			[]string{"visits at one concurrency differ by less than that (lack of fit, p = 0.002)"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, err := usl.New(c.points, 1)
			if err == nil {
				t.Fatal("want an error")
			}
			for _, want := range c.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%v\nwant %q", err, want)
				}
			}
		})
	}
}

// No law is fitted to a plateau, since the law would fall. With up to 3% noise this always holds, and with 5% noise in
// 93 of 100 samples or more.
func TestPlateauIsRefused(t *testing.T) {
	fits := simulations(25)
	for _, at := range [][]float64{{1, 2, 3, 4, 6, 8}, {1, 2, 3, 4, 6, 8, 12, 16}, {1, 2, 4, 8, 16, 32}} {
		for _, noise := range []float64{0, 0.01, 0.03, 0.05} {
			t.Run(fmt.Sprintf("%v with %v%%", at, 100*noise), func(t *testing.T) {
				accepted, found := 0, 0
				for seed := range uint64(fits) {
					_, err := usl.New(plateau(1000, 4).visited(3, noise, seeded(seed), at...), seed)
					switch {
					case err == nil:
						accepted++
					case strings.Contains(err.Error(), "a plateau does"):
						found++
					}
				}
				t.Logf("%d of %d accepted, %d found to be a plateau", accepted, fits, found)
				if most := map[bool]float64{true: 0.07}[noise == 0.05]; float64(accepted) > most*float64(fits) {
					t.Errorf("%d of %d accepted", accepted, fits)
				}
			})
		}
	}
}

// A deviation is not a lack of fit if visits at one concurrency differ as much. If it is equal at every visit, it is.
func TestLackOfFitIsJudgedByVisits(t *testing.T) {
	steady := truth(func(n float64) float64 { return 20000 + 1500*float64(int(n)/2%2) })
	for _, c := range []struct {
		name    string
		noise   float64
		visits  int
		refused bool
		doubt   string
	}{
		{"visits agree", 0.005, 3, false,
			"the law fits only roughly: the farthest point is +3.86% off; visits at one concurrency differ by less"},
		{"visits differ", 0.05, 3, false, ""},
		{"one visit", 0.005, 1, false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			f, err := usl.New(steady.visited(c.visits, c.noise, seeded(2), workers...), 1)
			if err != nil {
				t.Fatal(err)
			}
			if said := strings.Join(f.Warnings(), "\n"); c.doubt == "" && strings.Contains(said, "roughly") ||
				!strings.HasPrefix(said, c.doubt) {
				t.Errorf("warnings %q: want %q", said, c.doubt)
			}
			if (f.LackOfFit != nil) != (c.visits > 1) {
				t.Errorf("p-value %v of %d visits", f.LackOfFit, c.visits)
			}
		})
	}
}
