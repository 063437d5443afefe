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

func checkSchedule(r QPS, d time.Duration) error {
	var errs []error
	if err := r.check(); err != nil {
		errs = append(errs, fmt.Errorf("bench: %w", err))
	}
	if d <= 0 {
		errs = append(errs, fmt.Errorf("bench: duration is %v: want one above 0", d))
	}
	return errors.Join(errs...)
}

// numbered is a schedule of so many calls, each of which is due at an instant that
// its number gives.
type numbered struct {
	at       func(n uint64) time.Duration
	calls    uint64
	duration time.Duration
}

// Constant is a schedule of evenly spaced calls: call n is due exactly n/rate
// after the start, rounded down to a nanosecond. There are as many as fit.
func Constant(r QPS, d time.Duration) (Arrivals, error) {
	if err := checkSchedule(r, d); err != nil {
		return nil, err
	}
	return constant(0, r, d, 0), nil
}

func constant(_ float64, r QPS, d time.Duration, _ uint64) Arrivals {
	return numbered{r.at, r.Calls(d), d}
}

// jitter delays each call of a constant schedule by up to a share of a gap.
func jitter(share float64, r QPS, d time.Duration, seed uint64) Arrivals {
	most := share / r.Float() * 1e9
	seed = mix(seed*golden + streamArrivals)
	at := func(n uint64) time.Duration {
		delay := time.Duration(most * float64(mix(seed+n*golden)>>11) / (1 << 53))
		// No later than the next begins, and within the schedule.
		return min(r.at(n)+delay, r.at(n+1), d-1)
	}
	return numbered{at, r.Calls(d), d}
}

// bursts makes the calls of a constant schedule size at a time.
func bursts(size float64, r QPS, d time.Duration, _ uint64) Arrivals {
	at := func(n uint64) time.Duration { return r.at(n - n%uint64(size)) }
	return numbered{at, r.Calls(d), d}
}

func (s numbered) Duration() time.Duration { return s.duration }

func (s numbered) From(n uint64) Instants { return &numberedInstants{s, n} }

type numberedInstants struct {
	numbered
	n uint64
}

func (i *numberedInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	due := i.at(i.n)
	i.n++
	return due, true
}

// Poisson is a schedule of calls that are independent of each other, as those of
// many users are: the gaps are exponential with a mean of 1/rate. How many fall
// into the duration varies with the seed, around rate times duration.
func Poisson(r QPS, d time.Duration, seed uint64) (Arrivals, error) {
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
