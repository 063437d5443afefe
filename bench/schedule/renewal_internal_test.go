package schedule

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
)

// apart is Kolmogorov and Smirnov's distance between two samples, over its 0.1 %
// limit.
func apart(a, b []float64) float64 {
	slices.Sort(a)
	slices.Sort(b)
	worst, i, j := 0.0, 0, 0
	for i < len(a) && j < len(b) {
		x := min(a[i], b[j])
		for i < len(a) && a[i] == x {
			i++
		}
		for j < len(b) && b[j] == x {
			j++
		}
		worst = max(worst, math.Abs(float64(i)/float64(len(a))-float64(j)/float64(len(b))))
	}
	n, m := float64(len(a)), float64(len(b))
	return worst / (1.949 * math.Sqrt((n+m)/(n*m)))
}

// What a block gives out in turn is what gaps drawn one by one are: each of them, two
// in a row, the largest of a block, and its sum.
func TestGapsDividedFromATotalAreIndependentOnes(t *testing.T) {
	const blocks = 200
	for _, shape := range []float64{0.01, 0.25, 1, 4, 100} {
		divided, single := rand.New(rand.NewPCG(1, 1)), rand.New(rand.NewPCG(2, 2))
		var got, want [4][]float64
		for range blocks {
			var calls, one [blockSize]float64
			gammaGaps{shape}.fill(divided, &calls)
			for i := range one {
				one[i] = gamma(single, shape) / shape
			}
			gaps := calls
			for i := blockSize - 1; i > 0; i-- {
				gaps[i] -= gaps[i-1]
			}
			for _, s := range []struct {
				to   *[4][]float64
				gaps []float64
			}{{&got, gaps[:]}, {&want, one[:]}} {
				sum := 0.0
				for i, gap := range s.gaps {
					gap = max(gap, 1e-12) // below that lies what subtracting rounds away
					s.to[0] = append(s.to[0], gap)
					if sum += gap; i%2 == 1 {
						s.to[1] = append(s.to[1], gap+max(s.gaps[i-1], 1e-12))
					}
				}
				s.to[2] = append(s.to[2], slices.Max(s.gaps))
				s.to[3] = append(s.to[3], sum)
			}
		}
		for i, what := range []string{"gaps", "sums of two", "largest gaps", "totals"} {
			if d := apart(got[i], want[i]); d > 1 {
				t.Errorf("shape %v: %s of blocks and of single gaps are %.2f times as far apart as they may be",
					shape, what, d)
			}
		}
	}
}

func TestATotalIsWhatTheBlockAddsUpTo(t *testing.T) {
	for _, g := range []gaps{gammaGaps{1e-4}, gammaGaps{0.25}, gammaGaps{1}, gammaGaps{1e4}, paretoGaps{0.6, 0.4}} {
		for seed := range uint64(300) {
			var calls [blockSize]float64
			total := g.total(rand.New(rand.NewPCG(seed, 1)))
			filled := g.fill(rand.New(rand.NewPCG(seed, 1)), &calls)
			if total != filled || calls[blockSize-1] != total || !slices.IsSorted(calls[:]) || !(calls[0] >= 0) ||
				math.IsNaN(total) {
				t.Fatalf("%v, seed %d: a total of %v, and a block of %v from %v to %v", g, seed, total, filled,
					calls[0], calls[blockSize-1])
			}
		}
	}
}

// If two blocks had the same seed, their gaps would be in the same proportions.
func TestNoTwoBlocksAreDrawnAlike(t *testing.T) {
	seen := map[float64]bool{}
	s := schedule{curve: At(1).RateCurve}
	for s.seed = range uint64(30) {
		for block := range uint64(30) {
			i := renewal(func(float64) gaps { return gammaGaps{1} })(s, 0, block*blockSize).(*renewalInstants)
			proportion := i.calls[0] / i.calls[1]
			if seen[proportion] {
				t.Fatalf("block %d of seed %d begins as another", block, s.seed)
			}
			seen[proportion] = true
		}
	}
}
