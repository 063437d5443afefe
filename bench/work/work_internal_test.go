package work

import (
	"context"
	"math"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
)

func TestTheAmountsOfWorkVaryAsTheirDistributionSays(t *testing.T) {
	const turns = 3
	for d, variation := range map[Distribution][2]float64{Fixed: {0, 0}, Exponential: {0.9, 1.1},
		Lognormal: {1.1, 1.6}} {
		t.Run(string(d), func(t *testing.T) {
			w := Work{Spin: 100 * time.Microsecond, Allocate: 10_000, Distribution: d, Seed: 5}
			spins, bytes := w.amounts("key", turns)
			for what, c := range map[string]struct {
				drawn [amounts]int
				mean  float64
			}{"turns": {spins, 300_000}, "bytes": {bytes, 10_000}} {
				var sum, squares float64
				for _, n := range c.drawn {
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
		})
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
		t.Errorf("the same again: %v; for another key: %v; for another seed: %v", first == again, first == key,
			first == seed)
	}
}

// A lookedAt is a context that counts calls of Err, and ends after most of them.
type lookedAt struct {
	context.Context
	looks, most int
}

func (c *lookedAt) Err() error {
	if c.looks++; c.looks > c.most {
		return context.Canceled
	}
	return nil
}

// A call looks at its context after each stretch of turns.
func TestWorkSpinsForAsManyTurnsAsItSays(t *testing.T) {
	for name, c := range map[string]struct {
		stretches float64
		looks     int
	}{
		"nothing": {0, 0}, "half a stretch": {0.5, 0}, "a stretch and a half": {1.5, 1}, "two and a half": {2.5, 2},
	} {
		t.Run(name, func(t *testing.T) {
			ctx := &lookedAt{Context: t.Context(), most: math.MaxInt}
			Work{Spin: time.Duration(c.stretches * stretch)}.Handler(ctx, "key", 1)()
			if ctx.looks != c.looks {
				t.Errorf("looked at its context %d times, want %d", ctx.looks, c.looks)
			}
		})
	}
}

// The work would take days if it were not cut short: a minute at a speed that no machine has.
func TestWorkIsCutShortOnceItsContextEnds(t *testing.T) {
	for name, looks := range map[string]int{"before the call": 0, "during the call": 2} {
		t.Run(name, func(t *testing.T) {
			ctx := &lookedAt{Context: t.Context(), most: looks}
			Work{Spin: time.Minute}.Handler(ctx, "key", 10_000)()
			if ctx.looks != looks+1 {
				t.Errorf("ended after %d looks at its context, which ended at look %d", ctx.looks, looks+1)
			}
		})
	}
}

func TestSpinGoesRoundAsOftenAsItIsTold(t *testing.T) {
	x := uint64(rng.Golden)
	for n := range 100 {
		if got := spin(n); got != x {
			t.Fatalf("after %d turns it has %x, want %x", n, got, x)
		}
		x ^= x << 13 // Marsaglia, Xorshift RNGs, Journal of Statistical Software 8(14), 2003
		x ^= x >> 7
		x ^= x << 17
	}
}
