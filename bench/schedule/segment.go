package schedule

import (
	"math"
	"math/big"
	"sort"
	"time"
)

// A position is where a call lies in unit time, in which one call is due in each
// unit: whole + part/2^63. It is a fixed-point number, so that sums of gaps are
// exact and do not depend on where they were begun.
type position struct{ whole, part uint64 } // part < 2^63

const onePart = 1 << 63 // parts of a unit

// before tells whether u comes before v.
func (u position) before(v position) bool {
	return u.whole < v.whole || u.whole == v.whole && u.part < v.part
}

// calls is how many whole positions come before it.
func (u position) calls() uint64 {
	if u.part > 0 {
		return u.whole + 1
	}
	return u.whole
}

// plus is x further, x from 0 to below 2^62, rounded down.
func (u position) plus(x float64) position {
	whole := int64(x)
	part := u.part + uint64(int64(float64(x-float64(whole))*onePart))
	return position{u.whole + uint64(whole) + part>>63, part & (onePart - 1)}
}

// minus is how far v lies behind u, as exact as a float64 is: to 2^-53 of it, or
// to 2^-52 if it is below 1.
func (u position) minus(v position) float64 {
	return float64(u.whole-v.whole) + float64(float64(int64(u.part)-int64(v.part))/onePart)
}

// A piece of a profile is a time in which the rate goes evenly from one to another,
// in calls a second.
type piece struct {
	from, to *big.Rat
	lasts    time.Duration
}

// A segment is a piece that knows what came before it. In it the number of calls
// is a parabola of the time, or a line.
//
// Instants are exact: a float64 finds the instant to within some ulps, and where a
// whole nanosecond lies within those, integers decide. So an instant does not
// depend on how a processor rounds, and later positions are never due earlier.
//
// The float64 takes its numbers from the end at which the rate is low. There
// nothing cancels: from the other end, a rate that falls to 0 would leave half of
// the digits.
type segment struct {
	start, lasts time.Duration
	end          position // the least that is past it
	// origin is the position of its end with the low rate, rounded up to a part, low
	// that rate in calls/ns, and slope by how much it grows, in calls/ns^2.
	origin      position
	low         float64
	low2        float64 // low^2
	slope2      float64 // 2*slope
	falling     bool
	from, grows *big.Int // its first rate and by how much it grows, in 1/denominator calls a second
	before      *big.Int // calls before it, in 1/unit
}

// segments are a whole profile.
type segments struct {
	all         []segment
	denominator *big.Int // of all rates
	// unit is 2e9 times the denominator: so many make a call. Within a segment,
	// before*lasts + 2*from*lasts*t + grows*t^2 calls, in 1/(unit*lasts), come
	// before its nanosecond t.
	unit *big.Int
	sum  *big.Int // of all calls, in 1/unit
}

func newSegments(pieces []piece) *segments {
	s := &segments{all: make([]segment, len(pieces)), denominator: big.NewInt(1), sum: new(big.Int)}
	for _, p := range pieces {
		for _, r := range []*big.Rat{p.from, p.to} {
			s.denominator = leastCommonMultiple(s.denominator, r.Denom())
		}
	}
	s.unit = new(big.Int).Mul(s.denominator, big.NewInt(2_000_000_000))
	start, end := time.Duration(0), position{}
	for i, p := range pieces {
		from, to := s.rate(p.from), s.rate(p.to)
		g := segment{start: start, lasts: p.lasts, before: new(big.Int).Set(s.sum), from: from, grows: to.Sub(to, from)}
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
		s.all[i] = g
		start += p.lasts
	}
	return s
}

// calls are those of a piece: its length times the sum of its rates, twice the first
// and what it grows by.
func calls(from, grows *big.Int, lasts time.Duration) *big.Int {
	n := new(big.Int).Lsh(from, 1)
	n.Add(n, grows)
	return n.Mul(n, big.NewInt(int64(lasts)))
}

func nearest(r *big.Rat) float64 {
	f, _ := r.Float64() // inexact is what is wanted
	return f
}

func leastCommonMultiple(a, b *big.Int) *big.Int {
	if b.IsInt64() && b.Int64() == 1 || a.Cmp(b) == 0 {
		return a
	}
	gcd := new(big.Int).GCD(nil, nil, a, b)
	return gcd.Mul(gcd.Div(a, gcd), b)
}

// rate is r in 1/denominator.
func (s *segments) rate(r *big.Rat) *big.Int {
	n := new(big.Int).Div(s.denominator, r.Denom())
	return n.Mul(n, r.Num())
}

// position is the least one before which lie so many calls, in 1/unit.
func (s *segments) position(calls *big.Int) position {
	parts, rest := new(big.Int).QuoRem(new(big.Int).Lsh(calls, 63), s.unit, new(big.Int))
	if rest.Sign() > 0 {
		parts.Add(parts, big.NewInt(1))
	}
	whole := new(big.Int).Rsh(parts, 63)
	return position{whole.Uint64(), parts.Sub(parts, new(big.Int).Lsh(whole, 63)).Uint64()}
}

