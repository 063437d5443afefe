package schedule

import (
	"math"
	"math/big"
	"sort"
	"time"
)

// A piece is a part of a rate curve in which the rate changes linearly from one value to
// another, in calls per second.
type piece struct {
	from, to *big.Rat
	lasts    time.Duration
}

// A segment is a piece together with the number of calls before it. Within a segment, the
// number of calls is a quadratic or a linear function of time.
//
// Instants are exact: the calculation in float64 finds the instant to within a few ulps, and
// if a whole nanosecond lies within that error, integer arithmetic decides. So an instant does
// not depend on how a processor rounds, and later positions are never due earlier.
//
// The calculation in float64 counts from the end of the segment at which the rate is lower.
// There nothing cancels; counted from the other end, a rate that falls to 0 would lose half
// of the digits.
type segment struct {
	start, lasts time.Duration
	end          position // the first position after the segment
	origin       position // the position at the end with the lower rate, rounded up to a part
	low          float64  // the lower rate, in calls/ns
	low2         float64  // low^2
	slope2       float64  // twice the slope of the rate, in calls/ns^2
	falling      bool     // the lower rate is at the end of the segment
	from, grows  *big.Int // the first rate and its growth, in 1/denominator calls per second
	before       *big.Int // the calls before the segment, in 1/unit
}

// segments hold a whole rate curve.
type segments struct {
	list        []segment
	denominator *big.Int // the common denominator of all rates
	// unit is 2e9 times the denominator: one call is that many units. Before nanosecond t of
	// a segment, before*lasts + 2*from*lasts*t + grows*t^2 calls are due, in 1/(unit*lasts).
	unit *big.Int
	sum  *big.Int // the calls of the whole curve, in 1/unit
}

func newSegments(pieces []piece) *segments {
	s := &segments{list: make([]segment, len(pieces)), denominator: big.NewInt(1), sum: new(big.Int)}
	for _, p := range pieces {
		for _, r := range []*big.Rat{p.from, p.to} {
			s.denominator = leastCommonMultiple(s.denominator, r.Denom())
		}
	}
	s.unit = new(big.Int).Mul(s.denominator, big.NewInt(2_000_000_000))
	start, end := time.Duration(0), position{}
	for i, p := range pieces {
		from, to := s.rate(p.from), s.rate(p.to)
		g := segment{start: start, lasts: p.lasts, before: new(big.Int).Set(s.sum), from: from,
			grows: to.Sub(to, from)}
		low := p.from
		s.sum.Add(s.sum, calls(g.from, g.grows, p.lasts))
		g.origin, g.end = end, s.position(s.sum)
		if end = g.end; g.grows.Sign() < 0 {
			g.falling, g.origin, low = true, end, p.to
		}
		slope := new(big.Rat).Sub(p.to, p.from)
		g.low = nearest(low) / 1e9
		g.low2 = float64(g.low * g.low)
		g.slope2 = 2 * nearest(slope.Abs(slope)) / float64(p.lasts) / 1e9
		s.list[i] = g
		start += p.lasts
	}
	return s
}

// calls returns the number of calls in a piece, in 1/unit: its length times the sum of its first
// and last rates (which is 2*from + grows).
func calls(from, grows *big.Int, lasts time.Duration) *big.Int {
	n := new(big.Int).Lsh(from, 1)
	n.Add(n, grows)
	return n.Mul(n, big.NewInt(int64(lasts)))
}

// nearest returns the float64 nearest to r.
func nearest(r *big.Rat) float64 {
	f, _ := r.Float64() // whether it is exact does not matter
	return f
}

func leastCommonMultiple(a, b *big.Int) *big.Int {
	if b.IsInt64() && b.Int64() == 1 || a.Cmp(b) == 0 {
		return a
	}
	gcd := new(big.Int).GCD(nil, nil, a, b)
	return gcd.Mul(gcd.Div(a, gcd), b)
}

// rate returns r in 1/denominator calls per second.
func (s *segments) rate(r *big.Rat) *big.Int {
	n := new(big.Int).Div(s.denominator, r.Denom())
	return n.Mul(n, r.Num())
}

// position returns the first position that has at least the given number of calls, in 1/unit,
// before it.
func (s *segments) position(calls *big.Int) position {
	parts, rest := new(big.Int).QuoRem(new(big.Int).Lsh(calls, 63), s.unit, new(big.Int))
	if rest.Sign() > 0 {
		parts.Add(parts, big.NewInt(1))
	}
	whole := new(big.Int).Rsh(parts, 63)
	return position{whole.Uint64(), parts.Sub(parts, new(big.Int).Lsh(whole, 63)).Uint64()}
}

// ends returns the first position after the rate curve.
func (s *segments) ends() position { return s.list[len(s.list)-1].end }

// find returns the segment that contains instant t.
func (s *segments) find(t time.Duration) *segment {
	after := sort.Search(len(s.list), func(i int) bool { return s.list[i].start > t })
	return &s.list[max(after-1, 0)]
}

// fromLow returns the number of calls between u and the end at which the rate is lower.
func (g *segment) fromLow(u position) float64 {
	if g.falling {
		return g.origin.minus(u)
	}
	return u.minus(g.origin)
}

// offShare bounds the relative error of segment.time if m has a relative error of at most
// 3 * 2^-53: the roundings add up to a little more than 10.5 * 2^-53.
const offShare = 12 * 0x1p-53

// bounds returns two times, in ns from the end with the lower rate, between which m calls have
// become due.
func (g *segment) bounds(m float64) (least, most float64) {
	const off = 0x1p-51 // the absolute error of an m below 1
	if m >= 1 {
		return g.time(m) * (1 - 2*offShare), g.time(m) * (1 + 2*offShare)
	}
	return g.time(m-off) * (1 - 2*offShare), g.time(m+off) * (1 + 2*offShare)
}

// time returns the time, in ns from the end with the lower rate, in which m calls become due:
// the root of slope/2*t^2 + low*t = m, in the form in which nothing cancels.
func (g *segment) time(m float64) float64 {
	switch {
	case m <= 0:
		return 0
	case g.slope2 == 0:
		return m / g.low
	}
	return 2 * m / (g.low + math.Sqrt(g.low2+float64(g.slope2*m)))
}

// down returns t rounded down to a whole nanosecond, and at most the largest Duration.
func down(t float64) time.Duration {
	if t >= 1<<63 {
		return math.MaxInt64
	}
	return time.Duration(t)
}
