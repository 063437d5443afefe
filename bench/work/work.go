// Package work spends CPU time and memory, as a handler under load would.
//
// [Work] draws its amounts from a seeded distribution; [Turns] is how fast this machine spins,
// which [Calibrate] measures once. A call of a handler costs what it was asked to spend and
// some 20 ns.
package work

import (
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
)

// Work is what a handler under load does: a set amount of CPU time and memory,
// varied from call to call by a seeded distribution. The same seed and key give
// the same sequence of amounts, so that arms under comparison do the same work.
type Work struct {
	Spin         time.Duration // mean CPU time of a call
	Allocate     int           // mean bytes allocated by a call
	Distribution Distribution  // of both, around the mean
	Seed         uint64
}

// A Distribution is how work varies from call to call. Its mean is 1.
type Distribution string

// The distributions of work.
const (
	Fixed       Distribution = "fixed"       // always the mean
	Exponential Distribution = "exponential" // variation 1
	Lognormal   Distribution = "lognormal"   // variation 1.3: sigma is 1
)

// Distributions returns all distributions.
func Distributions() []Distribution { return []Distribution{Fixed, Exponential, Lognormal} }

// Check reports all that is wrong with w.
func (w Work) Check() error {
	var errs []error
	if w.Spin < 0 || w.Spin > time.Minute {
		errs = append(errs, fmt.Errorf("work: spins %v: want 0 to 1m", w.Spin))
	}
	if w.Allocate < 0 || w.Allocate > 1<<30 {
		errs = append(errs, fmt.Errorf("work: allocates %d bytes: want 0 to 1 GiB", w.Allocate))
	}
	if w.draw() == nil {
		errs = append(errs, fmt.Errorf("work: distribution is %q: want one of %v", w.Distribution,
			Distributions()))
	}
	return errors.Join(errs...)
}

func (w Work) draw() func(*rand.Rand) float64 {
	switch w.Distribution {
	case Fixed, "":
		return func(*rand.Rand) float64 { return 1 }
	case Exponential:
		return func(r *rand.Rand) float64 { return r.ExpFloat64() }
	case Lognormal:
		return func(r *rand.Rand) float64 { return math.Exp(r.NormFloat64()) }
	}
	return nil
}

// amounts are drawn once and then gone round in circles.
const amounts = 1024

// Handler returns the function of one key, which may run in many goroutines at
// once. Once ctx ends, calls that spin for more than a few milliseconds are cut
// short. Turns is the speed of this machine, from [Calibrate]. The mean over 1,024
// calls is that of w, but for rounding each to a byte and a turn. W must have
// passed Check.
func (w Work) Handler(ctx context.Context, key string, turns Turns) func() {
	spins, bytes := w.amounts(key, turns)
	var call atomic.Uint32
	return func() {
		i := call.Add(1) % amounts
		n := spins[i]
		for ; n > stretch && ctx.Err() == nil; n -= stretch {
			_ = spin(stretch)
		}
		_ = spin(min(n, stretch))
		if bytes[i] > 0 {
			_ = allocate(bytes[i])
		}
	}
}

// amounts are the turns and the bytes of successive calls of one key.
func (w Work) amounts(key string, turns Turns) (spins, bytes [amounts]int) {
	r := rng.New(w.Seed, rng.Work+rng.Stream(hash(key)))
	var factors [amounts]float64
	draw, sum := w.draw(), 0.0
	for i := range factors {
		factors[i] = draw(r)
		sum += factors[i]
	}
	for i, f := range factors {
		f *= amounts / sum
		spins[i] = int(math.Round(f * w.Spin.Seconds() * 1e9 * float64(turns)))
		bytes[i] = int(math.Round(f * float64(w.Allocate)))
	}
	return spins, bytes
}

// stretch is how long a call spins between looks at its context: some
// milliseconds.
const stretch = 1 << 22

// hash is FNV-1a.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Turns is how often the loop that spins goes round in a nanosecond.
type Turns float64

// Calibrate measures the speed of this machine, in about 10 ms. Measure it once,
// and use it for all arms under comparison: then they do the same work, whatever
// else the machine was doing meanwhile.
func Calibrate() Turns {
	const turns = 100_000
	best := time.Duration(math.MaxInt64)
	for range 50 {
		start := time.Now()
		_ = spin(turns)
		best = min(best, time.Since(start))
	}
	return Turns(turns / float64(max(best, 1)))
}

// spin goes round n times. Each turn depends on the one before it, so that no
// processor can run ahead.
//
//go:noinline
func spin(n int) uint64 {
	x := uint64(rng.Golden)
	for range n {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
	}
	return x
}

// allocate makes n bytes on the heap.
//
//go:noinline
func allocate(n int) []byte { return make([]byte, n) }
