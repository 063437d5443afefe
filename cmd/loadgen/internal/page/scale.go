package page

import (
	"fmt"
	"math"
	"strconv"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// The extent of a chart. SVG stretches it to the room that there is, and HTML places text in per cent of it.
const extent = 1000

// A px is a coordinate of a chart, or a number of per cent.
type px float64

// String returns p with at most two digits after the point.
func (p px) String() string {
	return strconv.FormatFloat(math.Round(float64(p)*100)/100+0, 'f', -1, 64)
}

// percent returns a coordinate in per cent of the extent.
func (p px) percent() px { return p / (extent / 100) }

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
const zeroRoom = 40

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

// steps returns the values at which a scale has ticks. A log scale has ticks at decades, or at 1, 2 and 5 if it has
// fewer than three decades.
func (s *scale) steps(most int) (values []float64) {
	if !s.log {
		n := float64(most)
		step := value125(ceil125(max(s.hi/n-s.lo/n, math.SmallestNonzeroFloat64)))
		last := math.Floor(s.hi/step + rounding)
		for i := math.Ceil(s.lo/step - rounding); i <= last; i++ {
			values = append(values, i*step)
		}
		return values
	}
	first, last := floor125(s.lo), floor125(s.hi)
	var decades []float64
	for n := first; n <= last; n++ {
		if x := value125(n); x >= s.lo*(1-rounding) {
			values = append(values, x)
			if n%3 == 0 {
				decades = append(decades, x)
			}
		}
	}
	if len(decades) >= 3 || len(values) > most && len(decades) > 0 {
		values = decades
	}
	every := (len(values) + most - 1) / most
	var few []float64
	for i, x := range values {
		if i%max(every, 1) == 0 {
			few = append(few, x)
		}
	}
	return few
}

// ticks returns about as many ticks as asked for. A log scale that begins with 0 has a tick there.
func (s *scale) ticks(label func(float64) string, most int) (list []tick) {
	if s.zero {
		list = append(list, tick{px(s.from), "0"})
	}
	for _, x := range s.steps(most) {
		list = append(list, tick{s.at(x), label(x)})
	}
	return list
}

// String returns the scale for the script: its kind, its values and its coordinates at both ends.
func (s *scale) String() string {
	kind, from := "linear", s.from
	if s.log {
		kind, from = "log", s.from
		if s.zero {
			from = float64(s.at(s.lo))
		}
	}
	return kind + " " + format.Exact(s.lo) + " " + format.Exact(s.hi) + " " + px(from).String() + " " +
		px(s.to).String()
}

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
