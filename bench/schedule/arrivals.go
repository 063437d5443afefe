// Package schedule decides when each call of a load is due, and which key it asks for.
//
// A [Load] combines a [RateCurve] with a [Process], or is a [ReplaySpec]; [Load.Arrivals] makes
// the schedule for a seed. Instant n of a schedule is a function of n and the seed, computed with
// integer arithmetic on rational rates: 3,000,000 calls per second for 1 s are exactly 3,000,000
// calls, and a schedule can be repeated, split and resumed. [Keys] are functions of n and a seed
// too.
//
// All types are safe for concurrent use except [Instants], which one goroutine must use alone.
// An instant takes some nanoseconds and allocates nothing.
package schedule

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// Arrivals are a schedule: they say when each call is due. The instant of a call is a function
// of its number (and of a seed) alone, so that a schedule can be repeated, split and resumed. An
// implementation must be safe for concurrent use.
type Arrivals interface {
	// From returns the instants of the calls from number n on.
	From(n uint64) Instants
	// Duration is the length of the schedule: every call is due before it.
	Duration() time.Duration
}

// Instants iterate over the instants of successive calls. One goroutine must use them alone.
type Instants interface {
	// Next returns when the next call is due, counted from the start of the schedule. It is
	// never earlier than the previous call; ok is false after the last call.
	Next() (due time.Duration, ok bool)
}

// Endless is the duration of an endless schedule: the largest Duration, 292 years.
const Endless time.Duration = math.MaxInt64

// Constant returns a schedule of evenly spaced calls: call n is due exactly n/rate after the
// start, rounded down to a nanosecond. It has as many calls as are due before d.
func Constant(r Rate, d time.Duration) (Arrivals, error) {
	return Even.Arrivals(r, d, 0)
}

// Poisson returns a schedule of calls that are independent of each other, as the calls of many
// users are: the gaps have an exponential distribution with a mean of 1/rate. The number of calls
// varies with the seed, around rate times duration.
func Poisson(r Rate, d time.Duration, seed uint64) (Arrivals, error) {
	return Independent.Arrivals(r, d, seed)
}

// First returns the schedule of the first n calls of a. Its Duration is the instant of the next
// call (and at least 1 ns after the last of the n), or the duration of a if there is no next call.
// If a is nil, First returns nil.
func First(a Arrivals, n uint64) Arrivals {
	if a == nil {
		return nil
	}
	f := first{a, n, a.Duration()}
	i, last := a.From(max(n, 1)-1), time.Duration(-1)
	if n > 0 {
		due, ok := i.Next()
		if !ok {
			return f
		}
		last = due
	}
	if due, ok := i.Next(); ok {
		f.duration = max(due, last+1)
	}
	return f
}

type first struct {
	Arrivals
	calls    uint64
	duration time.Duration
}

func (f first) Duration() time.Duration { return f.duration }

func (f first) From(n uint64) Instants {
	return &firstInstants{f.Arrivals.From(min(n, f.calls)), f.calls - min(n, f.calls)}
}

type firstInstants struct {
	Instants
	left uint64
}

func (i *firstInstants) Next() (time.Duration, bool) {
	if i.left == 0 {
		return 0, false
	}
	i.left--
	return i.Instants.Next()
}

// A schedule combines a rate curve and a process. The process places the calls in unit time, in
// which one call is due per unit on average; the curve says how many units have passed at each
// instant. A call is due at the instant at which its position in unit time is reached.
//
// Source: time rescaling; Çinlar, Introduction to Stochastic Processes, 1975,
// section 4.7 (a process of varying rate is a process of rate 1 on another clock).
type schedule struct {
	curve   RateCurve
	process Process
	seed    uint64
}

var _ Arrivals = schedule{}

func newSchedule(curve RateCurve, process Process, seed uint64) (Arrivals, error) {
	var errs []error
	if err := curve.Err(); err != nil {
		errs = append(errs, fmt.Errorf("schedule: %w", err))
	}
	if process.kind == nil {
		errs = append(errs, errors.New("schedule: no arrival process: want one such as Even, Independent or "+
			"a result of ParseProcess"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return schedule{curve, process, seed}, nil
}

func (s schedule) Duration() time.Duration { return s.curve.Duration() }

func (s schedule) From(n uint64) Instants { return s.process.kind.from(s, s.process.param, n) }
