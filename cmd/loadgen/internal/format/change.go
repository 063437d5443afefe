package format

import (
	"math"
	"strconv"
	"strings"
)

// Time returns nanoseconds with three digits, in the largest unit of which there is at least one: 412 ns, 12.3 µs,
// 1.77 ms.
func Time(ns float64) string {
	if text, ok := unusual(ns); ok {
		return text
	}
	u := TimeUnit(ns)
	return Number(ns/u.NS) + " " + u.Name
}

// A UnitOfTime is a unit that columns and axes of time have.
type UnitOfTime struct {
	Name string
	NS   float64
}

// TimeUnit returns the largest unit of which a duration has at least one, as Number rounds it.
func TimeUnit(ns float64) UnitOfTime {
	best := UnitOfTime{"ns", 1}
	for _, u := range []UnitOfTime{{"µs", 1e3}, {"ms", 1e6}, {"s", 1e9}} {
		if math.Abs(ns) >= 0.9995*u.NS {
			best = u
		}
	}
	return best
}

// Changes returns a change, as a share of what it was, and the ends of its interval, for tables of people: −79% and
// "−79% to −78%". A change that at least doubles is a factor, ×2.0, and so are the ends of its interval. The ends have
// the fewest digits that tell them apart, if two after the point do.
func Changes(shift, low, high float64) (change, interval string) {
	if math.IsNaN(shift) {
		return None, ""
	}
	write := percentChange
	if shift >= 0.995 { // printed as ×2.0 or more
		write = factor
	}
	digits := 0
	for d := range 3 {
		if write(low, d) != write(high, d) {
			digits = d
			break
		}
	}
	return write(shift, 0), write(low, digits) + " to " + write(high, digits)
}

// percentChange returns a change in per cent with a number of digits after the point, at least one below 10%, and
// enough that only what vanished is −100%.
func percentChange(share float64, digits int) string {
	if text, ok := unusual(share); ok {
		return text
	}
	p := math.Abs(100 * share)
	if p < 9.95 {
		digits = max(digits, 1)
	}
	text := fixed(p, nearlyAll(share, digits)) + "%"
	switch {
	case !strings.ContainsAny(text, "123456789"):
		return "0%"
	case share < 0:
		return "−" + text
	}
	return "+" + text
}

// factor returns a change as a factor, with one more digit below 10.
func factor(share float64, digits int) string {
	if text, ok := unusual(share); ok {
		return text
	}
	if 1+share < 9.95 {
		digits++
	}
	return "×" + fixed(1+share, digits)
}

// fixed returns x with a number of digits after the point, and with commas.
func fixed(x float64, digits int) string {
	if digits == 0 {
		return Count(x)
	}
	whole, part, _ := strings.Cut(strconv.FormatFloat(x, 'f', digits, 64), ".")
	return group(whole) + "." + part
}
