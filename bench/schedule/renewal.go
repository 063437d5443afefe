package schedule

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
)

// A renewal process has gaps that are independent of each other. They are drawn in
// blocks, each from a generator of its own that the seed and the number of the block
// decide, so that call n is found without drawing all the gaps before it.
//
// Gaps of gamma with cv above 1 and of pareto are exponentials by package math, whose
// last bit may differ from one processor to another: so may, by as little, the gaps.
const blockSize = 256

// gaps draws the gaps of a block, with a mean of 1 each.
type gaps interface {
	// total draws the length of the block, which is what fill draws first.
	total(r *rand.Rand) float64
	// fill draws the block: into receives where its calls lie, from its start on,
	// the last at total.
	fill(r *rand.Rand, into *[blockSize]float64) (total float64)
}

// renewal makes a process of gaps, of which there is one each for a parameter.
func renewal(of func(param float64) gaps) func(schedule, float64, uint64) Instants {
	return func(s schedule, param float64, n uint64) Instants {
		i := &renewalInstants{cursor: s.profile.segments.cursor(), gaps: of(param),
			seed: rng.Start(s.seed, rng.Arrivals)}
		i.random = rand.New(&i.source)
		end := i.ends()
		for range n / blockSize {
			i.reseed()
			if i.start = i.start.plus(i.gaps.total(i.random)); !i.start.before(end) {
				i.ended = true
				return i
			}
		}
		i.fill()
		i.k = int(n % blockSize)
		return i
	}
}

type renewalInstants struct {
	*cursor
	gaps   gaps
	seed   uint64
	source rand.PCG
	random *rand.Rand // of source

	block  uint64   // the number of the next one
	start  position // of that
	origin position // of the block at hand
	calls  [blockSize]float64
	k      int // the next call of the block
	ended  bool
}

// reseed begins the next block.
func (i *renewalInstants) reseed() {
	i.source.Seed(i.seed, rng.Mix(i.block*rng.Golden))
	i.block++
}

func (i *renewalInstants) fill() {
	i.reseed()
	total := i.gaps.fill(i.random, &i.calls)
	i.origin, i.k = i.start, 0
	i.start = i.start.plus(total)
}

func (i *renewalInstants) Next() (due time.Duration, ok bool) {
	if i.ended {
		return 0, false
	}
	if i.k == blockSize {
		i.fill()
	}
	due, ok = i.at(i.origin.plus(i.calls[i.k]))
	i.k++
	i.ended = !ok
	return due, ok
}

// gammaGaps have a gamma distribution.
//
// The sum of such gaps is independent of how it is divided among them (Lukacs, A
// Characterization of the Gamma Distribution, Annals of Mathematical Statistics
// 26(2), 1955). So the sum is drawn first, from its own gamma distribution, and then
// divided in the proportions of gaps drawn afresh: exactly what independent gaps
// are, and a block that is passed over costs one draw.
type gammaGaps struct{ shape float64 }

func (g gammaGaps) total(r *rand.Rand) float64 { return gamma(r, blockSize*g.shape) / g.shape }

func (g gammaGaps) fill(r *rand.Rand, into *[blockSize]float64) float64 {
	total := g.total(r)
	switch {
	case g.shape == 1:
		for i := range into {
			into[i] = r.ExpFloat64()
		}
	case g.shape > 1:
		for i := range into {
			into[i] = gamma(r, g.shape)
		}
	default:
		g.small(r, into)
	}
	divide(total, into)
	return total
}

// small draws gaps of a shape below 1, up to a factor common to all. A gap of
// shape s is one of shape s+1 times e^(-x/s), with x exponential: most of those of a
// small shape are too small for a float64, so that all might come out as 0. Divided
// by the factor of the least x, one of them never is.
func (g gammaGaps) small(r *rand.Rand, into *[blockSize]float64) {
	var x [blockSize]float64
	least := math.Inf(1)
	for i := range into {
		into[i], x[i] = gamma(r, g.shape+1), r.ExpFloat64()
		least = min(least, x[i])
	}
	for i := range into {
		into[i] *= math.Exp((least - x[i]) / g.shape)
	}
}

// divide turns gaps into where they end, scaled so that the last ends at total.
func divide(total float64, gaps *[blockSize]float64) {
	scale := total / accumulate(gaps)
	for i := range gaps {
		gaps[i] = min(float64(gaps[i]*scale), total)
	}
	gaps[blockSize-1] = total
}

func accumulate(gaps *[blockSize]float64) (sum float64) {
	for i := range gaps {
		sum += gaps[i]
		gaps[i] = sum
	}
	return sum
}

// paretoGaps have a Pareto distribution. Their sum has no form to draw from: a block
// that is passed over costs all its draws.
type paretoGaps struct{ least, power float64 }

// newParetoGaps returns gaps with a mean of 1.
func newParetoGaps(alpha float64) paretoGaps { return paretoGaps{(alpha - 1) / alpha, 1 / alpha} }

func (g paretoGaps) total(r *rand.Rand) float64 {
	var calls [blockSize]float64
	return g.fill(r, &calls)
}

func (g paretoGaps) fill(r *rand.Rand, into *[blockSize]float64) float64 {
	for i := range into {
		into[i] = g.least * math.Exp(r.ExpFloat64()*g.power) // (1-u)^-power
	}
	return accumulate(into)
}

// gamma draws from the gamma distribution of that shape and scale 1.
//
// Source: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, ACM
// TOMS 26(3), 2000; for a shape below 1 by its section 6.
func gamma(r *rand.Rand, shape float64) float64 {
	boost := 1.0
	if shape < 1 {
		boost = math.Exp(-r.ExpFloat64() / shape)
		shape++
	}
	d := shape - 1.0/3
	c := 1 / math.Sqrt(9*d)
	for {
		x := r.NormFloat64()
		v := 1 + float64(c*x)
		if v <= 0 {
			continue
		}
		v = v * v * v
		// The first test passes nearly always, and spares two logarithms.
		u, x2 := 1-r.Float64(), float64(x*x)
		if u < 1-float64(0.0331*float64(x2*x2)) || math.Log(u) < float64(x2/2)+d-float64(d*v)+float64(d*math.Log(v)) {
			return boost * d * v
		}
	}
}
