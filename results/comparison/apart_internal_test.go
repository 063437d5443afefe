package comparison

import (
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
)

// shapes returns distributions that put many values close together and the others far away, since such distributions
// are the likeliest to make a gap.
func shapes(r *rand.Rand) map[string]func() float64 {
	// tree has modes within modes, on 12 levels. Each level is narrower than the level above by ratio. Three kids are
	// equally likely; of two kids the second has the chance p.
	tree := func(ratio, p float64, kids int) func() float64 {
		return func() float64 {
			x, scale := 0.0, 1.0
			for range 12 {
				kid := 0
				if kids == 2 {
					if r.Float64() < p {
						kid = 1
					}
				} else {
					kid = r.IntN(kids)
				}
				x += scale * float64(kid) / float64(kids-1)
				scale *= ratio
			}
			return x
		}
	}
	list := map[string]func() float64{
		"normal":      r.NormFloat64,
		"exponential": r.ExpFloat64,
		"uniform":     r.Float64,
		"lognormal":   func() float64 { return math.Exp(5 * r.NormFloat64()) },
		"Cauchy":      func() float64 { return r.NormFloat64() / r.NormFloat64() },
		"two modes":   tree(0.0001, 0.5, 2),
	}
	for _, ratio := range []float64{0.02, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4} {
		list[fmt.Sprintf("even tree, %v", ratio)] = tree(ratio, 0.5, 2)
		list[fmt.Sprintf("uneven tree, %v", ratio)] = tree(ratio, 0.3, 2)
		list[fmt.Sprintf("tree of three, %v", ratio)] = tree(ratio, 0, 3)
	}
	return list
}

// The test searches 27 shapes for a distribution whose samples are apart more often than the bound allows, with gaps
// of 1 and of 3 times the ranges. It proves nothing if it finds none. A longer search takes about 5 minutes:
//
//	COMPARISON_FAMILIES=1000000 go test -count=1 -timeout 2h -v -run BoundOfTheGap ./results/comparison
func TestTheBoundOfTheGapHolds(t *testing.T) {
	draws := 10_000
	if text, ok := os.LookupEnv("COMPARISON_FAMILIES"); ok {
		var err error
		if draws, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	if n := len(shapes(nil)); n != 27 {
		t.Fatalf("%d shapes", n)
	}
	for _, n := range []int{4, 5, 6} {
		t.Run(fmt.Sprintf("%d values", n), func(t *testing.T) {
			bound := apartP(n)
			// A count with the mean bound*draws exceeds it by 5 standard errors once in 3 million times.
			most := bound*float64(draws) + 5*math.Sqrt(bound*float64(draws))
			worst, worstShape := [2]int{}, [2]string{}
			r := rand.New(rand.NewPCG(uint64(n), 27))
			list := shapes(r)
			for _, name := range slices.Sorted(maps.Keys(list)) {
				draw, hits, x := list[name], [2]int{}, make([]float64, 2*n)
				for range draws {
					for i := range x {
						x[i] = draw()
					}
					a, b := x[:n], x[n:]
					widest := max(slices.Max(a)-slices.Min(a), slices.Max(b)-slices.Min(b))
					gap := max(slices.Min(b)-slices.Max(a), slices.Min(a)-slices.Max(b))
					for i, times := range []float64{1, 3} {
						if gap > 0 && gap >= times*widest {
							hits[i]++
						}
					}
					if is := gap > 0 && gap >= 3*widest; is != apart(a, b, 0) {
						t.Fatalf("%v and %v are apart: %v", a, b, !is)
					}
				}
				for i := range hits {
					if hits[i] > worst[i] {
						worst[i], worstShape[i] = hits[i], name
					}
				}
			}
			for i, times := range []int{1, 3} {
				name, share := worstShape[i], float64(worst[i])/float64(draws)
				t.Logf("bound %.6f; gap of %d ranges: worst %.6f (%s)", bound, times, share, name)
				if float64(worst[i]) > most {
					t.Errorf("a gap of %d ranges in %d of %d draws (%s), want at most %.0f", times, worst[i], draws,
						name, most)
				}
			}
			// The worst shape reaches the bound, so that no smaller bound would do.
			if float64(worst[1]) < bound*float64(draws)-5*math.Sqrt(bound*float64(draws)) {
				t.Errorf("%d of %d draws at worst, the bound is %.0f", worst[1], draws, bound*float64(draws))
			}
		})
	}
}
