package page

import (
	"fmt"
	"math"

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
		x, lo, hi = math.Log(x), math.Log(lo), math.Log(hi)
	}
	share := min(max((x-lo)/(hi-lo), 0), 1)
	return px(from + share*(s.to-from))
}

// logScale is one from a round number to a round number, around values; those that
// are not above 0 make it begin with 0.
func logScale(values []float64, from, to float64) *scale {
	s := &scale{lo: math.Inf(1), from: from, to: to, log: true}
	for _, x := range values {
		if !finite(x) {
			continue
		}
		if x > 0 {
			s.lo, s.hi = min(s.lo, x), max(s.hi, x)
		} else {
			s.zero = true
		}
	}
	if s.hi == 0 { // there is nothing, or nothing but 0
		s.lo, s.hi = 1, 10
	}
	s.lo, s.hi = round125(s.lo, math.Floor), round125(s.hi, math.Ceil)
	if s.lo == s.hi {
		s.lo, s.hi = round125(s.lo*0.9, math.Floor), round125(s.hi*1.1, math.Ceil)
	}
	return s
}

// finite tells whether x can be on an axis: one that reached to infinity would have ticks
// without end.
func finite(x float64) bool { return !math.IsNaN(x) && math.Abs(x) <= 1e300 }

// round125 is the next 1, 2 or 5 times a power of ten, below or above.
func round125(x float64, way func(float64) float64) float64 {
	const close = 1e-9 // of rounding
	power := math.Pow(10, math.Floor(math.Log10(x)+close))
	m := x / power
	steps := []float64{1, 2, 5, 10}
	if way(0.5) == 0 {
		best := 1.0
		for _, s := range steps {
			if s <= m*(1+close) {
				best = s
			}
		}
		return best * power
	}
	for _, s := range steps {
		if s >= m*(1-close) {
			return s * power
		}
	}
	return 10 * power
}

// linearScale is one around values.
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
		s.lo, s.hi = s.lo-room, s.hi+room
	}
	return s
}

// A tick is a mark of an axis.
type tick struct {
	At    px
	Label string
}

// steps are the values at which a scale has ticks.
func (s *scale) steps() (all []float64) {
	if !s.log {
		step := round125((s.hi-s.lo)/6, math.Ceil)
		for i := math.Ceil(s.lo/step - 1e-9); i*step <= s.hi+step*1e-9; i++ {
			all = append(all, i*step)
		}
		return all
	}
	decades := math.Log10(s.hi / s.lo)
	for power := math.Pow(10, math.Floor(math.Log10(s.lo)+1e-9)); power <= s.hi*1.001; power *= 10 {
		for _, m := range []float64{1, 2, 5} {
			if x := m * power; x >= s.lo*0.999 && x <= s.hi*1.001 && (m == 1 || decades <= 4) {
				all = append(all, x)
			}
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
