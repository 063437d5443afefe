package schedule

import (
	"math"
	"math/rand/v2"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
)

// blockSize is the number of gaps that are drawn together. A renewal process has gaps that are
// independent of each other. They are drawn in blocks, each from a generator of its own, seeded
// from the seed of the schedule and the number of the block, so that call n is found without
// drawing all the gaps before it.
//
// The gaps of gamma with a cv above 1 and of pareto use math.Exp, whose last bit may differ
// between processors. The gaps may differ by as much.
const blockSize = 256

// gaps draw the gaps of a block, with a mean of 1 each.
type gaps interface {
	// total draws the length of a block, as the first draw of fill does.
	total(r *rand.Rand) float64
	// fill draws a block: it sets calls to the positions of the calls, counted from the start
	// of the block, and returns the last of them.
	fill(r *rand.Rand, calls *[blockSize]float64) (total float64)
}

// renewal returns the from function of a processKind with the gaps that newGaps returns.
func renewal(newGaps func(param float64) gaps) func(schedule, float64, uint64) Instants {
	return func(s schedule, param float64, n uint64) Instants {
		i := &renewalInstants{cursor: s.curve.segments.cursor(), gaps: newGaps(param),
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
	random *rand.Rand // draws from source

	block  uint64   // the number of the next block
	start  position // the start of the next block
	origin position // the start of the current block
	calls  [blockSize]float64
	k      int // the index of the next call in calls
	ended  bool
}

// reseed seeds the generator for the next block.
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
// The sum of such gaps is independent of their proportions (Lukacs, A Characterization of the
// Gamma Distribution, Annals of Mathematical Statistics 26(2), 1955). So the sum is drawn first,
// from its own gamma distribution, and then divided in the proportions of newly drawn gaps. The
// result has the distribution of independent gaps, and skipping a block takes one draw.
type gammaGaps struct{ shape float64 }

func (g gammaGaps) total(r *rand.Rand) float64 { return gamma(r, blockSize*g.shape) / g.shape }

func (g gammaGaps) fill(r *rand.Rand, calls *[blockSize]float64) float64 {
	total := g.total(r)
	switch {
	case g.shape == 1:
		for i := range calls {
			calls[i] = r.ExpFloat64()
		}
	case g.shape > 1:
		for i := range calls {
			calls[i] = gamma(r, g.shape)
		}
	default:
		g.small(r, calls)
	}
	divide(total, calls)
	return total
}

// small draws gaps of a shape below 1, up to a common factor. A gap of shape s has the
// distribution of a gap of shape s+1 times e^(-x/s), with x exponential. If s is small, most of
// these factors underflow, and all gaps of a block might become 0. Dividing them by the largest
// factor, that of the least x, keeps at least one gap above 0.
func (g gammaGaps) small(r *rand.Rand, calls *[blockSize]float64) {
	var x [blockSize]float64
	least := math.Inf(1)
	for i := range calls {
		calls[i], x[i] = gamma(r, g.shape+1), r.ExpFloat64()
		least = min(least, x[i])
	}
	for i := range calls {
		calls[i] *= math.Exp((least - x[i]) / g.shape)
	}
}

// divide replaces each gap by the position of its end, scaled so that the last gap ends at total.
func divide(total float64, gaps *[blockSize]float64) {
	scale := total / accumulate(gaps)
	for i := range gaps {
		gaps[i] = min(float64(gaps[i]*scale), total)
	}
	gaps[blockSize-1] = total
}

// accumulate replaces each gap by the sum of the gaps up to it, and returns the sum of all.
func accumulate(gaps *[blockSize]float64) (sum float64) {
	for i := range gaps {
		sum += gaps[i]
		gaps[i] = sum
	}
	return sum
}

// paretoGaps have a Pareto distribution. The distribution of their sum has no closed form, so
// skipping a block takes as many draws as filling it.
type paretoGaps struct{ least, power float64 }

// newParetoGaps returns gaps with a mean of 1.
func newParetoGaps(alpha float64) paretoGaps { return paretoGaps{(alpha - 1) / alpha, 1 / alpha} }

func (g paretoGaps) total(r *rand.Rand) float64 {
	var calls [blockSize]float64
	return g.fill(r, &calls)
}

func (g paretoGaps) fill(r *rand.Rand, calls *[blockSize]float64) float64 {
	for i := range calls {
		calls[i] = g.least * math.Exp(r.ExpFloat64()*g.power) // (1-u)^-power
	}
	return accumulate(calls)
}

// gamma draws from the gamma distribution with the given shape and scale 1.
//
// Source: Marsaglia and Tsang, A Simple Method for Generating Gamma Variables, ACM TOMS 26(3),
// 2000; section 6 for a shape below 1.
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
		// The first test nearly always passes and saves two logarithms.
		u, x2 := 1-r.Float64(), float64(x*x)
		if u < 1-float64(0.0331*float64(x2*x2)) || math.Log(u) < float64(x2/2)+d-float64(d*v)+float64(d*math.Log(v)) {
			return boost * d * v
		}
	}
}
