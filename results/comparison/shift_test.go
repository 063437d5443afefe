package comparison_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/results/comparison"
)

func TestTheIntervalIsThatOfTheSignedRanks(t *testing.T) {
	// The c of the exact distribution, and its confidence in per cent.
	for n, want := range map[int]struct {
		c          int
		confidence float64
	}{6: {1, 96.9}, 7: {3, 95.3}, 8: {4, 96.1}, 9: {6, 96.1}, 10: {9, 95.1}, 11: {11, 95.8}, 12: {14, 95.7},
		15: {26, 95.2}, 16: {30, 95.6}, 20: {53, 95.2}, 25: {90, 95.2}, 30: {138, 95.0}} {
		base, other := make([]float64, n), make([]float64, n)
		for i := range base {
			base[i], other[i] = 1, math.Exp(math.Pow(2, float64(i))/math.Pow(2, float64(n)))
		}
		var walsh []float64
		for i := range n {
			for j := i; j < n; j++ {
				walsh = append(walsh, math.Sqrt(other[i]*other[j]))
			}
		}
		slices.Sort(walsh)
		s, err := comparison.Compare(base, other)
		if err != nil {
			t.Fatal(err)
		}
		near := func(a, b float64) bool { return math.Abs(a-b) < 1e-12 }
		if !near(s.Low, walsh[want.c-1]) || !near(s.High, walsh[len(walsh)-want.c]) || math.Abs(100*s.Confidence-want.confidence) > 0.06 {
			t.Errorf("n = %d: [%v, %v] at %.2f %%, want [%v, %v] at %v %%", n, s.Low, s.High, 100*s.Confidence,
				walsh[want.c-1], walsh[len(walsh)-want.c], want.confidence)
		}
	}
}

func TestAComparisonKeepsItsIdentities(t *testing.T) {
	positive := rapid.Float64Range(1e-6, 1e9)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(6, 20).Draw(t, "n")
		a, b := rapid.SliceOfN(positive, n, n).Draw(t, "a"), rapid.SliceOfN(positive, n, n).Draw(t, "b")
		ab, err := comparison.Compare(a, b)
		if err != nil {
			t.Fatal(err)
		}
		ba, err := comparison.Compare(b, a)
		if err != nil {
			t.Fatal(err)
		}
		near := func(x, y float64) bool { return math.Abs(x/y-1) < 1e-9 }
		if !near(ab.Ratio, 1/ba.Ratio) || !near(ab.Low, 1/ba.High) || !near(ab.High, 1/ba.Low) || ab.Differs() != ba.Differs() {
			t.Fatalf("swapped arms are not mirrored: %+v, %+v", ab, ba)
		}
		if ab.Low > ab.Ratio || ab.Ratio > ab.High {
			t.Fatalf("%+v", ab)
		}
		k := positive.Draw(t, "k")
		for i := range a {
			a[i], b[i] = a[i]*k, b[i]*k
		}
		if scaled, err := comparison.Compare(a, b); err != nil || !near(scaled.Ratio, ab.Ratio) {
			t.Fatalf("in another unit it is %+v, %v", scaled, err)
		}
	})
}

func TestTheIntervalCoversTheTruthAsOftenAsItSays(t *testing.T) {
	const trials, n, truth = 4000, 8, 1.2
	r := rand.New(rand.NewPCG(1, 2))
	covered := 0
	for range trials {
		base, other := make([]float64, n), make([]float64, n)
		for i := range base {
			drift := math.Exp(r.NormFloat64()) // of the machine, common to both
			base[i] = drift * math.Exp(0.1*r.NormFloat64())
			other[i] = drift * truth * math.Exp(0.1*r.NormFloat64())
		}
		s, err := comparison.Compare(base, other)
		if err != nil {
			t.Fatal(err)
		}
		if s.Low <= truth && truth <= s.High {
			covered++
		}
	}
	if share := float64(covered) / trials; math.Abs(share-0.961) > 0.01 {
		t.Errorf("an interval of 96.1 %% covers the truth in %.1f %%", 100*share)
	}
}

func TestAComparisonThatCannotBeMadeIsRefused(t *testing.T) {
	var few *comparison.TooFewRoundsError
	if _, err := comparison.Compare(make([]float64, 5), make([]float64, 5)); !errors.As(err, &few) || few.Need != 6 {
		t.Errorf("five rounds: %v", err)
	}
	ones := []float64{1, 1, 1, 1, 1, 1}
	for _, other := range [][]float64{ones[:5], {1, 1, 0, 1, 1, 1}, {1, 1, math.NaN(), 1, 1, 1}, {1, 1, -1, 1, 1, 1}, {math.Inf(1), 1, 1, 1, 1, 1}} {
		if s, err := comparison.Compare(ones, other); err == nil {
			t.Errorf("%v: %+v", other, s)
		}
	}
	if s, err := comparison.Compare(ones, ones); err != nil || s.Ratio != 1 || s.Differs() {
		t.Errorf("all ties: %+v, %v", s, err)
	}
}
