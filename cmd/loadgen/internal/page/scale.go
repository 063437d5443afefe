package page

import (
	"fmt"
	"math"
	"strconv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// A px is a coordinate in pixels. The page prints it with one decimal.
type px float64

// String returns p with one decimal.
func (p px) String() string { return fmt.Sprintf("%.1f", float64(p)) }

// A scale maps values to coordinates.
type scale struct {
	lo, hi   float64 // values at its ends
	from, to float64 // coordinates of its ends
	log      bool
	// zero means that a log scale has values that are not positive. They are drawn at
	// its beginning, zeroRoom before lo.
	zero bool
}

// zeroRoom is the distance of 0 from the first positive value on a log scale.
const zeroRoom = 16 // pixels

// at returns the coordinate of x, limited to the ends of the scale.
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

// logScale returns a log scale for the finite values, with round numbers at its ends. If some values are not positive,
// it begins with 0.
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
	if s.hi == 0 { // no value is positive
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

// log10 returns the decimal logarithm of x. The function of package math is wrong for denormal numbers on amd64.
func log10(x float64) float64 { return math.Log2(x) * (math.Ln2 / math.Ln10) }

// finite reports whether x is neither NaN nor infinite.
func finite(x float64) bool { return !math.IsNaN(x) && !math.IsInf(x, 0) }

// value125 returns element n of the sequence ..., 0.5, 1, 2, 5, 10, 20, ..., in which element 0 is 1. Beyond the range
// of float64 it is 0 or infinite.
func value125(n int) float64 {
	power := int(math.Floor(float64(n) / 3))
	// Parsing rounds correctly even for denormal numbers, for which multiplying powers would not.
	x, _ := strconv.ParseFloat(fmt.Sprintf("%de%d", [...]int{1, 2, 5}[n-3*power], power), 64)
	return x
}

// rounding is the share by which a value may exceed a round number and still count as equal.
const rounding = 1e-9

// below125 returns the n of a value125 a few elements below x, which must be positive and finite.
func below125(x float64) int { return 3*int(math.Floor(log10(x))) - 1 }

// floor125 returns the n of the largest value125 that is at most x, except for rounding.
func floor125(x float64) int {
	n := below125(x)
	for value125(n+1)*(1-rounding) <= x {
		n++
	}
	return n
}

// ceil125 returns the n of the smallest value125 that is at least x, except for rounding.
func ceil125(x float64) int {
	n := below125(x)
	for value125(n) < x*(1-rounding) {
		n++
	}
	return n
}

// linearScale returns a linear scale for the finite values.
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
	case s.hi-s.lo <= 1e-6*max(math.Abs(s.lo), math.Abs(s.hi)): // the range may be due to rounding
		room := max(math.Abs(s.lo)/10, 1e-9)
		s.lo, s.hi = max(s.lo-room, -math.MaxFloat64), min(s.hi+room, math.MaxFloat64)
	}
	return s
}

// A tick is a mark on an axis.
type tick struct {
	At    px
	Label string
}

// steps returns the values at which a scale has ticks.
func (s *scale) steps() (values []float64) {
	if !s.log {
		step := value125(ceil125(max(s.hi/6-s.lo/6, math.SmallestNonzeroFloat64)))
		last := math.Floor(s.hi/step + rounding)
		for i := math.Ceil(s.lo/step - rounding); i <= last; i++ {
			values = append(values, i*step)
		}
		return values
	}
	everyDecade := log10(s.hi)-log10(s.lo) > 4
	for n := floor125(s.lo); value125(n) <= s.hi; n++ {
		if n%3 == 0 || !everyDecade {
			values = append(values, value125(n))
		}
	}
	return values
}

// ticks returns the ticks of an axis, as many as there is room for. A label needs room(label) pixels along the axis.
func (s *scale) ticks(label func(float64) string, room func(string) float64) (list []tick) {
	add := func(t tick) {
		if n := len(list); n > 0 {
			last := list[n-1]
			if math.Abs(float64(t.At-last.At)) < (room(t.Label)+room(last.Label))/2 {
				return
			}
		}
		list = append(list, t)
	}
	if s.zero {
		add(tick{px(s.from), "0"})
	}
	for _, x := range s.steps() {
		add(tick{s.at(x), label(x)})
	}
	return list
}

// charWidth is the approximate width of a character, and lineHeight the height of a line, in pixels.
const (
	charWidth  = 6.9
	lineHeight = 15.0
)

// textWidth returns the approximate width of s, in pixels.
func textWidth(s string) float64 { return charWidth * float64(format.Width(s)) }

// across returns the room for a label on a horizontal axis, in pixels.
func across(s string) float64 { return textWidth(s) + 10 }

// down returns the room for a label on a vertical axis, in pixels.
func down(string) float64 { return lineHeight }

// plain returns the label of a number on an axis.
func plain(x float64) string {
	if x == 0 { // of either sign
		return "0"
	}
	if a := math.Abs(x); a < 1e-3 || a >= 1e7 {
		return fmt.Sprintf("%.0e", x)
	}
	if x == math.Trunc(x) {
		return format.Count(x)
	}
	return format.Digits(x, 3)
}

// A unit is a unit of time.
type unit struct {
	name string
	ns   float64
}

// timeUnit returns the unit for durations, given in ns: the largest unit that is at most twice their median, without
// zeros.
func timeUnit(values []float64) unit {
	var positive []float64
	for _, x := range values {
		if x > 0 {
			positive = append(positive, x)
		}
	}
	best := unit{"ns", 1}
	if len(positive) == 0 {
		return best
	}
	middle := results.Median(positive)
	for _, u := range []unit{{"us", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if middle >= u.ns/2 {
			best = u
		}
	}
	return best
}
