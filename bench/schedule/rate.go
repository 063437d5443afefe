package schedule

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A Rate is a number of calls per second, as a fraction, so that instants are exact: Num calls
// in Den seconds. The zero Rate is not valid.
type Rate struct {
	Num, Den uint64
}

// The bounds of a Rate keep every product below 2^128.
const (
	maxRate = 1_000_000_000 // calls per second: instants are in ns
	maxDen  = 1_000_000_000
)

// PerSecond returns a rate of n calls per second.
func PerSecond(n uint64) Rate { return Rate{n, 1} }

// ParseRate parses a rate such as 1000, 1e3, 10k, 2.5k, 1M, 0.5, 1000/3, 10k/s, 600/m or 100/h.
// A rate without a unit of time is in calls per second.
func ParseRate(s string) (Rate, error) {
	r, why := parseRate(s)
	if why == "" && r.Num == 0 {
		why = notAbove
	}
	if why != "" {
		return Rate{}, fmt.Errorf("rate %q: %s: want %s", s, why, wantRate)
	}
	return r, nil
}

const (
	wantRate = "calls per second, such as 1000, 2.5k or 600/m"
	notAbove = "not above zero"
)

// parseRate parses a rate, which may be 0. Why says what is wrong, and is empty if nothing is.
func parseRate(s string) (r Rate, why string) {
	number, unit := cutUnit(strings.ReplaceAll(s, "_", ""))
	per := map[string]int64{"": 1, "/s": 1, "/m": 60, "/h": 3600}[unit]
	times := int64(1)
	for prefix, factor := range map[string]int64{"k": 1e3, "K": 1e3, "M": 1e6} {
		if n, ok := strings.CutSuffix(number, prefix); ok {
			number, times = n, factor
			break
		}
	}
	if n, ok := strings.CutPrefix(number, "-"); ok && plainNumber.MatchString(n) {
		return Rate{}, notAbove
	}
	if !plainNumber.MatchString(number) || len(number) > 40 {
		return Rate{}, "not a number"
	}
	q, ok := new(big.Rat).SetString(number)
	if !ok {
		return Rate{}, "not a number"
	}
	q.Mul(q, big.NewRat(times, per))
	r, ok = fromRat(q)
	switch {
	case q.Cmp(big.NewRat(maxRate, 1)) > 0:
		return Rate{}, "more than 1,000,000,000 per second"
	case !ok:
		return Rate{}, "too fine a fraction"
	}
	return r, ""
}

// cutUnit splits a rate into its number and its unit of time, which is empty if there is none.
func cutUnit(rate string) (number, unit string) {
	for _, unit := range []string{"/s", "/m", "/h"} {
		if number, ok := strings.CutSuffix(rate, unit); ok {
			return number, unit
		}
	}
	return rate, ""
}

// fromRat returns q, which must not be negative, as a Rate; ok is false if q does not fit into one.
func fromRat(q *big.Rat) (r Rate, ok bool) {
	if !q.Num().IsUint64() || !q.Denom().IsUint64() || q.Denom().Uint64() > maxDen {
		return Rate{}, false
	}
	return Rate{q.Num().Uint64(), q.Denom().Uint64()}, true
}

// plainNumber rejects what package big accepts in addition: other bases, infinities, and exponents
// so large that parsing would not end.
var plainNumber = regexp.MustCompile(`^([0-9]*\.?[0-9]*(e[0-9])?|[1-9][0-9]*/[1-9][0-9]*)$`)

func (r Rate) check() error {
	if r.Num == 0 || r.Den == 0 || r.Den > maxDen || r.Num/r.Den > maxRate {
		return fmt.Errorf("rate of %d calls in %d seconds: want one above 0, up to %d per second",
			r.Num, r.Den, maxRate)
	}
	return nil
}

// Float returns the rate in calls per second.
func (r Rate) Float() float64 { return float64(r.Num) / float64(r.Den) }

// rat returns the exact rate in calls per second; 0 for the zero Rate.
func (r Rate) rat() *big.Rat {
	return new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Num), new(big.Int).SetUint64(max(r.Den, 1)))
}

// String returns the rate in calls per second: as a whole number, as a decimal if nine digits
// are enough, or else as a fraction.
func (r Rate) String() string {
	q := r.rat()
	if q.IsInt() {
		return q.Num().String()
	}
	if digits, exact := q.FloatPrec(); exact && digits <= 9 {
		return q.FloatString(digits)
	}
	return q.String()
}

// Equal reports whether both rates are the same number, even if the fractions differ.
func (r Rate) Equal(o Rate) bool {
	hi, lo := bits.Mul64(r.Num, o.Den)
	otherHi, otherLo := bits.Mul64(o.Num, r.Den)
	return hi == otherHi && lo == otherLo
}

// short returns String, but whole thousands and millions with the suffix k or M.
func (r Rate) short() string {
	q := r.rat()
	if !q.IsInt() || q.Sign() == 0 {
		return r.String()
	}
	n := q.Num().Uint64()
	switch {
	case n%1e6 == 0:
		return strconv.FormatUint(n/1e6, 10) + "M"
	case n%1e3 == 0:
		return strconv.FormatUint(n/1e3, 10) + "k"
	}
	return r.String()
}

// MarshalText returns String, so that a Rate is text in JSON.
func (r Rate) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText parses the text with [ParseRate].
func (r *Rate) UnmarshalText(text []byte) (err error) {
	*r, err = ParseRate(string(text))
	return err
}

// Calls returns the number of evenly spaced calls that are due within d, if the first is due at
// its start.
func (r Rate) Calls(d time.Duration) uint64 {
	if d <= 0 {
		return 0
	}
	// The least n with n*1e9*Den >= d*Num.
	hi, lo := bits.Mul64(uint64(d), r.Num)
	if hi >= 1_000_000_000*r.Den {
		return math.MaxUint64
	}
	n, rest := bits.Div64(hi, lo, 1_000_000_000*r.Den)
	if rest > 0 {
		n++
	}
	return n
}
