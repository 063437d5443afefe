package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// tracedRows returns rows of calls with even or Poisson gaps, which the generator begins late by the
// values of lateness.
func tracedRows(r *rand.Rand, poisson bool, perSecond float64, rows, calls int,
	lateness func(due time.Duration) time.Duration) (all [][]TracedCall) {
	mean, due, n := float64(time.Second)/perSecond, 0.0, uint64(0)
	for range rows {
		row := make([]TracedCall, calls)
		for i := range row {
			at := time.Duration(due)
			row[i] = TracedCall{N: n, Due: at, Released: at + lateness(at)}
			gap := 1.0
			if poisson {
				gap = r.ExpFloat64()
			}
			due += gap * mean
			n++
		}
		all = append(all, row)
		due, n = due+1e9, n+1000
	}
	return all
}

func TestAGeneratorThatIsALittleLateIsNotAccused(t *testing.T) {
	for _, poisson := range []bool{false, true} {
		for _, rate := range []float64{1000, 10_000, 50_000} {
			for seed := range uint64(200) {
				r := rand.New(rand.NewPCG(seed, 7))
				f := NewFidelity(tracedRows(r, poisson, rate, 2, 1024, func(time.Duration) time.Duration {
					return time.Duration(r.ExpFloat64() * float64(30*time.Microsecond))
				}))
				if why := (&Record{Fidelity: f}).arrivalsOff(); why != "" {
					t.Fatalf("%.0f/s, Poisson %v, seed %d: %s", rate, poisson, seed, why)
				}
			}
		}
	}
}

func TestTicksOfAMillisecondAreFoundAtEveryRateAtWhichTheyMakeClumps(t *testing.T) {
	tick := func(due time.Duration) time.Duration {
		return (due+time.Millisecond-1)/time.Millisecond*time.Millisecond - due
	}
	for _, poisson := range []bool{false, true} {
		for _, rate := range []float64{3000, 5000, 20_000, 100_000} {
			for seed := range uint64(20) {
				f := NewFidelity(tracedRows(rand.New(rand.NewPCG(seed, 7)), poisson, rate, 8, 1024, tick))
				if why := (&Record{Fidelity: f}).arrivalsOff(); !strings.Contains(why,
					"clumps that the schedule does not have") {
					t.Fatalf("%.0f/s, Poisson %v, seed %d: %q; %+v", rate, poisson, seed, why, f)
				}
			}
		}
	}
}

// The second of two workers may begin its call first.
func TestCallsThatOvertakeEachOtherAreFaithfulAsLongAsOneIsMadeWhenOneIsDue(t *testing.T) {
	rows := tracedRows(anySeed(), false, 1000, 1, 1024, func(time.Duration) time.Duration { return 0 })
	for i := 0; i < 1024; i += 2 {
		a, b := &rows[0][i], &rows[0][i+1]
		a.Released, b.Released = b.Released, a.Released
	}
	if f := NewFidelity(rows); f.Distance != 0 {
		t.Errorf("%+v", f)
	}
}

func TestOfFewCallsNothingIsSaid(t *testing.T) {
	exact := func(time.Duration) time.Duration { return 0 }
	r := rand.New(rand.NewPCG(1, 1))
	for calls, judged := range map[int]bool{2: false, fidelityCalls: false, fidelityCalls + 1: true} {
		if f := NewFidelity(tracedRows(r, false, 1000, 1, calls, exact)); (f != nil) != judged {
			t.Errorf("of %d calls: %+v", calls, f)
		}
	}
	if f := NewFidelity(nil); f != nil {
		t.Errorf("of none: %+v", f)
	}
}

// Without a tolerance it is the two-sided Kolmogorov-Smirnov distance.
func TestTheDistanceOfGapsIsThatOfTheirDistributionFunctions(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		a, b := slices.Sorted(slices.Values(values(t, "a", 1))), slices.Sorted(slices.Values(values(t, "b", 1)))
		want := stat.KolmogorovSmirnov(a, nil, b, nil)
		if got := max(above(a, b, 0), above(b, a, 0)); !near(got, want, 1e-12) {
			t.Fatalf("distance %v, want %v", got, want)
		}
		tolerance := float64(rapid.IntRange(0, 20).Draw(t, "tolerance"))
		shifted := each(a, func(_ int, x float64) float64 { return x + tolerance })
		if got := max(above(a, shifted, tolerance), above(shifted, a, tolerance)); got != 0 {
			t.Fatalf("gaps that differ by the tolerance of %v have a distance of %v", tolerance, got)
		}
		if loose, tight := above(a, b, tolerance), above(a, b, 0); loose > tight {
			t.Fatalf("a tolerance of %v makes of %v %v", tolerance, tight, loose)
		}
	})
}

