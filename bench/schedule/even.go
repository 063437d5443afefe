package schedule

import (
	"math/bits"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
)

// evenly returns the instants of a schedule in which call n is at position n.
func evenly(s schedule, _ float64, n uint64) Instants {
	i := s.even(n, 1)
	return &i
}

// evenInstants are the instants of calls at positions that are multiples of a stride.
type evenInstants struct {
	steps
	cursor *cursor
	n      uint64 // the number of the first call after the steps
	calls  uint64
	stride uint64
}

// even returns the instants from call n on of a schedule in which call n is at position n*stride.
func (s schedule) even(n, stride uint64) evenInstants {
	return evenInstants{cursor: s.curve.segments.cursor(), n: n, calls: ceilDiv(s.curve.Calls(), stride),
		stride: stride}
}

// ceilDiv returns x/y, rounded up. X + y must be below 2^64.
func ceilDiv(x, y uint64) uint64 { return (x + y - 1) / y }

func (i *evenInstants) Next() (time.Duration, bool) {
	if i.left == 0 && !i.refill() {
		return 0, false
	}
	return i.steps.next(), true
}

// refill sets the steps to all remaining calls of the segment if its rate is constant, and
// otherwise to one call.
func (i *evenInstants) refill() bool {
	if i.n >= i.calls {
		return false
	}
	u := position{whole: i.n * i.stride}
	due, _ := i.cursor.at(u)
	i.steps = steps{left: 1, due: uint64(due)}
	if g := i.cursor.segment; g.slope2 == 0 {
		i.steps.from(i.cursor, u.whole, i.stride)
		if i.num > 0 {
			i.left = ceilDiv(g.end.calls(), i.stride) - i.n
		}
	}
	i.n += i.left
	return true
}

// steps are evenly spaced instants at a constant rate. Each instant adds a whole number of
// nanoseconds and a remainder to the one before, so that nothing is divided.
//
// Source: Bresenham, Algorithm for Computer Control of a Digital Plotter, IBM
// Systems Journal 4(1), 1965.
type steps struct {
	left       uint64 // calls left
	due        uint64 // the next instant in ns,
	over       uint64 // and its fraction in 1/num ns
	step, rest uint64 // the gap in ns, and its fraction in 1/num ns
	num        uint64 // 0 if the gap does not fit, and there is only one call
}

func (i *steps) next() time.Duration {
	i.left--
	due := time.Duration(i.due)
	i.due += i.step
	if i.over += i.rest; i.over >= i.num {
		i.over -= i.num
		i.due++
	}
	return due
}

// from sets the fraction of the instant at position n, and the gap to position n+stride, unless
// they do not fit.
func (i *steps) from(c *cursor, n, stride uint64) {
	g := c.segment
	// The segment is at nanosecond (n*unit - before) / (2*from) at call n.
	if c.t.Lsh(g.from, 1); c.t.BitLen() > 63 {
		return
	}
	c.n.SetUint64(stride)
	c.x.Mul(c.unit, &c.n)
	if c.y.QuoRem(&c.x, &c.t, &c.z); c.y.BitLen() > 63 {
		return
	}
	i.num, i.step, i.rest = c.t.Uint64(), c.y.Uint64(), c.z.Uint64()
	c.n.SetUint64(n)
	c.x.Mul(c.unit, &c.n)
	c.n.Sub(&c.x, g.before)
	c.y.QuoRem(&c.n, &c.t, &c.z)
	i.over = c.z.Uint64()
}

// jittered returns even instants, each delayed by up to a share of the gap to the next instant.
func jittered(s schedule, share float64, n uint64) Instants {
	seed := rng.Start(s.seed, rng.Arrivals)
	return &jitterInstants{s.curve.segments.cursor(), n, s.curve.Calls(), s.Duration() - 1, seed,
		uint64(share * onePart)}
}

type jitterInstants struct {
	*cursor
	n, calls   uint64
	last       time.Duration // the latest instant allowed
	seed, most uint64        // most is the largest delay, in parts of a unit
}

func (i *jitterInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	part, _ := bits.Mul64(rng.Mix(i.seed+i.n*rng.Golden), i.most)
	due, ok := i.at(position{i.n, part})
	if !ok { // call n is within the rate curve, but delayed beyond its end
		due = i.last
	}
	i.n++
	return due, true
}

// inBursts returns the instants of calls that are due in groups of size at the same time.
func inBursts(s schedule, size float64, n uint64) Instants {
	i := &burstInstants{calls: s.curve.Calls(), size: uint64(size), n: n}
	i.bursts = s.even(n/i.size, i.size)
	if i.made = n % i.size; i.made > 0 {
		i.due, _ = i.bursts.Next() // unused if call n is after the end
	}
	return i
}

type burstInstants struct {
	bursts     evenInstants
	n, calls   uint64
	size, made uint64 // calls of a whole burst, and calls made of the current burst
	due        time.Duration
}

func (i *burstInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	if i.made == 0 {
		i.due, _ = i.bursts.Next() // there is one, because call n is within the rate curve
	}
	i.n++
	if i.made++; i.made == i.size {
		i.made = 0
	}
	return i.due, true
}
