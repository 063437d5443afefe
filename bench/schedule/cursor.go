package schedule

import (
	"math/big"
	"time"
)

// A cursor finds the instants of successive positions. It must be used by one goroutine only.
type cursor struct {
	*segments
	segment *segment
	next    int // the index of the segment after that
	// Scratch space for reached, so that it does not allocate.
	t, n, x, y, z big.Int
}

func (s *segments) cursor() *cursor {
	c := &cursor{segments: s, segment: &s.list[0], next: 1}
	words := (s.sum.BitLen()+s.unit.BitLen())/64 + 8
	for _, z := range []*big.Int{&c.t, &c.n, &c.x, &c.y, &c.z} {
		z.SetBits(make([]big.Word, 0, words))
	}
	return c
}

// at returns when a call at position u is due, rounded down to a nanosecond; ok is false after
// the end of the rate curve. U must not be before the position of the previous call.
func (c *cursor) at(u position) (due time.Duration, ok bool) {
	if !u.before(c.segment.end) && !c.seek(u) {
		return 0, false
	}
	return c.segment.start + c.within(u), true
}

// seek moves to the segment that contains u; ok is false after the end of the rate curve.
func (c *cursor) seek(u position) (ok bool) {
	for !u.before(c.segment.end) {
		if c.next == len(c.list) {
			return false
		}
		c.segment = &c.list[c.next]
		c.next++
	}
	return true
}

// within returns the time from the start of the segment at which position u is due.
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

// decide returns the last nanosecond from least to most before which no more calls than u are
// due.
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

// reached reports, exactly, whether no more calls than u are due before nanosecond t of the
// segment.
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