// windowed returns windows with the given medians of latency.
func windowed(offered func(i int) uint64, medians []float64) (windows []Window) {
	for i, m := range medians {
		n := offered(i)
		windows = append(windows, Window{Length: time.Second, Offered: n, Done: n, P50: time.Duration(m)})
	}
	return windows
}

func steady(int) uint64 { return 1000 }

func judged(windows []Window) string { return (&Record{Trend: trend(windows)}).notStationary() }

func drift(n int, from, to, noise float64, r *rand.Rand) []float64 {
	return each(make([]float64, n), func(i int, _ float64) float64 {
		return (from + (to-from)*float64(i)/float64(n-1)) * (1 + noise*r.NormFloat64())
	})
}

func TestLatencyThatChangesByAThirdIsNotStationary(t *testing.T) {
	for _, c := range []struct {
		name     string
		from, to float64 // ns
		why      string
	}{
		{"by half from end to end", 1e6, 1.5e6,
			"changed by +32% from the first third of the run to the last, 1.077ms to 1.423ms"},
		{"tenfold", 1e6, 10e6, "changed by +261%"},
		{"falling by less", 1.6e6, 1e6, ""},
		{"falling by half", 2e6, 1e6, "changed by -37%"},
		{"a little", 1e6, 1.2e6, ""},
		{"by less than 50 us", 1e5, 1.7e5, ""},
		{"by more than 50 us", 1e5, 1.8e5, "changed by +49%"},
		{"not at all", 1e6, 1e6, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			why := judged(windowed(steady, drift(40, c.from, c.to, 0, rand.New(rand.NewPCG(1, 1)))))
			if (why == "") != (c.why == "") || !strings.Contains(why, c.why) {
				t.Errorf("%q, want %q", why, c.why)
			}
			if c.why != "" && !strings.Contains(why, "over 40 windows): warm up for longer") {
				t.Errorf("no advice: %q", why)
			}
		})
	}
	for seed := range uint64(200) { // through some noise
		if judged(windowed(steady, drift(40, 1e6, 1.7e6, 0.05, rand.New(rand.NewPCG(seed, 1))))) == "" {
			t.Errorf("seed %d: growing by two thirds is not seen", seed)
		}
	}
}

func anySeed() *rand.Rand { return rand.New(rand.NewPCG(0, 0)) }

func TestLatencyThatOnlyVariesIsStationary(t *testing.T) {
	alarms := 0
	for seed := range uint64(2000) {
		r := rand.New(rand.NewPCG(seed, 1))
		medians := each(make([]float64, 8+int(seed%43)),
			func(int, float64) float64 { return 1e6 * math.Exp(0.5*r.NormFloat64()) })
		if judged(windowed(steady, medians)) != "" {
			alarms++
		}
	}
	if alarms >= 20 {
		t.Errorf("%d of 2000 runs are blamed", alarms)
	}
}

func TestALoadThatGrowsIsNotBlamedForLatencyThatDoes(t *testing.T) {
	rising := func(i int) uint64 { return 1000 + 100*uint64(i) }
	if why := judged(windowed(rising, drift(40, 1e6, 5e6, 0.02, rand.New(rand.NewPCG(1, 1))))); why != "" {
		t.Error(why)
	}
}

func TestATrendNeedsWindowsWithCalls(t *testing.T) {
	few := func(int) uint64 { return trendCalls - 1 }
	for name, c := range map[string]struct {
		windows []Window
		want    int
	}{
		"too few windows": {windowed(steady, drift(7, 1, 2, 0, anySeed())), 0},
		"enough":          {windowed(steady, drift(8, 1e6, 2e6, 0, anySeed())), 8},
		"too few calls":   {windowed(few, drift(30, 1, 2, 0, anySeed())), 0},
	} {
		t.Run(name, func(t *testing.T) {
			got := 0
			if tr := trend(c.windows); tr != nil {
				got = tr.Windows
			}
			if got != c.want {
				t.Errorf("%s: judged by %d windows, want %d", name, got, c.want)
			}
		})
	}
	// The last window may be shorter, and holds fewer calls.
	cut := windowed(steady, drift(30, 1e6, 1e6, 0, anySeed()))
	cut[29].Length, cut[29].P50 = time.Millisecond, time.Hour
	if tr := trend(cut); tr.Windows != 29 || tr.Change != 0 {
		t.Errorf("%+v", tr)
	}
}
