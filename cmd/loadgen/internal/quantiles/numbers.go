package quantiles

import (
	"errors"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"
)

// numbers reads values in the order of the file.
func (r *Reader) numbers(f *textFile) (values []time.Duration, err error) {
	err = f.eachLine(func(line string) error {
		line, _, _ = strings.Cut(line, "#")
		v, err := r.parseNumber(strings.TrimSpace(line))
		if err != nil {
			return err
		}
		if len(values) == r.mostValues() {
			return fmt.Errorf("more than %d values: want a part of them", r.mostValues())
		}
		values = append(values, v)
		return nil
	})
	if err == nil && len(values) == 0 {
		err = fmt.Errorf("%s:1: no values: want numbers, one a line", f.path)
	}
	return values, err
}

// wantNumber describes a line of numbers.
func (r *Reader) wantNumber() string {
	if r.Unit == 0 {
		return "want nanoseconds, or a duration such as 1.5ms"
	}
	return "want a number of " + r.unit() + ", or a duration such as 1.5ms"
}

// parseNumber parses one number, rounded to the nearest nanosecond.
func (r *Reader) parseNumber(s string) (time.Duration, error) {
	unit := max(r.Unit, time.Nanosecond)
	if n, err := strconv.ParseInt(s, 10, 64); err == nil && n >= 0 && n <= int64(math.MaxInt64/unit) {
		return time.Duration(n) * unit, nil
	}
	x, err := strconv.ParseFloat(s, 64)
	if err != nil && !errors.Is(err, strconv.ErrRange) {
		return r.parseDuration(s)
	}
	scaled := x * float64(unit)
	switch {
	case math.IsNaN(x):
		return 0, fmt.Errorf("%s is no value: %s", quoted(s), r.wantNumber())
	case x < 0:
		return 0, fmt.Errorf("%s is negative: %s", quoted(s), r.wantNumber())
	case r.Unit == 0 && x != math.Trunc(x):
		// It is probably in seconds or milliseconds, and would be read as almost 0.
		return 0, fmt.Errorf("%s has a fraction of a nanosecond, and its unit is not known: want --unit, such as "+
			"--unit ms", quoted(s))
	case scaled >= math.MaxInt64:
		return 0, fmt.Errorf("%s is more than 292 years: %s", quoted(s), r.wantNumber())
	case x > 0 && scaled < 0.5:
		return 0, fmt.Errorf("%s is less than a nanosecond: %s", quoted(s), r.wantNumber())
	}
	return exactly(s, scaled, unit), nil
}

// parseDuration parses a Go duration.
func (r *Reader) parseDuration(s string) (time.Duration, error) {
	d, err := time.ParseDuration(s)
	switch {
	case err != nil && strings.ContainsAny(s, ",;\t "):
		return 0, fmt.Errorf("%s is more than a number: %s, and nothing else in the line", quoted(s), r.wantNumber())
	case err != nil:
		return 0, fmt.Errorf("%s is not a number: %s", quoted(s), r.wantNumber())
	case d < 0:
		return 0, fmt.Errorf("%s is negative: %s", quoted(s), r.wantNumber())
	}
	return d, nil
}

// exactly returns s units, which are about scaled nanoseconds, rounded to the nearest nanosecond. Since
// floating point distinguishes nanoseconds only up to 13 days, it uses exact arithmetic for longer durations.
func exactly(s string, scaled float64, unit time.Duration) time.Duration {
	const (
		sure     = 1 << 50
		readable = 64 // longest plausible number, in characters
	)
	if scaled >= sure && len(s) <= readable {
		if x, ok := new(big.Rat).SetString(s); ok {
			x.Mul(x, new(big.Rat).SetInt64(int64(unit)))
			n, ok := new(big.Int).SetString(x.FloatString(0), 10)
			if ok && n.IsInt64() {
				return time.Duration(n.Int64())
			}
		}
	}
	return time.Duration(math.Round(scaled))
}

// quoted returns the beginning of a line in quotes.
func quoted(s string) string {
	const most = 40
	if len(s) > most {
		return strconv.Quote(s[:most]) + "..."
	}
	return strconv.Quote(s)
}
