// Package work spends CPU time and memory, as a handler under load would.
//
// [Work] draws its amounts from a seeded distribution; [Turns] is the speed of this machine, which
// [Calibrate] measures once. A call of a handler takes some 20 ns more than the amount drawn for it.
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

// Work describes the CPU time and the memory that a handler uses per call. The amounts vary from
// call to call by a seeded distribution. The same seed and key give the same sequence of amounts,
// so that arms under comparison do the same work.
type Work struct {
	Spin         time.Duration // mean CPU time per call
	Allocate     int           // mean bytes allocated per call
	Distribution Distribution  // distribution of both around their means
	Seed         uint64
}

// A Distribution is the distribution of the work of calls, relative to its mean.
type Distribution string

// The distributions of work, with their coefficients of variation.
const (
	Fixed       Distribution = "fixed"       // 0: always the mean
	Exponential Distribution = "exponential" // 1
	Lognormal   Distribution = "lognormal"   // 1.3, with a sigma of 1
)

// Distributions returns all distributions.
func Distributions() []Distribution { return []Distribution{Fixed, Exponential, Lognormal} }

// Check returns an error that lists all invalid fields of w.
func (w Work) Check() error {
	var errs []error
	if w.Spin < 0 || w.Spin > time.Minute {
		errs = append(errs, fmt.Errorf("work: Spin is %v: want 0 to 1m", w.Spin))
	}
	if w.Allocate < 0 || w.Allocate > 1<<30 {
		errs = append(errs, fmt.Errorf("work: Allocate is %d bytes: want 0 to 1 GiB", w.Allocate))
	}
	if w.draw() == nil {
		errs = append(errs, fmt.Errorf("work: Distribution is %q: want one of %v", w.Distribution,
			Distributions()))
	}
	return errors.Join(errs...)
}

// draw returns a function that draws from the distribution, or nil if it is unknown.
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

// amounts is the number of amounts that are drawn for a key. Calls use them in turn, again and again.
const amounts = 1024

// Handler returns a function that does the work of one key. It is safe for concurrent use. When
// ctx ends, calls that spin for more than a few milliseconds return early. Turns is the speed of
// this machine, from [Calibrate]. The mean over 1,024 calls is the mean that w asks for, up to
// rounding each amount to a byte and a turn. W must have passed [Work.Check].
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

// amounts returns the turns and the bytes of successive calls of one key.
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

// stretch is the number of turns between looks at the context: some milliseconds.
const stretch = 1 << 22

// hash returns the FNV-1a hash of s.
func hash(s string) uint64 {
	h := uint64(14695981039346656037)
	for i := range len(s) {
		h = (h ^ uint64(s[i])) * 1099511628211
	}
	return h
}

// Turns is the speed of a machine: the iterations per nanosecond of the loop that uses CPU time.
type Turns float64

// Calibrate measures the speed of this machine, in about 10 ms. Measure it once and use the result
// for all arms under comparison, so that they do the same work whatever else the machine does.
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

// spin runs n turns. Each turn depends on the turn before it, so that the processor cannot run
// several at once.
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

// allocate allocates n bytes on the heap.
//
//go:noinline
func allocate(n int) []byte { return make([]byte, n) }
