// Package format writes numbers, durations, sizes, lists, and tables the way every output of the command shows them.
//
// A measured number has about three digits, and its unit follows it: 1.00, 12.3 us, 1,234/s. Columns of measured
// numbers use [Number] and what is built on it, which keeps zeros, so that the numbers of a column align. Sentences
// use [Digits], which drops them. Durations are in the form of Go, 12.3µs, and the unit of a column is "us".
package format

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"golang.org/x/perf/benchunit"
)

// None stands for a value that was not measured, or that there are too few calls for.
const None = "-"

// Infinite stands for a latency that lies among calls that failed or were dropped.
const Infinite = "infinite"

// unusual returns the text of NaN and of infinities. ok is false if x is finite.
func unusual(x float64) (text string, ok bool) {
	switch {
	case math.IsNaN(x):
		return None, true
	case math.IsInf(x, 1):
		return Infinite, true
	case math.IsInf(x, -1):
		return "-" + Infinite, true
	}
	return "", false
}

// Number returns x with about three digits, of which zeros are kept, and with commas.
func Number(x float64) string {
	if text, ok := unusual(x); ok {
		return text
	}
	switch a := math.Abs(x); {
	case x == 0:
		return "0"
	case a < 0.01:
		return fmt.Sprintf("%.2g", x)
	case a < 9.995:
		return fmt.Sprintf("%.2f", x)
	case a < 99.95:
		return fmt.Sprintf("%.1f", x)
	case a >= 1e15: // more digits than a column has room for
		return fmt.Sprintf("%.3g", x)
	}
	return Count(x)
}

// Digits returns x with at most n digits or, if it is larger than that, with zeros and commas. It drops zeros after
// the point.
func Digits(x float64, n int) string {
	if text, ok := unusual(x); ok {
		return text
	}
	text := strconv.FormatFloat(x, 'g', n, 64)
	rounded, err := strconv.ParseFloat(text, 64)
	if err != nil || math.Abs(rounded) < 1e-4 {
		return text
	}
	whole, part, _ := strings.Cut(Exact(rounded), ".")
	return strings.TrimSuffix(group(whole)+"."+part, ".")
}

// Count returns a number with commas, rounded to a whole one.
func Count[N int | int64 | uint64 | float64](n N) string {
	text := fmt.Sprint(n)
	if x, ok := any(n).(float64); ok {
		if text, ok := unusual(x); ok {
			return text
		}
		text = strconv.FormatFloat(math.Round(x)+0, 'f', 0, 64) // +0 has no sign
	}
	return group(text)
}

// group puts a comma between each three digits of a whole number.
func group(number string) string {
	digits := strings.TrimPrefix(number, "-")
	sign := number[:len(number)-len(digits)]
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return sign + digits
}