// ends is the least position past the profile.
func (s *segments) ends() position { return s.all[len(s.all)-1].end }

// A cursor finds the instants of successive positions. It belongs to one goroutine.
type cursor struct {
	*segments
	segment *segment
	next    int // the segment after that
	// Scratch of reached, so that it does not allocate.
	t, n, x, y, z big.Int
}

func (s *segments) cursor() *cursor {
	c := &cursor{segments: s, segment: &s.all[0], next: 1}
	words := (s.sum.BitLen()+s.unit.BitLen())/64 + 8
	for _, z := range []*big.Int{&c.t, &c.n, &c.x, &c.y, &c.z} {
		z.SetBits(make([]big.Word, 0, words))
	}
	return c
}

// at is when a call at position u is due, rounded down to a nanosecond; ok is false
// past the end. U is not before that of the call before.
func (c *cursor) at(u position) (due time.Duration, ok bool) {
	if !u.before(c.segment.end) && !c.seek(u) {
		return 0, false
	}
	return c.segment.start + c.within(u), true
}

// seek goes to the segment of u; ok is false past the end.
func (c *cursor) seek(u position) (ok bool) {
	for !u.before(c.segment.end) {
		if c.next == len(c.all) {
			return false
		}
		c.segment = &c.all[c.next]
		c.next++
	}
	return true
}

// within is how far into the segment position u is due.
func (c *cursor) within(u position) time.Duration {
	g := c.segment
	m := g.fromLow(u)
	if t := g.time(m); m >= 1 {
		whole := down(t)
		if over, off := t-float64(whole), t*offShare; off < over && over < 1-off {
			if g.falling {
				return g.lasts - whole - 1
			}
			return whole
		}
	}
	least, most := g.bounds(m)
	if g.falling {
		return c.decide(u, g.lasts-down(most)-1, g.lasts-down(least))
	}
	return c.decide(u, down(least), down(most))
}

// fromLow is how many calls lie between u and the end at which the rate is low.
func (g *segment) fromLow(u position) float64 {
	if g.falling {
		return g.origin.minus(u)
	}
	return u.minus(g.origin)
}

// offShare is how far time may be off, as a share of it, if m is off by no more than
// 3 * 2^-53 of it: by the roundings along the way, 10.5 * 2^-53 and a little.
const offShare = 12 * 0x1p-53

// bounds are between which instants, counted from the low rate, m calls are due.
func (g *segment) bounds(m float64) (least, most float64) {
	const off = 0x1p-51 // of m, below 1
	if m >= 1 {
		return g.time(m) * (1 - 2*offShare), g.time(m) * (1 + 2*offShare)
	}
	return g.time(m-off) * (1 - 2*offShare), g.time(m+off) * (1 + 2*offShare)
}

// time is how long the rate takes from its low end to make m calls: the root of
// slope/2*t^2 + low*t = m, in the form in which nothing cancels.
func (g *segment) time(m float64) float64 {
	switch {
	case m <= 0:
		return 0
	case g.slope2 == 0:
		return m / g.low
	}
	return 2 * m / (g.low + math.Sqrt(g.low2+float64(g.slope2*m)))
}

// down rounds to a whole nanosecond that fits.
func down(t float64) time.Duration {
	if t >= 1<<63 {
		return math.MaxInt64
	}
	return time.Duration(t)
}

// decide is the last nanosecond from least to most by which no more calls than u
// have come.
func (c *cursor) decide(u position, least, most time.Duration) time.Duration {
	least, most = max(least, 0), min(most, c.segment.lasts-1)
	for least < most {
		middle := most - (most-least)/2
		if c.reached(u, middle) {
			least = middle
		} else {
			most = middle - 1
		}
	}
	return least
}

// reached tells exactly whether the calls before nanosecond t of the segment are no
// more than u.
func (c *cursor) reached(u position, t time.Duration) bool {
	g := c.segment
	lasts := c.n.SetUint64(uint64(g.lasts))
	c.t.SetUint64(uint64(t))
	// x = before*lasts + (2*from*lasts + grows*t) * t
	c.x.Lsh(g.from, 1)
	c.y.Mul(&c.x, lasts)
	c.x.Mul(g.grows, &c.t)
	c.y.Add(&c.y, &c.x)
	c.x.Mul(&c.y, &c.t)
	c.y.Mul(g.before, lasts)
	c.x.Add(&c.x, &c.y)
	c.x.Lsh(&c.x, 63)
	// y = u*unit*lasts
	c.y.Mul(c.unit, lasts)
	c.z.Lsh(c.z.SetUint64(u.whole), 63)
	c.z.Add(&c.z, c.t.SetUint64(u.part))
	c.n.Mul(&c.z, &c.y)
	return c.x.Cmp(&c.n) <= 0
}

// find is the segment of instant t.
func (s *segments) find(t time.Duration) *segment {
	return &s.all[max(sort.Search(len(s.all), func(i int) bool { return s.all[i].start > t })-1, 0)]
}
