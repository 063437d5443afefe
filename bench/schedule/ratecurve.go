package schedule

import (
	"errors"
	"fmt"
	"math/big"
	"time"
)

// A RateCurve is a rate that changes with time: a sequence of pieces, in each of which the rate
// changes linearly. [Steady] and [ParseRateCurve] make one; the zero RateCurve is not valid. A
// RateCurve is immutable and safe for concurrent use.
type RateCurve struct {
	text     string
	segments *segments
	duration time.Duration
	err      error
}

// Steady returns a curve whose rate is constant. The duration may be [Endless].
//
// Steady returns no error, so that a call of it can be an argument. If the rate or the duration
// is not valid, [RateCurve.Err] and the Arrivals methods of [Load] and [Process] return the error.
func Steady(r Rate, d time.Duration) RateCurve {
	var errs []error
	if err := r.check(); err != nil {
		errs = append(errs, err)
	}
	if d <= 0 {
		errs = append(errs, fmt.Errorf("duration is %v: want one above 0", d))
	}
	if err := errors.Join(errs...); err != nil {
		return RateCurve{err: err}
	}
	lasts := d
	if d == Endless {
		lasts = 0 // the text of an endless curve has no time
	}
	part := part{shape: constShape, rates: []Rate{r}, times: []time.Duration{lasts}}
	return newRateCurve(part.String(), []piece{{r.rat(), r.rat(), d}})
}

// ParseRateCurve parses a rate curve:
//
//	const:5k/s@30s                      5,000 calls per second for 30 s
//	const:5k/s                          the same, endless
//	ramp:1k..20k/s@1m                   linearly from one rate to the other
//	step:1k..5k/s@1m(steps=5)           in equal steps, the last at the second rate
//	spike:1k..20k/s@1m(at=30s,for=5s)   the second rate for 5 s, starting at 30 s; by
//	                                    default for a tenth of the time, in the middle
//	sine:1k..5k/s@1m(period=20s)        up to the second rate and back in each period;
//	                                    by default the period is the whole time
//	stages:0..1k@10s..5k@30s..0/s@10s   linearly to each rate in the time after it
//
// Curves are joined by " + ". Rates are written as in [ParseRate]; they may be 0, as long as
// the whole has at least one call. The unit of time of the last rate of a shape applies to its
// rates that have none.
//
// A sine is approximated by 96 chords per period. The ends of a chord are within 2^-21 of the
// range of the sine, and no rate is off by more than 0.054% of the amplitude (half the range).
//
// The error reports the position of the first character that is wrong, and what was expected.
func ParseRateCurve(text string) (RateCurve, error) {
	s := &scanner{what: "rate curve", text: text}
	c, err := s.rateCurve()
	if err == nil {
		err = s.ends("nothing after the rate curve, or + and another")
	}
	if err != nil {
		return RateCurve{}, err
	}
	return c, nil
}

func newRateCurve(text string, pieces []piece) RateCurve {
	c := RateCurve{text: text, segments: newSegments(pieces)}
	for _, piece := range pieces {
		c.duration += piece.lasts
	}
	return c
}

// Err returns the error that [Steady] or [At] found in its arguments, an error for the zero
// RateCurve, and otherwise nil.
func (c RateCurve) Err() error {
	if c.err == nil && c.segments == nil {
		return errors.New("the zero RateCurve is not valid: want one of Steady or ParseRateCurve")
	}
	return c.err
}

// Equal reports whether two curves are the same.
func (c RateCurve) Equal(other RateCurve) bool {
	return c.text == other.text && (c.err == nil) == (other.err == nil)
}

// String returns the curve in the form that [ParseRateCurve] parses, or "" if the curve is not
// valid.
func (c RateCurve) String() string { return c.text }

// Duration returns the length of the curve, which may be [Endless], or 0 if the curve is not
// valid.
func (c RateCurve) Duration() time.Duration { return c.duration }

// Calls returns the number of evenly spaced calls before the end of the curve. The first of
// them is due at its start, or as soon as its rate is above 0.
func (c RateCurve) Calls() uint64 {
	if c.segments == nil {
		return 0
	}
	return c.segments.ends().calls()
}

// At returns the rate at instant t, in calls per second. Where the rate jumps, At returns the
// rate after the jump; outside the curve it returns 0.
func (c RateCurve) At(t time.Duration) float64 {
	if c.segments == nil || t < 0 || t >= c.duration {
		return 0
	}
	g := c.segments.find(t)
	r := big.NewRat(int64(t-g.start), int64(g.lasts))
	r.Mul(r, new(big.Rat).SetInt(g.grows))
	r.Add(r, new(big.Rat).SetInt(g.from))
	return nearest(r.Quo(r, new(big.Rat).SetInt(c.segments.denominator)))
}

// Peak returns the highest rate, in calls per second.
func (c RateCurve) Peak() float64 {
	if c.segments == nil {
		return 0
	}
	most := new(big.Int)
	for _, g := range c.segments.list {
		for _, r := range []*big.Int{g.from, new(big.Int).Add(g.from, g.grows)} {
			if r.Cmp(most) > 0 {
				most = r
			}
		}
	}
	return nearest(new(big.Rat).SetFrac(most, c.segments.denominator))
}

// Mean returns the number of calls over the duration, in calls per second. Like [RateCurve.Peak], it is
// for callers that plan a load; no other package of this repository needs it.
func (c RateCurve) Mean() float64 {
	if c.segments == nil {
		return 0
	}
	// The sum is in 1/(2e9*denominator) calls and the duration in ns: the factor 1e9 cancels.
	n := new(big.Int).Mul(c.segments.denominator, big.NewInt(2))
	return nearest(new(big.Rat).SetFrac(c.segments.sum, n.Mul(n, big.NewInt(int64(c.duration)))))
}
