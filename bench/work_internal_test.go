package bench

import (
	"math"
	"testing"
	"time"
)

func TestTheAmountsOfWorkVaryAsTheirDistributionSays(t *testing.T) {
	const turns = 3
	for d, variation := range map[Distribution][2]float64{Fixed: {0, 0}, Exponential: {0.9, 1.1}, Lognormal: {1.1, 1.6}} {
		w := Work{Spin: 100 * time.Microsecond, Allocate: 10_000, Distribution: d, Seed: 5}
		spins, bytes := w.amounts("key", turns)
		for what, c := range map[string]struct {
			all  [amounts]int
			mean float64
		}{"turns": {spins, 300_000}, "bytes": {bytes, 10_000}} {
			var sum, squares float64
			for _, n := range c.all {
				sum += float64(n)
				squares += float64(n) * float64(n)
			}
			mean := sum / amounts
			v := math.Sqrt(max(squares/amounts-mean*mean, 0)) / mean
			if math.Abs(mean-c.mean) > 0.5 {
				t.Errorf("%s: %v %s at the mean, want %v", d, mean, what, c.mean)
			}
			if v < variation[0]-1e-6 || v > variation[1]+1e-6 {
				t.Errorf("%s: %s with a variation of %v, want %v", d, what, v, variation)
			}
		}
	}
}

func TestWorkIsTheSameForTheSameSeedAndKeyAlone(t *testing.T) {
	w := Work{Spin: time.Millisecond, Distribution: Exponential, Seed: 5}
	first, _ := w.amounts("a", 1)
	again, _ := w.amounts("a", 1)
	key, _ := w.amounts("b", 1)
	w.Seed = 6
	seed, _ := w.amounts("a", 1)
	if first != again || first == key || first == seed {
		t.Errorf("the same again: %v; for another key: %v; for another seed: %v", first == again, first == key, first == seed)
	}
}
