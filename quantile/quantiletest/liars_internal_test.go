package quantiletest

import (
	"encoding/binary"
	"fmt"
	"math"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// exactly has the claims of an estimator that keeps all values.
var exactly = Claims{Extremes: true}

// Each liar breaks a rule in one way. Unless it has claims, it claims only that its extremes are exact.
var liars = []struct {
	rule, lie string
	liar      liar
	claims    Claims
	// only requires that no other rule is broken.
	only bool
}{
	{rule: "empty", lie: "answers 1 ns", liar: wrongAt(0.5, 1)},
	{rule: "one-value", lie: "off by 1 ns", liar: wrongAt(0.25, 1)},
	{rule: "negative-is-zero", lie: "counts its absolute value", liar: liar{add: func(l *liar,
		d time.Duration) {
		l.Exact.Add(max(d, -(d + 1)))
	}}},
	{rule: "huge", lie: "wraps around", liar: liar{add: func(l *liar,
		d time.Duration) {
		l.Exact.Add(d % time.Minute)
	}}},
	{rule: "huge", lie: "returns the end of the range as the maximum",
		liar: liar{add: func(l *liar, d time.Duration) { l.Exact.Add(min(d, time.Hour)) }}},
	{rule: "quantile-out-of-range", lie: "NaN is in the middle",
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if math.IsNaN(q) {
				q = 0.5
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "quantile-out-of-range", lie: "above 1 is above the maximum", liar: wrongAt(1.5, 1)},
	{rule: "monotone", lie: "a dip", liar: liar{answer: func(l *liar, q float64) time.Duration {
		if q == 0.75 {
			q = 0.25
		}
		return l.Exact.Quantile(q)
	}}},
	{rule: "monotone", lie: "above the maximum", liar: wrongAt(1, 1)},
	{rule: "monotone", lie: "below the minimum", liar: wrongAt(0, -1)},
	{rule: "reading-does-not-disturb", lie: "ignores values after a Quantile", claims: Claims{Rank: 0.01},
		liar: liar{add: func(l *liar, d time.Duration) {
			if !l.asked {
				l.Exact.Add(d)
			}
		}}},
	{rule: "claims", lie: "minimum", liar: wrongAt(0, 1)},
	{rule: "claims", lie: "maximum", liar: wrongAt(1, -1)},
	{rule: "claims", lie: "a rank error of 2 %", claims: Claims{Rank: 0.01},
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			return l.Exact.Quantile(q + 0.02)
		}}},
	{rule: "claims", lie: "twice the exact value, for half as much more", claims: Claims{Value: 0.5},
		liar: answering(func(_ float64, exact time.Duration) time.Duration { return 2 * exact })},
	{rule: "claims", lie: "0.4 of the exact value, for half as much less", claims: Claims{Value: 0.5},
		liar: answering(func(_ float64, exact time.Duration) time.Duration { return 2 * exact / 5 })},
	{rule: "claims-merged", lie: "forgets what it merges", claims: Claims{Rank: 0.01},
		liar: liar{merge: func(*liar, quantile.Estimator) error { return nil }}},
	{rule: "merge-empty", lie: "is emptied by an empty one", claims: Claims{Rank: 0.01},
		liar: merging(func(l, other *liar) {
			if other.Count() == 0 {
				l.Exact = quantile.Exact{}
			}
		})},
	{rule: "merge-empty", lie: "is empty after merging into an empty one", claims: Claims{Rank: 0.01},
		liar: merging(func(l, other *liar) {
			if l.Count() == other.Count() {
				l.Exact = quantile.Exact{}
			}
		})},
	{rule: "merge-empty", lie: "moves into an empty one", claims: Claims{Rank: 0.01},
		liar: merging(func(l, other *liar) {
			if l.Count() == other.Count() {
				other.Exact = quantile.Exact{}
			}
		})},
	{rule: "merge-refused", lie: "takes nil", liar: taking(func(_ *liar,
		other quantile.Estimator) bool {
		return other == nil
	})},
	{rule: "merge-refused", lie: "takes a nil pointer", liar: taking(func(_ *liar, other quantile.Estimator) bool {
		o, ok := other.(*liar)
		return ok && o == nil
	})},
	{rule: "merge-refused", lie: "takes itself", liar: taking(func(l *liar,
		other quantile.Estimator) bool {
		return other == l
	})},
	{rule: "merge-refused", lie: "takes another kind", liar: taking(func(_ *liar, other quantile.Estimator) bool {
		_, ok := other.(*another)
		return ok
	})},
	{rule: "merge-refused", lie: "another error", liar: liar{merge: func(*liar,
		quantile.Estimator) error {
		return fmt.Errorf("no")
	}}},
	{rule: "merge-refused", lie: "changed all the same", liar: liar{merge: func(l *liar, _ quantile.Estimator) error {
		l.Exact = quantile.Exact{}
		return quantile.ErrMerge
	}}},
	{rule: "merge-keeps-other", lie: "empties it", liar: merging(func(_,
		other *liar) {
		other.Exact = quantile.Exact{}
	})},
	{rule: "merge-keeps-other", lie: "shares its memory", liar: merging(func(l, other *liar) { l.twin = other })},
	{rule: "no-allocation", lie: "one per Add", liar: liar{add: func(l *liar, d time.Duration) {
		sink = new(int64)
		l.Exact.Add(d)
	}}},
	{rule: "outliers", lie: "only the longest counts", only: true, claims: Claims{Rank: 0.01},
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if l.Exact.Quantile(1) == math.MaxInt64 && q > 0.5 {
				return math.MaxInt64
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "outliers", lie: "negative ones count as they are", claims: Claims{Rank: 1},
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if l.Exact.Quantile(1) == math.MaxInt64 && q < 0.01 {
				return -1
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "merge-order", lie: "ignores much larger shards", only: true, claims: Claims{Rank: 0.01},
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			o, ok := other.(*liar)
			if ok && o != nil && l.Exact.Count() > 0 && o.Exact.Count() > 4*l.Exact.Count() {
				return nil
			}
			return l.mergeTruly(other)
		}}},
	{rule: "merge-order", lie: "fails on an empty one", claims: Claims{Rank: 0.01},
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			if err := l.mergeTruly(other); err != nil || l.Exact.Count() > other.(*liar).Exact.Count() {
				return err
			}
			return quantile.ErrMerge
		}}},
	{rule: "p50-at-most-p99", lie: "p50 is p99.9 after merging", only: true,
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if l.merged && q == 0.5 {
				q = 0.999
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "ranks", lie: "one rank more than the nearest", claims: exactly,
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			n := l.Exact.Count()
			if n == 0 {
				return 0
			}
			return l.Exact.Sorted()[min(uint64(max(q, 0)*float64(n)), n-1)]
		}}},
	{rule: "ranks", lie: "half way to the next value", claims: exactly,
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			lower := l.Exact.Quantile(q)
			return lower + (l.Exact.Quantile(q+1/float64(max(l.Exact.Count(), 1)))-lower)/2
		}}},
	{rule: "ranks", lie: "wrong only for 101 to 256 values", claims: exactly, only: true,
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if n := l.Exact.Count(); n > 100 && n <= 256 && !l.merged && q > 0.2 && q < 1 {
				q -= 0.1
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "many", lie: "ignores values after 30,000", claims: exactly,
		liar: liar{add: func(l *liar, d time.Duration) {
			if l.Exact.Count() < 30_000 {
				l.Exact.Add(d)
			}
		}}},
	{rule: "many", lie: "the count wraps at 2^16", claims: exactly,
		liar: telling(func(_ *liar, n uint64, min, max time.Duration) (uint64, time.Duration, time.Duration) {
			return n % (1 << 16), min, max
		})},
	{rule: "many", lie: "starts over at 2^16", claims: exactly, liar: liar{add: func(l *liar, d time.Duration) {
		if l.Exact.Count() == 1<<16 {
			l.Exact = quantile.Exact{}
		}
		l.Exact.Add(d)
	}}},
	{rule: "many-shards", lie: "loses a shard of fewer than 10 merged into more than 10,000", claims: exactly,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			if o, ok := other.(*liar); ok && o != nil && o.Exact.Count() < 10 && l.Exact.Count() > 10_000 {
				return nil
			}
			return l.mergeTruly(other)
		}}},
	{rule: "many-shards", lie: "loses all after the 100th merge", claims: exactly,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			if o, ok := other.(*liar); ok && o != nil && o != l {
				if l.merges++; l.merges > 100 {
					return nil
				}
			}
			return l.mergeTruly(other)
		}}},
	{rule: "many-shards", lie: "fails after the 100th merge", claims: exactly,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			if l.merges++; l.merges > 100 {
				return errDamaged
			}
			return l.mergeTruly(other)
		}}},
	{rule: "doubled", lie: "ignores a copy of itself", claims: exactly, only: true,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			o, ok := other.(*liar)
			if ok && o != nil && o != l && o.merged && l.Exact.Count() > 0 && l.Exact.Count() == o.Exact.Count() &&
				l.Exact.Count() <= 256 {
				return nil
			}
			return l.mergeTruly(other)
		}}},
	{rule: "doubled", lie: "another error at the second merge", claims: exactly, only: true,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			o, ok := other.(*liar)
			if ok && o != nil && l.merged && o.merged && l.Exact.Count() == o.Exact.Count() && l.Exact.Count() <= 256 {
				return errDamaged
			}
			return l.mergeTruly(other)
		}}},
	{rule: "counters", lie: "counts one too many", liar: telling(func(_ *liar, n uint64, min,
		max time.Duration) (uint64, time.Duration, time.Duration) {
		return n + 1, min, max
	})},
	{rule: "counters", lie: "the minimum never rises from zero",
		liar: telling(func(_ *liar, n uint64, _, max time.Duration) (uint64, time.Duration, time.Duration) {
			return n, 0, max
		})},
	{rule: "counters", lie: "the maximum of the first shard",
		liar: telling(func(l *liar, n uint64, min, max time.Duration) (uint64, time.Duration, time.Duration) {
			if l.merged {
				max--
			}
			return n, min, max
		})},
	{rule: "round-trip", lie: "loses a value", only: true, liar: decoding(func(l *liar, text []byte, err error) error {
		if err == nil && len(text) > 9 {
			l.read(text[9 : len(text)-8])
		}
		return err
	})},
	{rule: "round-trip", lie: "adds to the previous values", only: true,
		liar: liar{decode: func(l *liar, text []byte) error {
			kept := l.Exact
			if err := l.decodeTruly(text); err != nil {
				return err
			}
			return l.Exact.Merge(&kept)
		}}},
	{rule: "round-trip", lie: "changes its argument", only: true,
		liar: decoding(func(_ *liar, text []byte, err error) error {
			if err == nil {
				text[0] = 0
			}
			return err
		})},
	{rule: "round-trip", lie: "cannot merge after decoding", only: true, liar: liar{
		decode: func(l *liar, text []byte) error {
			l.light = true
			return l.decodeTruly(text)
		},
		merge: func(l *liar, other quantile.Estimator) error {
			if l.light {
				return quantile.ErrMerge
			}
			return l.mergeTruly(other)
		},
	}},
	{rule: "damaged-encoding", lie: "accepts a part", only: true,
		liar: decoding(func(l *liar, text []byte, err error) error {
			if len(text) < 9 || text[0] != 'L' || len(text)%8 == 1 &&
				binary.BigEndian.Uint64(text[1:]) < uint64(len(text)-9)/8 {
				return err
			}
			l.read(text[9:])
			return nil
		})},
	{rule: "damaged-encoding", lie: "accepts an additional byte", only: true,
		liar: decoding(func(l *liar, text []byte, err error) error {
			if err == nil || len(text) < 9 || text[0] != 'L' {
				return err
			}
			return l.decodeTruly(text[:len(text)-1])
		})},
	{rule: "damaged-encoding", lie: "accepts anything", only: true,
		liar: decoding(func(_ *liar, text []byte, err error) error {
			if len(text) > 0 && text[0] != 'L' {
				return nil
			}
			return err
		})},
	{rule: "damaged-encoding", lie: "panics in UnmarshalBinary", only: true,
		liar: decoding(func(_ *liar, _ []byte, err error) error {
			if err != nil {
				panic(err)
			}
			return nil
		})},
	{rule: "damaged-encoding", lie: "panics later", only: true, liar: liar{
		decode: func(l *liar, text []byte) error {
			err := l.decodeTruly(text)
			l.light = err == nil && l.Exact.Quantile(1) >= 1<<56 // no encoder writes that
			return err
		},
		answer: func(l *liar, q float64) time.Duration {
			if l.light {
				panic("no")
			}
			return l.Exact.Quantile(q)
		},
	}},
	{rule: "state-bytes", lie: "reports no state", liar: liar{light: true}},
}

func TestEveryRuleRejectsItsLiars(t *testing.T) {
	lied := map[string]bool{}
	for _, c := range liars {
		lied[c.rule] = true
		t.Run(c.rule+"/"+c.lie, func(t *testing.T) {
			if c.claims.Rank == 0 && c.claims.Value == 0 && !c.claims.Extremes {
				c.claims = Claims{Rank: 1, Extremes: true}
			}
			fresh := func() quantile.Estimator { l := c.liar; return &l }
			for _, r := range rules {
				if r.name != c.rule && !c.only {
					continue
				}
				if err := r.broken(c.claims, fresh); (err == nil) == (r.name == c.rule) {
					t.Errorf("the rule %s returns %v", r.name, err)
				}
			}
		})
	}
	for _, r := range rules {
		if !lied[r.name] {
			t.Errorf("no liar breaks the rule %s", r.name)
		}
	}
	honest := func() quantile.Estimator { return &liar{} }
	if broken := Violations(Claims{Extremes: true}, honest); broken != nil {
		t.Errorf("a liar that does not lie breaks %v", broken)
	}
}
