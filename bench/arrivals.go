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

// Poisson is a schedule of calls that are independent of each other, as those of
// many users are: the gaps are exponential with a mean of 1/rate. How many fall
// into the duration varies with the seed, around rate times duration.
func Poisson(r Rate, d time.Duration, seed uint64) (Arrivals, error) {
	if err := checkSchedule(r, d); err != nil {
		return nil, err
	}
	return exponential(0, r, d, seed), nil
}

// A renewal is a schedule whose gaps are independent of each other.
type renewal struct {
	gap      func(*rand.Rand) float64 // in mean gaps
	scale    float64                  // mean gap, ns
	duration time.Duration
	seed     uint64
}

func (s renewal) Duration() time.Duration { return s.duration }

// From draws the gaps before call n again, at some ns each.
func (s renewal) From(n uint64) Instants {
	i := &renewalInstants{renewal: s, random: rand.New(rand.NewPCG(s.seed, streamArrivals))}
	for range n {
		i.sum += i.gap(i.random)
	}
	return i
}

type renewalInstants struct {
	renewal
	random *rand.Rand
	sum    float64 // of the gaps so far, in mean gaps: scaled once, not added up rounded
}

func (i *renewalInstants) Next() (time.Duration, bool) {
	i.sum += i.gap(i.random)
	due := i.sum * i.scale
	if due >= float64(i.duration) {
		i.sum = math.Inf(1) // stays past the end
		return 0, false
	}
	return time.Duration(due), true
}

// jitter delays each call of a constant schedule by up to most ns, which is at
// most a gap.
type jitter struct {
	constant
	most float64
	seed uint64
}

func (j jitter) From(n uint64) Instants { return &jitterInstants{j, n} }

type jitterInstants struct {
	jitter
	n uint64
}

func (i *jitterInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	share := float64(mix(i.seed+i.n*golden)>>11) / (1 << 53)
	// No later than the next begins, and within the schedule.
	last := min(i.rate.at(i.n+1), i.duration-1)
	due := min(i.rate.at(i.n)+time.Duration(share*i.most), last)
	i.n++
	return due, true
}

// bursts makes the calls of a constant schedule size at a time.
type bursts struct {
	constant
	size uint64
}

func (b bursts) From(n uint64) Instants { return &burstInstants{b, n} }

type burstInstants struct {
	bursts
	n uint64
}

func (i *burstInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	due := i.rate.at(i.n - i.n%i.size)
	i.n++
	return due, true
}
