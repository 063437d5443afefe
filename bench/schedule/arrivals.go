// Package schedule decides when each call of a load is due, and which key it asks for.
//
// A [Load] is a [Process] under a [RateCurve], or a [ReplaySpec]; it makes [Arrivals] from
// a seed. Instant n of a schedule is a function of n and the seed, computed with integer
// arithmetic on rational rates: 3,000,000 calls a second for 1 s are 3,000,000 calls, and
// a schedule can be repeated, split and resumed. [Keys] are functions of n and a seed too.
//
// Everything is safe for concurrent use but [Instants], which belong to one goroutine. An
// instant costs some nanoseconds, and allocates nothing.
package schedule

import (
	"errors"
	"fmt"
	"math"
	"math/bits"
	"time"

	"github.com/loadgen-go/loadgen/internal/rng"
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

// Endless is the duration of what has no end: the longest there is, of 292 years.
const Endless time.Duration = math.MaxInt64

// Constant is a schedule of evenly spaced calls: call n is due exactly n/rate
// after the start, rounded down to a nanosecond. There are as many as fit.
func Constant(r Rate, d time.Duration) (Arrivals, error) {
	return Even.Arrivals(r, d, 0)
}

// Poisson is a schedule of calls that are independent of each other, as those of
// many users are: the gaps are exponential with a mean of 1/rate. How many fall
// into the duration varies with the seed, around rate times duration.
func Poisson(r Rate, d time.Duration, seed uint64) (Arrivals, error) {
	return Independent.Arrivals(r, d, seed)
}

// First is the first n calls of a. Its Duration is when the call after them would
// be due (but after the last of them), or that of a if there is no such call. First
// of nil is nil.
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

// A schedule is a process under a profile. The process says where calls lie in unit
// time, in which one is due in each unit on average; the profile, how many units
// have gone by at each instant. A call is due when as many have gone by as its
// position says.
//
// Source: time rescaling; Çinlar, Introduction to Stochastic Processes, 1975,
// section 4.7 (a process of varying rate is one of rate 1 on another clock).
type schedule struct {
	profile RateCurve
	process Process
	seed    uint64
}

var _ Arrivals = schedule{}

func newSchedule(p RateCurve, process Process, seed uint64) (Arrivals, error) {
	var errs []error
	if err := p.Err(); err != nil {
		errs = append(errs, fmt.Errorf("schedule: %w", err))
	}
	if process.kind == nil {
		errs = append(errs, errors.New("schedule: the zero Process is not valid: want one of ParseProcess"))
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	return schedule{p, process, seed}, nil
}

func (s schedule) Duration() time.Duration { return s.profile.Duration() }

func (s schedule) From(n uint64) Instants { return s.process.kind.from(s, s.process.param, n) }

// evenly makes call n at position n.
func evenly(s schedule, _ float64, n uint64) Instants {
	i := s.even(n, 1)
	return &i
}

// evenInstants are calls at positions that are multiples of a stride.
type evenInstants struct {
	steps
	cursor *cursor
	n      uint64 // of the call after the steps
	calls  uint64
	stride uint64
}

func (s schedule) even(n, stride uint64) evenInstants {
	return evenInstants{cursor: s.profile.segments.cursor(), n: n, calls: ceilDiv(s.profile.Calls(), stride),
		stride: stride}
}

func ceilDiv(x, y uint64) uint64 { return (x + y - 1) / y } // x + y is below 2^64

func (i *evenInstants) Next() (time.Duration, bool) {
	if i.left == 0 && !i.refill() {
		return 0, false
	}
	return i.steps.next(), true
}

// refill makes steps of all that a segment still has if its rate does not change,
// and otherwise of one call.
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

// steps are evenly spaced instants at a rate that does not change, with a whole step
// and what it leaves over added up: nothing is divided.
//
// Source: Bresenham, Algorithm for Computer Control of a Digital Plotter, IBM
// Systems Journal 4(1), 1965.
type steps struct {
	left       uint64 // calls
	due        uint64 // ns
	over       uint64 // in 1/num ns, below num
	step, rest uint64 // a gap, in ns and in 1/num ns
	num        uint64 // 0: there is no more than one
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

// from sets what is left over at call n, and the step to the one that comes stride
// later, unless they are too large.
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

// jittered delays each call by up to a share of the gap to the next.
func jittered(s schedule, share float64, n uint64) Instants {
	seed := rng.Start(s.seed, rng.Arrivals)
	return &jitterInstants{s.profile.segments.cursor(), n, s.profile.Calls(), s.Duration() - 1, seed,
		uint64(share * onePart)}
}

type jitterInstants struct {
	*cursor
	n, calls   uint64
	last       time.Duration // no call is later
	seed, most uint64        // most is in parts
}

func (i *jitterInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	part, _ := bits.Mul64(rng.Mix(i.seed+i.n*rng.Golden), i.most)
	due, ok := i.at(position{i.n, part})
	if !ok { // call n is within the profile, but it is delayed past it
		due = i.last
	}
	i.n++
	return due, true
}

// inBursts makes size calls at a time.
func inBursts(s schedule, size float64, n uint64) Instants {
	i := &burstInstants{calls: s.profile.Calls(), size: uint64(size), n: n}
	i.bursts = s.even(n/i.size, i.size)
	if i.made = n % i.size; i.made > 0 {
		i.due, _ = i.bursts.Next() // not looked at if call n is past the end
	}
	return i
}

type burstInstants struct {
	bursts     evenInstants
	n, calls   uint64
	size, made uint64 // calls of a burst, and of the one at hand
	due        time.Duration
}

func (i *burstInstants) Next() (time.Duration, bool) {
	if i.n >= i.calls {
		return 0, false
	}
	if i.made == 0 {
		i.due, _ = i.bursts.Next() // there is one, as call n is within the profile
	}
	i.n++
	if i.made++; i.made == i.size {
		i.made = 0
	}
	return i.due, true
}
