package schedule

import (
	"math"
	"math/big"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
)

// lambda is how many calls come before instant t of some pieces, by the definition:
// the area under the rate.
func lambda(pieces []piece, t time.Duration) *big.Rat {
	sum := new(big.Rat)
	for _, p := range pieces {
		in := min(t, p.lasts)
		// The rate at the end of it, and the mean up to there.
		rate := new(big.Rat).Sub(p.to, p.from)
		rate.Mul(rate, big.NewRat(int64(in), int64(p.lasts))).Add(rate, p.from)
		rate.Add(rate, p.from).Mul(rate, big.NewRat(int64(in), 2_000_000_000))
		sum.Add(sum, rate)
		if t -= in; t == 0 {
			break
		}
	}
	return sum
}

func (u position) rat() *big.Rat {
	r := new(big.Rat).SetFrac(new(big.Int).SetUint64(u.part), new(big.Int).SetUint64(onePart))
	return r.Add(r, new(big.Rat).SetInt(new(big.Int).SetUint64(u.whole)))
}

func drawPieces(t *rapid.T) []piece {
	rate := rapid.Custom(func(t *rapid.T) *big.Rat {
		whole := rapid.SampledFrom([]int64{0, 1, 7, 1000, 333_333, 1_000_000, maxRate}).Draw(t, "rate")
		return big.NewRat(whole, rapid.SampledFrom([]int64{1, 3, 1000, 1 << 20, maxDen}).Draw(t, "in"))
	})
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) piece {
		p := piece{from: rate.Draw(t, "from"), to: rate.Draw(t, "to")}
		if rapid.Bool().Draw(t, "steady") {
			p.to = p.from
		}
		most := rapid.SampledFrom([]time.Duration{1, 1000, time.Second, time.Hour, 24 * time.Hour,
			Endless / 4}).Draw(t, "at most")
		p.lasts = time.Duration(rapid.Int64Range(1, int64(most)).Draw(t, "lasts"))
		return p
	}), 1, 4).Draw(t, "pieces")
}

// Whatever the rates, the durations and the position, also between calls and a hair
// away from where a nanosecond begins.
func TestACallIsDueInTheNanosecondInWhichItsPositionIsReached(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		pieces := drawPieces(t)
		s, length := newSegments(pieces), time.Duration(0)
		for _, p := range pieces {
			length += p.lasts
		}
		total := lambda(pieces, length)
		part := big.NewRat(1, onePart/2)
		part.Quo(part, big.NewRat(2, 1))
		if end := s.ends().rat(); end.Cmp(total) < 0 || end.Sub(end, part).Cmp(total) >= 0 {
			t.Fatalf("%s calls in all end at %v", total.FloatString(20), s.ends())
		}
		near := lambda(pieces, time.Duration(rapid.Int64Range(0, int64(length)).Draw(t, "near"))) // a ns begins there
		near.Mul(near, new(big.Rat).SetInt(s.unit))
		u := s.position(near.Num().Quo(near.Num(), near.Denom()))
		for _, u := range []position{
			u, {u.whole, (u.part + 1) % onePart}, {u.whole + 1, 0}, {u.whole, 0},
			{rapid.Uint64Range(0, u.whole).Draw(t, "whole"), rapid.Uint64Range(0, onePart-1).Draw(t, "part")},
		} {
			due, ok := s.cursor().at(u)
			if ok != (u.rat().Cmp(total) < 0) {
				t.Fatalf("position %v is within %s calls: %v", u, total.FloatString(20), ok)
			}
			if !ok {
				continue
			}
			if lambda(pieces, due).Cmp(u.rat()) > 0 || lambda(pieces, due+1).Cmp(u.rat()) <= 0 {
				t.Fatalf("position %v is due at %d, with %s calls before it and %s before the next nanosecond",
					u, due, lambda(pieces, due).FloatString(20), lambda(pieces, due+1).FloatString(20))
			}
		}
	})
}

func TestPositionsAddUpExactly(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		u, sum := position{}, new(big.Rat)
		for _, x := range rapid.SliceOf(rapid.Float64Range(0, 1<<40)).Draw(t, "gaps") {
			u = u.plus(x)
			exact := new(big.Rat).SetFloat64(x)
			parts := new(big.Int).Lsh(exact.Num(), 63)
			sum.Add(sum, new(big.Rat).SetFrac(parts.Quo(parts, exact.Denom()), new(big.Int).SetUint64(onePart)))
		}
		if u.rat().Cmp(sum) != 0 || u.part >= onePart {
			t.Fatalf("%v, want %v", u, sum)
		}
		if v := u.plus(0.5); u.minus(position{}) < 0 || math.Abs(v.minus(u)-0.5) > 0x1p-52 || !u.before(v) ||
			v.before(u) {
			t.Fatalf("%v is half a call before %v, by %v", u, v, v.minus(u))
		}
	})
}

func TestAShareOfATimeIsRoundedDown(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		d, n := rapid.Int64Range(1, math.MaxInt64).Draw(t, "d"), rapid.Int64Range(1, maxSteps).Draw(t, "n")
		i := rapid.Int64Range(0, n).Draw(t, "i")
		want := new(big.Int).Mul(big.NewInt(d), big.NewInt(i))
		if got := share(time.Duration(d), i, n); want.Quo(want, big.NewInt(n)).Int64() != int64(got) {
			t.Fatalf("%d/%d of %d is %d, want %v", i, n, d, got, want)
		}
	})
}
