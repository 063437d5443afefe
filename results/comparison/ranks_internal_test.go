package comparison

import (
	"math"
	"slices"
	"testing"

	"golang.org/x/perf/benchmath"
	"pgregory.net/rapid"
)

// Beyond many rounds the bound is approximate; it goes on where the exact one ends.
func TestTheBoundOfManyRoundsGoesOnFromThatOfFewer(t *testing.T) {
	exact, _ := signedRankBound(manyRounds)
	next, confidence := signedRankBound(manyRounds + 1)
	step, _ := signedRankBound(manyRounds - 1)
	if d := (next - exact) - (exact - step); d < -3 || d > 3 || math.Abs(confidence-0.95) > 0.001 {
		t.Errorf("bounds %d, %d, %d; confidence %v", step, exact, next, confidence)
	}
}

// Sign patterns counted one by one give the same tail.
func TestTheSignedRankTestIsThatOfAllPatterns(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 10).Draw(t, "n")
		d := rapid.SliceOfN(rapid.Map(rapid.IntRange(-4, 4), func(i int) float64 { return float64(i) }), n, n).Draw(t, "d")
		nonzero := slices.DeleteFunc(slices.Clone(d), func(x float64) bool { return x == 0 })
		want := 1.0
		if len(nonzero) > 0 {
			rank := func(x float64) (r float64) {
				for _, y := range nonzero {
					switch {
					case math.Abs(y) < math.Abs(x):
						r++
					case math.Abs(y) == math.Abs(x):
						r += 0.5
					}
				}
				return r + 0.5
			}
			sum := func(sign func(i int) bool) (w float64) {
				for i, x := range nonzero {
					if sign(i) {
						w += rank(x)
					}
				}
				return w
			}
			seen := sum(func(i int) bool { return nonzero[i] > 0 })
			below, above := 0.0, 0.0
			for pattern := range 1 << len(nonzero) {
				w := sum(func(i int) bool { return pattern>>i&1 == 1 })
				if w <= seen {
					below++
				}
				if w >= seen {
					above++
				}
			}
			want = min(1, 2*min(below, above)/math.Ldexp(1, len(nonzero)))
		}
		if got := signedRankP(d); math.Abs(got-want) > 1e-12 {
			t.Fatalf("p = %v, want %v", got, want)
		}
	})
}

// The normal approximation goes on where the exact distribution ends.
func TestThePValueOfManyRoundsGoesOnFromThatOfFewer(t *testing.T) {
	few, many := make([]float64, manyRounds), make([]float64, manyRounds+1)
	for i := range many {
		many[i] = float64(i%7) - 2.6
	}
	copy(few, many)
	if a, b := signedRankP(few), signedRankP(many); math.Abs(a-b) > 0.03 || b <= 0 || b >= 1 {
		t.Errorf("p = %v of %d rounds, %v of one more", a, len(few), b)
	}
}

// Of tables of the two-sided test at 5%: one less than the critical value is outside.
func TestTheRankSumBoundIsThatOfTheTables(t *testing.T) {
	for _, c := range []struct{ n, m, critical int }{{4, 4, 0}, {5, 5, 2}, {6, 6, 5}, {10, 10, 23}, {8, 12, 22}, {20, 20, 127}} {
		got, confidence := rankSumBound(c.n, c.m)
		if got != c.critical+1 || confidence < 0.95 {
			t.Errorf("%d and %d values: %d at %v, want %d", c.n, c.m, got, confidence, c.critical+1)
		}
	}
	if c, _ := rankSumBound(3, 3); c != 0 {
		t.Errorf("three and three values have the bound %d, want none", c)
	}
	exact, _ := rankSumBound(manyRanks, manyRanks)
	next, _ := rankSumBound(manyRanks+1, manyRanks+1)
	if next <= exact || next > exact+60 {
		t.Errorf("the bound goes from %d to %d", exact, next)
	}
}

// Worked by hand, as in Holm's paper: 0.01, 0.02, 0.03 and 0.04 times 4, 3, 2 and 1.
func TestHolmCorrectsInOrder(t *testing.T) {
	got := holm([]float64{0.03, 0.01, 0.04, 0.02})
	for i, want := range []float64{0.06, 0.04, 0.06, 0.06} {
		if math.Abs(got[i]-want) > 1e-12 {
			t.Errorf("%v, want 0.06 0.04 0.06 0.06", got)
			break
		}
	}
	if got := holm([]float64{0.9, 0.8}); got[0] != 1 || got[1] != 1 {
		t.Errorf("%v, want none above 1", got)
	}
}

func TestTheLeastPValueIsThatOfTheClearestDifference(t *testing.T) {
	for n := 2; n <= 12; n++ {
		up, a, b := make([]float64, n), make([]float64, n), make([]float64, n)
		for i := range up {
			up[i], a[i], b[i] = float64(i+1), float64(i), float64(i+100)
		}
		if got, want := leastP(n, n, true), signedRankP(up); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d pairs: %v, want %v", n, got, want)
		}
		want := benchmath.AssumeNothing.Compare(sample(a), sample(b)).P
		if got := leastP(n, n, false); math.Abs(got-want) > 1e-12 {
			t.Errorf("%d against %d: %v, want %v", n, n, got, want)
		}
	}
	// With 10 rounds no more than 25 cells can be judged.
	for rounds, cells := range map[int]int{6: 1, 7: 3, 8: 6, 9: 12, 10: 25, 11: 51, 12: 102} {
		if Need(cells, true) != rounds || Need(cells+1, true) != rounds+1 {
			t.Errorf("%d cells need %d rounds, one more %d; want %d and %d", cells, Need(cells, true), Need(cells+1, true), rounds, rounds+1)
		}
	}
}
