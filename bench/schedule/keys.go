package schedule

import (
	"fmt"
	"math"
	"math/bits"
	"slices"

	"github.com/loadgen-go/loadgen/internal/rng"
)

// Keys choose the key of each call. An implementation must be safe for concurrent use.
type Keys interface {
	// Key returns the key of call n: a function of n (and of a seed) alone.
	Key(n uint64) string
}

// An alias chooses keys by the alias method.
type alias struct {
	keys  []string
	below []uint64 // column i is key i for a uniform 64-bit number up to below[i],
	other []int    // and key other[i] for a larger one
	seed  uint64
}

// Zipf returns [Keys] with Zipf's popularity: the probability of key i, counted from 0, is
// proportional to (i+1)^-s. With s = 0 all keys are equally popular; s = 1 is common in real
// traffic. A key takes one multiplication and one lookup.
func Zipf(keys []string, s float64, seed uint64) (Keys, error) {
	if len(keys) == 0 {
		return nil, fmt.Errorf("schedule: no keys: want at least one")
	}
	if !(s >= 0 && s <= 100) {
		return nil, fmt.Errorf("schedule: Zipf exponent is %v: want a number from 0 to 100", s)
	}
	weights := make([]float64, len(keys))
	for i := range weights {
		weights[i] = math.Pow(float64(i+1), -s)
	}
	return newAlias(keys, weights, seed), nil
}

// Weighted returns [Keys] that draws each key with a probability in proportion to its weight. Drawing a key
// takes one multiplication and one lookup.
func Weighted(keys []string, weights []float64, seed uint64) (Keys, error) {
	if len(keys) == 0 || len(weights) != len(keys) {
		return nil, fmt.Errorf("schedule: %d keys and %d weights: want at least one key, and a weight for each",
			len(keys), len(weights))
	}
	for i, w := range weights {
		if !(w > 0 && w <= 1e9) {
			return nil, fmt.Errorf("schedule: key %q has the weight %v: want a number above 0, at most 1e9",
				keys[i], w)
		}
	}
	return newAlias(keys, slices.Clone(weights), seed), nil
}

// newAlias returns keys with the given weights, which it changes.
//
// Source: the alias method; Walker, ACM TOMS 3(3), 1977, in the form of Vose, IEEE TSE 17(9), 1991.
func newAlias(keys []string, weights []float64, seed uint64) *alias {
	n, sum := len(keys), 0.0
	z := &alias{keys: keys, below: make([]uint64, n), other: make([]int, n), seed: rng.Start(seed, rng.Keys)}
	for _, w := range weights {
		sum += w
	}
	var small, large []int
	for i := range weights {
		weights[i] *= float64(n) / sum // the mean is 1
		if weights[i] < 1 {
			small = append(small, i)
		} else {
			large = append(large, i)
		}
		z.below[i], z.other[i] = math.MaxUint64, i
	}
	for len(small) > 0 && len(large) > 0 {
		i, j := small[len(small)-1], large[len(large)-1]
		small = small[:len(small)-1]
		z.below[i], z.other[i] = uint64(math.Ldexp(weights[i], 64)), j
		if weights[j] -= 1 - weights[i]; weights[j] < 1 {
			large = large[:len(large)-1]
			small = append(small, j)
		}
	}
	return z
}

func (z *alias) Key(n uint64) string {
	// The high word picks the column, the low word is uniform within it.
	i, u := bits.Mul64(rng.Mix(z.seed+n*rng.Golden), uint64(len(z.keys)))
	if u > z.below[i] {
		return z.keys[z.other[i]]
	}
	return z.keys[i]
}
