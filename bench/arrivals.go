package bench

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"time"
)

// Arrivals say when calls are due: a function of the number of the call alone
// (and of a seed), so that a schedule can be repeated, split and resumed. They
// are safe for concurrent use.
type Arrivals interface {
	// From returns the instants of the calls from number n on.
	From(n uint64) Instants
	// Duration is the length of the schedule: every call is due before it.
	Duration() time.Duration
}

// Instants are the instants of successive calls. They belong to one goroutine.
type Instants interface {
	// Next returns when the next call is due, counted from the start of the
	// schedule and never before the one before it; ok is false past the end.
	Next() (due time.Duration, ok bool)
}

func checkSchedule(r Rate, d time.Duration) error {
	var errs []error
	if err := r.check(); err != nil {
		errs = append(errs, fmt.Errorf("bench: %w", err))
	}
	if d <= 0 {
		errs = append(errs, fmt.Errorf("bench: duration is %v: want one above 0", d))
	}
	return errors.Join(errs...)
}

type constant struct {
	rate     Rate
	duration time.Duration
	calls    uint64
}

// Constant is a schedule of evenly spaced calls: call n is due exactly n/rate
// after the start, rounded down to a nanosecond. There are as many as fit.
func Constant(r Rate, d time.Duration) (Arrivals, error) {
	if err := checkSchedule(r, d); err != nil {
		return nil, err
	}
	return constant{r, d, r.Calls(d)}, nil
}

func (c constant) Duration() time.Duration { return c.duration }

func (c constant) From(n uint64) Instants { return &constantInstants{c, n} }

type constantInstants struct {
	constant
	n uint64
}

func (i *constantInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	due := i.rate.at(i.n)
	i.n++
	return due, true
}

type poisson struct {
	scale    float64 // mean gap, ns
	duration time.Duration
	seed     uint64
}

// Poisson is a schedule of calls that are independent of each other, as those of
// many users are: the gaps are exponential with a mean of 1/rate. How many fall
// into the duration varies with the seed, around rate times duration.
func Poisson(r Rate, d time.Duration, seed uint64) (Arrivals, error) {
	if err := checkSchedule(r, d); err != nil {
		return nil, err
	}
	return poisson{1e9 * float64(r.Den) / float64(r.Num), d, seed}, nil
}

func (p poisson) Duration() time.Duration { return p.duration }

// From draws the gaps before call n again, at about 5 ns each.
func (p poisson) From(n uint64) Instants {
	i := &poissonInstants{poisson: p, gaps: rand.New(rand.NewPCG(p.seed, streamArrivals))}
	for range n {
		i.sum += i.gaps.ExpFloat64()
	}
	return i
}

type poissonInstants struct {
	poisson
	gaps *rand.Rand
	sum  float64 // of the gaps so far, in mean gaps: scaled once, not added up rounded
}

func (i *poissonInstants) Next() (time.Duration, bool) {
	i.sum += i.gaps.ExpFloat64()
	due := i.sum * i.scale
	if due >= float64(i.duration) {
		i.sum = math.Inf(1) // stays past the end
		return 0, false
	}
	return time.Duration(due), true
}
