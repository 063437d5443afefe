package bench

import (
	"fmt"
	"math"
	"math/big"
	"math/bits"
	"regexp"
	"strings"
	"time"
)

// A QPS is a number of calls a second, as a fraction, so that instants are
// exact: Num calls in Den seconds. The zero QPS is not valid.
type QPS struct {
	Num, Den uint64
}

// The bounds of a QPS keep every product below 2^128.
const (
	maxRate = 1_000_000_000 // calls a second: instants are in ns
	maxDen  = 1_000_000_000
)

// PerSecond is a rate of n calls a second.
func PerSecond(n uint64) QPS { return QPS{n, 1} }

// ParseQPS reads a rate such as 1000, 1e3, 10k, 2.5k, 1M, 0.5, 1000/3, 10k/s,
// 600/m or 100/h. Without a unit of time it is calls a second.
func ParseQPS(s string) (QPS, error) {
	fail := func(why string) (QPS, error) {
		return QPS{}, fmt.Errorf("rate %q: %s: want calls a second, such as 1000, 2.5k or 600/m", s, why)
	}
	number, per := strings.ReplaceAll(s, "_", ""), int64(1)
	for unit, seconds := range map[string]int64{"/s": 1, "/m": 60, "/h": 3600} {
		if n, ok := strings.CutSuffix(number, unit); ok {
			number, per = n, seconds
			break
		}
	}
	times := int64(1)
	for prefix, factor := range map[string]int64{"k": 1e3, "K": 1e3, "M": 1e6} {
		if n, ok := strings.CutSuffix(number, prefix); ok {
			number, times = n, factor
			break
		}
	}
	if !plainNumber.MatchString(number) || len(number) > 40 {
		return fail("not a number")
	}
	r, ok := new(big.Rat).SetString(number)
	if !ok {
		return fail("not a number")
	}
	r.Mul(r, big.NewRat(times, per))
	switch {
	case r.Sign() <= 0:
		return fail("not above zero")
	case r.Cmp(big.NewRat(maxRate, 1)) > 0:
		return fail("more than 1,000,000,000 a second")
	case !r.Num().IsUint64() || !r.Denom().IsUint64() || r.Denom().Uint64() > maxDen:
		return fail("too fine a fraction")
	}
	return QPS{r.Num().Uint64(), r.Denom().Uint64()}, nil
}

// plainNumber keeps out what package big takes besides: other bases, infinities,
// and exponents that take for ever.
var plainNumber = regexp.MustCompile(`^([0-9]*\.?[0-9]*(e[0-9])?|[1-9][0-9]*/[1-9][0-9]*)$`)

func (r QPS) check() error {
	if r.Num == 0 || r.Den == 0 || r.Den > maxDen || r.Num/r.Den > maxRate {
		return fmt.Errorf("rate of %d calls in %d seconds: want one above 0, up to %d a second", r.Num, r.Den, maxRate)
	}
	return nil
}

// Float is the rate in calls a second.
func (r QPS) Float() float64 { return float64(r.Num) / float64(r.Den) }

// String is the rate in calls a second: a whole number, a decimal if it ends
// within nine digits, or else a fraction.
func (r QPS) String() string {
	q := new(big.Rat).SetFrac(new(big.Int).SetUint64(r.Num), new(big.Int).SetUint64(max(r.Den, 1)))
	if q.IsInt() {
		return q.Num().String()
	}
	if digits, exact := q.FloatPrec(); exact && digits <= 9 {
		return q.FloatString(digits)
	}
	return q.String()
}

// MarshalText is String, for JSON.
func (r QPS) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText is [ParseQPS].
func (r *QPS) UnmarshalText(text []byte) (err error) {
	*r, err = ParseQPS(string(text))
	return err
}

// at is when call n is due: floor(n * 1e9 * Den / Num) ns. It must be below 2^63.
func (r QPS) at(n uint64) time.Duration {
	hi, lo := bits.Mul64(n, 1_000_000_000*r.Den)
	ns, _ := bits.Div64(hi, lo, r.Num)
	return time.Duration(ns)
}

// Calls is how many evenly spaced calls are due within d, the first of them at
// its start.
func (r QPS) Calls(d time.Duration) uint64 {
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

// lasting is how long a schedule must be to have n calls at least, by four
// standard deviations, if gaps vary by that much.
func lasting(n uint64, perSecond, variation float64) time.Duration {
	// The m of which m - 4*variation*sqrt(m) is n, and one more for rounding.
	root := 2*variation + math.Sqrt(4*variation*variation+float64(n)+1)
	ns := root * root / perSecond * 1e9
	if !(ns < 1<<62) {
		return math.MaxInt64
	}
	d, step := time.Duration(math.Ceil(ns)), time.Millisecond
	for d/100 > step {
		step *= 10
	}
	return (d + step - 1).Truncate(step)
}
