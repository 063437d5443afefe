package comparison_test

import (
	"errors"
	"math"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/results/comparison"
)

func TestAComparisonKeepsItsIdentities(t *testing.T) {
	positive := rapid.Float64Range(1e-6, 1e9)
	property.Check(t, func(t *rapid.T) {
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
		if !near(ab.Ratio, 1/ba.Ratio) || !near(ab.Low, 1/ba.High) || !near(ab.High, 1/ba.Low) ||
			ab.Differs() != ba.Differs() {
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

func TestAComparisonThatCannotBeMadeIsRefused(t *testing.T) {
	var few *comparison.TooFewRoundsError
	if _, err := comparison.Compare(make([]float64, 5), make([]float64, 5)); !errors.As(err, &few) || few.Need != 6 {
		t.Errorf("five rounds: %v", err)
	}
	ones := []float64{1, 1, 1, 1, 1, 1}
	for _, other := range [][]float64{ones[:5], {1, 1, 0, 1, 1, 1}, {1, 1, math.NaN(), 1, 1, 1},
		{1, 1, -1, 1, 1, 1}, {math.Inf(1), 1, 1, 1, 1, 1}} {
		if s, err := comparison.Compare(ones, other); err == nil {
			t.Errorf("%v: %+v", other, s)
		}
	}
	if s, err := comparison.Compare(ones, ones); err != nil || s.Ratio != 1 || s.Differs() {
		t.Errorf("all ties: %+v, %v", s, err)
	}
}
