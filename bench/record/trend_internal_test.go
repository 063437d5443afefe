package record

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"gonum.org/v1/gonum/stat/combin"
	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// courses are shapes of the medians over a run, which goes from 0 to 1.
var courses = []struct {
	name string
	at   func(t float64) float64
}{
	{"steady", func(float64) float64 { return 1 }},
	{"rises evenly 1 to 2", func(t float64) float64 { return 1 + t }},
	{"falls evenly 10 to 1", func(t float64) float64 { return 10 - 9*t }},
	{"decays 10 to 1", func(t float64) float64 { return 1 + 9*math.Exp(-t/0.3) }},
	{"decays soon", func(t float64) float64 { return 1 + 9*math.Exp(-t/0.1) }},
	{"a step to a tenth at a quarter", func(t float64) float64 {
		if t > 0.25 {
			return 1
		}
		return 10
	}},
	{"a step to twice at half", func(t float64) float64 {
		if t > 0.5 {
			return 2
		}
		return 1
	}},
	{"rises evenly 1 to 100", func(t float64) float64 { return 1 + 99*t }},
	{"a hump in the middle", func(t float64) float64 {
		if t > 0.4 && t < 0.6 {
			return 3
		}
		return 1
	}},
}

// shaped returns n windows whose medians have a shape, with noise on the logarithmic scale.
func shaped(n int, at func(float64) float64, noise float64, r *rand.Rand) []Window {
	return windowed(steady, each(make([]float64, n), func(i int, _ float64) float64 {
		return 1e6 * at((float64(i)+0.5)/float64(n)) * math.Exp(noise*r.NormFloat64())
	}))
}

func TestAChangeIsThatFromTheFirstThirdToTheLast(t *testing.T) {
	for _, shape := range courses {
		t.Run(shape.name, func(t *testing.T) {
			truth := trend(shaped(20, shape.at, 0, anySeed())).Change
			var changes []float64
			covers, says := 0, 0
			const runs = 1000
			for seed := range uint64(runs) {
				tr := trend(shaped(20, shape.at, 0.1, rand.New(rand.NewPCG(seed, 3))))
				changes = append(changes, tr.Change)
				if tr.Interval == nil {
					continue
				}
				if says++; tr.Interval.Low <= truth && truth <= tr.Interval.High {
					covers++
				}
			}
			// Within 3 points, of a ratio above 2 within 3%.
			if got := middle(changes); math.Abs(got-truth) > 0.03*max(1, (1+truth)/2) {
				t.Errorf("changed by %+.1f%%, want %+.1f%%", 100*got, 100*truth)
			}
			if float64(covers) < 0.94*float64(says) || shape.name == "steady" && says < 0.9*runs {
				t.Errorf("%d of %d intervals hold it", covers, says)
			}
		})
	}
}

// A latency that decays as 400 ms/(1+40(t-1)) after the first second cannot change by less than -100%.
func TestLatencyThatDecaysDoesNotChangeByMoreThanAllOfIt(t *testing.T) {
	for _, n := range []int{8, 10, 20, 40, 50} {
		decay := func(t float64) float64 { return 400 / (1 + 40*max(4*t-1, 0)) }
		tr := trend(shaped(n, decay, 0.1, rand.New(rand.NewPCG(1, uint64(n)))))
		if tr.Change >= -0.95 || tr.Change <= -1 || tr.Interval != nil &&
			(tr.Interval.Low <= -1 || tr.Interval.High >= -0.9) {
			t.Errorf("%d windows: %+v, %+v", n, tr, tr.Interval)
		}
	}
}

func TestAChangeIsARatioOfWhatWasMeasured(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		medians := rapid.SliceOfN(rapid.Float64Range(1e3, 1e9), trendWindows, 60).Draw(t, "medians")
		windows := windowed(steady, medians)
		tr := trend(windows)
		least, most := float64(windows[0].P50), 0.0
		for _, w := range windows {
			least, most = min(least, float64(w.P50)), max(most, float64(w.P50))
		}
		within := func(what string, change float64) {
			if !(change > -1) || change < least/most-1-1e-9 || change > (most/least-1)*(1+1e-9) {
				t.Fatalf("%s is %v, and the values are from %v to %v", what, change, least, most)
			}
		}
		within("the change", tr.Change)
		slices.Reverse(windows)
		back := trend(windows)
		if !near((1+tr.Change)*(1+back.Change), 1, 1e-6) {
			t.Fatalf("%v one way, %v the other", tr.Change, back.Change)
		}
		if (tr.Interval == nil) != (back.Interval == nil) || len(medians) < intervalWindows && tr.Interval != nil {
			t.Fatalf("intervals %v and %v", tr.Interval, back.Interval)
		}
		if i := tr.Interval; i != nil {
			within("the low end", i.Low)
			within("the high end", i.High)
			if i.High < i.Low || !near((1+i.Low)*(1+back.Interval.High), 1, 1e-6) {
				t.Fatalf("%+v of %v, and back %+v", i, tr.Change, back.Interval)
			}
		}
		for i := range windows {
			windows[i].P50 *= 3
		}
		if scaled := trend(windows); !near(scaled.Change, back.Change, 1e-6*(1+back.Change)) {
			t.Fatalf("three times as long it is %v, not %v", scaled.Change, back.Change)
		}
	})
}

// The test counts, among all choices of n ranks of 2n, those with fewer negative differences than the
// rank.
func TestTheRankOfAShiftIsThatOfTheRankSumTest(t *testing.T) {
	for n := 4; n <= 7; n++ {
		counts := make([]float64, n*n+1)
		total := 0.0
		for _, drawn := range combin.Combinations(2*n, n) {
			below := 0
			for i, rank := range drawn {
				below += rank - i
			}
			counts[below]++
			total++
		}
		k := shiftRank(n)
		tail := 0.0
		for _, c := range counts[:k] {
			tail += c / total
		}
		if tail > 0.025 || tail+counts[k]/total <= 0.025 {
			t.Errorf("%d values: rank %d has a tail of %v, the next %v", n, k, tail, tail+counts[k]/total)
		}
	}
	if exact, near := shiftRank(20), int(200-1.96*math.Sqrt(400*41/12.)); exact < near-2 || exact > near+2 {
		t.Errorf("20 values: rank %d, and %d approximately", exact, near)
	}
}

func TestWindowsThatGoTogetherHaveNoInterval(t *testing.T) {
	within := func(noise func(i int) float64) *ChangeInterval {
		var medians []float64
		for i := range 30 {
			medians = append(medians, 1e6*(1+0.1*noise(i)))
		}
		return trend(windowed(steady, medians)).Interval
	}
	if i := within(func(i int) float64 { return float64(i / 5 % 2) }); i != nil {
		t.Errorf("steps of five windows: %+v", i)
	}
	if i := within(func(i int) float64 { return float64(i % 2) }); i == nil {
		t.Error("windows in turn have none")
	}
}