// Exact returns x with all of its digits, for programs.
func Exact(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Plural returns a number with a noun, which is in the plural unless the number is 1.
func Plural[N int | uint64](n N, noun string) string {
	if n != 1 {
		noun += "s"
	}
	return Count(n) + " " + noun
}

// Between returns numbers from least to most with a noun: 6 rounds, 4 to 6 rounds.
func Between(least, most int, noun string) string {
	if least < most {
		return Count(least) + " to " + Plural(most, noun)
	}
	return Plural(most, noun)
}

// Signed returns x with its sign, unless what write makes of its size is 0.
func Signed(x float64, write func(float64) string) string {
	text := write(math.Abs(x))
	switch {
	case !strings.ContainsAny(text, "123456789") && text != Infinite: // 0, or None
		return text
	case x < 0:
		return "-" + text
	}
	return "+" + text
}

// Percent returns a measured share in per cent: 0.01%, 1.00%, 12.3%. A share of less than 1 is never 100%.
func Percent(share float64) string {
	if digits := nearlyAll(share, 0); digits > 1 {
		return percent(strconv.FormatFloat(100*share, 'f', digits, 64))
	}
	return percent(Number(100 * share))
}

// nearlyAll returns how many digits after the point a share has in per cent: digits, or more if those round a share of
// less than 1 to 100%. What is missing to 100% then has two digits: 99.87%.
func nearlyAll(share float64, digits int) int {
	rest := 100 * (1 - math.Abs(share))
	if !(rest > 1e-9) || // but for rounding it is all
		rest > 0.5*math.Pow10(-digits)+1e-9 {
		return digits
	}
	return 1 - int(math.Floor(math.Log10(rest)))
}

// Change returns a difference as a share of what it was, with its sign: +12.3%, -0.50%. Less than 0.005% is "0%".
func Change(share float64) string {
	if math.Abs(share) < 0.005/100 {
		return "0%"
	}
	return Signed(share, Percent)
}

// Shift returns a difference as a share of what it was: -79%, +5.3% or, from twice on, ×2.5. From 10% on it has digits
// after the point, and enough of them that only what vanished is -100%. The unit is % or nothing.
func Shift(share float64, digits int, unit string) string {
	size := 100 * math.Abs(share)
	if share < 0 {
		digits = nearlyAll(share, digits)
	}
	switch {
	case share >= 9:
		return "×" + Count(1+share)
	case share >= 0.995:
		return fmt.Sprintf("×%.*f", digits+1, 1+share)
	case size < 0.005:
		return "0" + unit
	case size >= 9.95 && digits > 0:
		return fmt.Sprintf("%+.*f%s", digits, 100*share, unit)
	}
	return strings.TrimSuffix(Signed(share, Rough), "%") + unit
}

// Rough returns a share in per cent with two digits, for sentences: 0.05%, 5.4%, 78%. Less than 0.005% is "0%", and
// less than 1 is never 100%.
func Rough(share float64) string {
	p := math.Abs(100 * share)
	switch {
	case p < 0.005:
		return "0%"
	case p < 0.095:
		return percent(strconv.FormatFloat(100*share, 'f', 2, 64))
	case p < 9.95:
		return percent(strconv.FormatFloat(100*share, 'f', 1, 64))
	}
	if digits := nearlyAll(share, 0); digits > 0 {
		return percent(strconv.FormatFloat(100*share, 'f', digits, 64))
	}
	return percent(Count(100 * share))
}

// Given returns a share in per cent that somebody has set, such as a limit: 1%, 30%, 99.95%.
func Given(share float64) string { return percent(strconv.FormatFloat(100*share, 'g', 6, 64)) }

// percent adds "%" to the text of a finite number.
func percent(number string) string {
	if number == None || strings.HasSuffix(number, Infinite) {
		return number
	}
	return number + "%"
}

// PerSecond returns calls a second, with four digits: fewer would hide an interval of some per cent.
func PerSecond(rate float64) string { return Digits(rate, 4) }

// Rate returns calls a second, as PerSecond does, with the unit.
func Rate(rate float64) string { return PerSecond(rate) + "/s" }

// GivenRate returns calls a second that somebody has set, with all digits and the unit.
func GivenRate(rate float64) string { return Digits(rate, 12) + "/s" }

// P returns a p-value.
func P(p float64) string {
	if math.IsNaN(p) {
		return None
	}
	return strconv.FormatFloat(p, 'f', 3, 64)
}

// Interval returns an interval, given what write makes of its ends.
func Interval(low, high float64, write func(float64) string) string {
	return "[" + write(low) + ", " + write(high) + "]"
}

// Bytes returns a number of bytes with a binary prefix.
func Bytes(b float64) string {
	if text, ok := unusual(b); ok {
		return text
	}
	if b < 1<<10 {
		return Count(b) + " B"
	}
	prefixes := []string{"KiB", "MiB", "GiB", "TiB"}
	for b /= 1 << 10; b >= 1<<10 && len(prefixes) > 1; b /= 1 << 10 {
		prefixes = prefixes[1:]
	}
	return Number(b) + " " + prefixes[0]
}

// Micros returns nanoseconds as a number of us.
func Micros[N time.Duration | float64](ns N) string { return Number(float64(ns) / 1e3) }

// Duration returns d with at most four digits, in the form of Go: 12.34µs, 1.5s, 2m3.5s.
func Duration(d time.Duration) string {
	unit := time.Duration(1)
	for d/unit >= 10_000 || d/unit <= -10_000 {
		unit *= 10
	}
	return d.Round(unit).String()
}

// About returns how long something will take: 13 s, 6 min, 1.5 h.
func About(d time.Duration) string {
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%.0f s", max(d.Seconds(), 1))
	case d < 90*time.Minute:
		return fmt.Sprintf("%.0f min", d.Minutes())
	}
	return fmt.Sprintf("%.1f h", d.Hours())
}

// Scaled returns a value of a unit in the form of benchstat, with a prefix, unless it is too large or too small for
// the prefixes.
func Scaled(x float64, unit string) string {
	if text, ok := unusual(x); ok {
		return text
	}
	if a := math.Abs(x); a != 0 && (a >= 1e18 || a < 1e-15) {
		return strconv.FormatFloat(x, 'g', 4, 64)
	}
	return benchunit.Scale(x, benchunit.ClassOf(unit))
}

// Within returns how far an interval reaches to either side: ±5%.
func Within(x float64, write func(float64) string) string {
	if math.IsNaN(x) {
		return None
	}
	return "±" + write(x)
}
