package schedule

import (
	"errors"
	"fmt"
	"math/big"
	"time"
)

// A RateCurve is a rate that changes with time: a row of pieces, in each of which it
// goes evenly from one rate to another. [Steady] and [ParseRateCurve] make one; the
// zero RateCurve is not valid. A curve does not change, and is safe for concurrent
// use.
type RateCurve struct {
	text     string
	segments *segments
	duration time.Duration
	constant Rate // the rate, if it never changes
	err      error
}

// Steady is a rate that stays as it is. It may be [Endless]. What is wrong with the
// rate or the duration is told by Err, and by what is made of the profile.
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
		lasts = 0 // is how a text says so
	}
	part := part{shape: constShape, rates: []Rate{r}, times: []time.Duration{lasts}}
	return newProfile(part.String(), []piece{{r.rat(), r.rat(), d}})
}

// ParseRateCurve reads a curve:
//
//	const:5k/s@30s                      5,000 calls a second for 30 s
//	const:5k/s                          the same without end
//	ramp:1k..20k/s@1m                   evenly from one rate to the other
//	step:1k..5k/s@1m(steps=5)           in equal steps, the last at the second rate
//	spike:1k..20k/s@1m(at=30s,for=5s)   the second rate from 30 s on for 5 s; a
//	                                    tenth of the time and in the middle of it
//	                                    if that is left out
//	sine:1k..5k/s@1m(period=20s)        up to the second rate and back in each period,
//	                                    which is the whole time if it is left out
//	stages:0..1k@10s..5k@30s..0/s@10s   evenly to each rate in the time after it
//
// Curves follow one another with " + " between them. Rates are as in [ParseRate];
// they may be 0, as long as there is a call. The unit of time of the last rate of a
// profile holds for those that have none.
//
// A sine is drawn in 96 chords a period, whose ends lie on it to within 2^-21 of its
// range. No rate is off by more than 0.054 % of the amplitude, which is half the
// range.
//
// The error tells the character where the text goes wrong, and what was wanted.
func ParseRateCurve(text string) (RateCurve, error) {
	s := &scanner{what: "profile", text: text}
	p, err := s.profile()
	if err == nil {
		err = s.ends("nothing after the profile, or + and another")
	}
	if err != nil {
		return RateCurve{}, err
	}
	return p, nil
}

func newProfile(text string, pieces []piece) RateCurve {
	p := RateCurve{text: text, segments: newSegments(pieces)}
	first, even := pieces[0].from, true
	for _, piece := range pieces {
		p.duration += piece.lasts
		even = even && piece.from.Cmp(first) == 0 && piece.to.Cmp(first) == 0
	}
	if even {
		p.constant, _ = fromRat(first) // fits, as it was read as a Rate
	}
	return p
}

// Err returns what is wrong with the profile, or nil.
func (p RateCurve) Err() error {
	if p.err == nil && p.segments == nil {
		return errors.New("the zero RateCurve is not valid: want one of Steady or ParseRateCurve")
	}
	return p.err
}

// Equal tells whether two profiles are the same.
func (p RateCurve) Equal(other RateCurve) bool {
	return p.text == other.text && (p.err == nil) == (other.err == nil)
}

// String is the text that [ParseRateCurve] reads; "" if the profile is not valid.
func (p RateCurve) String() string { return p.text }

// Duration is the length of the profile, which may be [Endless]; 0 if it is not
// valid.
func (p RateCurve) Duration() time.Duration { return p.duration }

// Calls is how many evenly spaced calls it makes: those before its end, the first
// of them at its start or as soon as its rate is above 0.
func (p RateCurve) Calls() uint64 {
	if p.segments == nil {
		return 0
	}
	return p.segments.ends().calls()
}

// At is the rate at an instant, in calls a second: where it jumps, the one after; 0
// outside the profile.
func (p RateCurve) At(t time.Duration) float64 {
	if p.segments == nil || t < 0 || t >= p.duration {
		return 0
	}
	g := p.segments.find(t)
	r := big.NewRat(int64(t-g.start), int64(g.lasts))
	r.Mul(r, new(big.Rat).SetInt(g.grows))
	r.Add(r, new(big.Rat).SetInt(g.from))
	return nearest(r.Quo(r, new(big.Rat).SetInt(p.segments.denominator)))
}

// Peak is the highest rate, in calls a second.
func (p RateCurve) Peak() float64 {
	if p.segments == nil {
		return 0
	}
	most := new(big.Int)
	for _, g := range p.segments.all {
		for _, r := range []*big.Int{g.from, new(big.Int).Add(g.from, g.grows)} {
			if r.Cmp(most) > 0 {
				most = r
			}
		}
	}
	return nearest(new(big.Rat).SetFrac(most, p.segments.denominator))
}

// Mean is the number of calls over the time, in calls a second.
func (p RateCurve) Mean() float64 {
	if p.segments == nil {
		return 0
	}
	// A unit is 2e9 times the denominator: with the 1e9 ns of a second, half of it.
	n := new(big.Int).Mul(p.segments.denominator, big.NewInt(2))
	return nearest(new(big.Rat).SetFrac(p.segments.sum, n.Mul(n, big.NewInt(int64(p.duration)))))
}

// Constant is the rate of a profile whose rate never changes.
func (p RateCurve) Constant() (Rate, bool) { return p.constant, p.constant != Rate{} }
