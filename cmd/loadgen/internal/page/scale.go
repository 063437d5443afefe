package page

import (
	"fmt"
	"math"
	"strconv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// A px is a coordinate, which the page has with one decimal.
type px float64

func (p px) String() string { return fmt.Sprintf("%.1f", float64(p)) }

// A scale maps values to coordinates.
type scale struct {
	lo, hi   float64 // values at its ends
	from, to float64 // coordinates of them
	log      bool
	// zero says that a log scale has values that are not above 0: they are drawn at
	// its very beginning, zeroRoom before lo.
	zero bool
}

const zeroRoom = 16 // pixels

// at is where x is drawn, which is never beyond the ends.
func (s *scale) at(x float64) px {
	from, lo, hi := s.from, s.lo, s.hi
	if s.log {
		if s.zero {
			from += math.Copysign(zeroRoom, s.to-s.from)
		}
		if !(x > 0) {
			return px(s.from)
		}
		x, lo, hi = log10(x), log10(lo), log10(hi)
	}
	if math.IsInf(hi-lo, 0) {
		x, lo, hi = x/2, lo/2, hi/2
	}
	share := min(max((x-lo)/(hi-lo), 0), 1)
	return px(from + share*(s.to-from))
}

// logScale returns one from a round number to a round number, around the finite values;
// those that are not above 0 make it begin with 0.
func logScale(values []float64, from, to float64) *scale {
	s := &scale{lo: math.Inf(1), from: from, to: to, log: true}
	for _, x := range values {
		switch {
		case !finite(x):
		case x > 0:
			s.lo, s.hi = min(s.lo, x), max(s.hi, x)
		default:
			s.zero = true
		}
	}
	if s.hi == 0 { // there is nothing, or nothing but 0
		s.lo, s.hi = 1, 10
	}
	lo, hi := floor125(s.lo), ceil125(s.hi)
	if lo == hi {
		lo, hi = lo-1, hi+1
	}
	s.lo = max(value125(lo), math.SmallestNonzeroFloat64)
	s.hi = min(value125(hi), math.MaxFloat64)
	return s
}

// log10 returns the decimal logarithm of x. That of package math takes a denormal number for
// a greater one on amd64.
func log10(x float64) float64 { return math.Log2(x) * (math.Ln2 / math.Ln10) }

func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// value125 returns the nth of the numbers ..., 0.5, 1, 2, 5, 10, 20, ..., of which 1 is
// the 0th. Beyond the numbers of float64 it is 0 or infinite.
func value125(n int) float64 {
	power := int(math.Floor(float64(n) / 3))
	// Parsing rounds correctly where multiplying powers would not: at denormal numbers.
	x, _ := strconv.ParseFloat(fmt.Sprintf("%de%d", [...]int{1, 2, 5}[n-3*power], power), 64)
	return x
}

// rounding is the share by which a value may exceed a round number and still count as it.
const rounding = 1e-9

// below125 returns the n of a value125 a few steps below x, which is positive and finite.
func below125(x float64) int { return 3*int(math.Floor(log10(x))) - 1 }

// floor125 returns the n of the greatest value125 that is at most x, but for rounding.
func floor125(x float64) int {
	n := below125(x)
	for value125(n+1)*(1-rounding) <= x {
		n++
	}
	return n
}

// ceil125 returns the n of the least value125 that is at least x, but for rounding.
func ceil125(x float64) int {
	n := below125(x)
	for value125(n) < x*(1-rounding) {
		n++
	}
	return n
}

// linearScale returns one around the finite values.
func linearScale(values []float64, from, to float64) *scale {
	s := &scale{lo: math.Inf(1), hi: math.Inf(-1), from: from, to: to}
	for _, x := range values {
		if finite(x) {
			s.lo, s.hi = min(s.lo, x), max(s.hi, x)
		}
	}
	switch {
	case s.lo > s.hi:
		s.lo, s.hi = 0, 1
	case s.hi-s.lo <= 1e-6*max(math.Abs(s.lo), math.Abs(s.hi)): // which rounding alone may be
		room := max(math.Abs(s.lo)/10, 1e-9)
		s.lo, s.hi = max(s.lo-room, -math.MaxFloat64), min(s.hi+room, math.MaxFloat64)
	}
	return s
}

// A tick is a mark of an axis.
type tick struct {
	At    px
	Label string
}

// steps returns the values at which a scale has ticks.
func (s *scale) steps() (all []float64) {
	if !s.log {
		step := value125(ceil125(max(s.hi/6-s.lo/6, math.SmallestNonzeroFloat64)))
		last := math.Floor(s.hi/step + rounding)
		for i := math.Ceil(s.lo/step - rounding); i <= last; i++ {
			all = append(all, i*step)
		}
		return all
	}
	everyDecade := log10(s.hi)-log10(s.lo) > 4
	for n := floor125(s.lo); value125(n) <= s.hi; n++ {
		if n%3 == 0 || !everyDecade {
			all = append(all, value125(n))
		}
	}
	return all
}

// ticks are those of an axis, as many as there is room for: the label of one takes
// room(label) pixels along it.
func (s *scale) ticks(label func(float64) string, room func(string) float64) (all []tick) {
	add := func(t tick) {
		if n := len(all); n > 0 {
			last := all[n-1]
			if math.Abs(float64(t.At-last.At)) < (room(t.Label)+room(last.Label))/2 {
				return
			}
		}
		all = append(all, t)
	}
	if s.zero {
		add(tick{px(s.from), "0"})
	}
	for _, x := range s.steps() {
		add(tick{s.at(x), label(x)})
	}
	return all
}

// charWidth is about how many pixels a character takes, and lineHeight a line.
const (
	charWidth  = 6.9
	lineHeight = 15.0
)

func textWidth(s string) float64 { return charWidth * float64(len([]rune(s))) }
func across(s string) float64    { return textWidth(s) + 10 }
func down(string) float64        { return lineHeight }

// plain writes a number of an axis.
func plain(x float64) string {
	if x == 0 { // of either sign
		return "0"
	}
	if a := math.Abs(x); a < 1e-3 || a >= 1e7 {
		return fmt.Sprintf("%.0e", x)
	}
	if x == math.Trunc(x) {
		if x < 0 {
			return "−" + report.Count(-x)
		}
		return report.Count(x)
	}
	return fmt.Sprintf("%.3g", x)
}

// A unit is one of time.
type unit struct {
	name string
	ns   float64
}

// timeUnit is the one to write durations in, given in ns: the largest that is not
// greater than twice the middle one, zeros left out.
func timeUnit(values []float64) unit {
	var all []float64
	for _, x := range values {
		if x > 0 {
			all = append(all, x)
		}
	}
	best := unit{"ns", 1}
	if len(all) == 0 {
		return best
	}
	middle := results.Median(all)
	for _, u := range []unit{{"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if middle >= u.ns/2 {
			best = u
		}
	}
	return best
}
