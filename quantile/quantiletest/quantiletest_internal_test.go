package quantiletest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// A liar is an exact estimator, except for the fields that are set.
type liar struct {
	quantile.Exact
	add    func(l *liar, d time.Duration)
	answer func(l *liar, q float64) time.Duration
	merge  func(l *liar, other quantile.Estimator) error
	asked  bool  // Quantile was called
	light  bool  // StateBytes is 0
	twin   *liar // gets all added values, too
	merged bool
	merges int
	// tells returns the count and the extremes. decode decodes an encoding.
	tells  func(l *liar) (n uint64, min, max time.Duration)
	decode func(l *liar, text []byte) error
}

func (l *liar) Add(d time.Duration) {
	if l.add != nil {
		l.add(l, d)
		return
	}
	l.Exact.Add(d)
	if l.twin != nil {
		l.twin.Add(d)
	}
}

func (l *liar) Quantile(q float64) time.Duration {
	l.asked = true
	if l.answer != nil {
		return l.answer(l, q)
	}
	return l.Exact.Quantile(q)
}

func (l *liar) Merge(other quantile.Estimator) error {
	if l.merge != nil {
		return l.merge(l, other)
	}
	return l.mergeTruly(other)
}

func (l *liar) StateBytes() int {
	if l.light {
		return 0
	}
	return l.Exact.StateBytes()
}

func (l *liar) mergeTruly(other quantile.Estimator) error {
	o, ok := other.(*liar)
	if !ok || o == nil || o == l {
		return quantile.ErrMerge
	}
	l.merged = true
	return l.Exact.Merge(&o.Exact)
}

func (l *liar) counters() (n uint64, min, max time.Duration) {
	if l.tells != nil {
		return l.tells(l)
	}
	return l.Exact.Count(), l.Exact.Quantile(0), l.Exact.Quantile(1)
}

func (l *liar) Count() uint64 {
	n, _, _ := l.counters()
	return n
}

func (l *liar) Min() time.Duration {
	_, least, _ := l.counters()
	return least
}

func (l *liar) Max() time.Duration {
	_, _, most := l.counters()
	return most
}

// An encoding is a letter, and 8 bytes for the number of values and for each value.
func (l *liar) MarshalBinary() ([]byte, error) {
	text := binary.BigEndian.AppendUint64([]byte{'L'}, l.Exact.Count())
	for _, d := range l.Exact.Sorted() {
		text = binary.BigEndian.AppendUint64(text, uint64(d))
	}
	return text, nil
}

func (l *liar) UnmarshalBinary(text []byte) error {
	if l.decode != nil {
		return l.decode(l, text)
	}
	return l.decodeTruly(text)
}

var errDamaged = errors.New("damaged")

func (l *liar) decodeTruly(text []byte) error {
	if len(text) < 9 || text[0] != 'L' || len(text)%8 != 1 ||
		binary.BigEndian.Uint64(text[1:]) != uint64(len(text)-9)/8 {
		return errDamaged
	}
	l.read(text[9:])
	return nil
}

// read replaces the values by those of an encoding, and ignores an incomplete one.
func (l *liar) read(values []byte) {
	l.Exact = quantile.Exact{}
	for ; len(values) >= 8; values = values[8:] {
		l.Exact.Add(time.Duration(binary.BigEndian.Uint64(values)))
	}
}

// telling returns a liar whose count and extremes are the result of f for the true ones.
func telling(f func(l *liar, n uint64, min, max time.Duration) (uint64, time.Duration, time.Duration)) liar {
	return liar{tells: func(l *liar) (uint64, time.Duration, time.Duration) {
		return f(l, l.Exact.Count(), l.Exact.Quantile(0), l.Exact.Quantile(1))
	}}
}

// decoding returns a liar that decodes correctly and then calls f with the error.
func decoding(f func(l *liar, text []byte, err error) error) liar {
	return liar{decode: func(l *liar, text []byte) error { return f(l, text, l.decodeTruly(text)) }}
}

// answering returns a liar whose estimates are the result of f for the exact ones.
func answering(f func(q float64, exact time.Duration) time.Duration) liar {
	return liar{answer: func(l *liar, q float64) time.Duration { return f(q, l.Exact.Quantile(q)) }}
}

// wrongAt returns a liar whose estimate for one quantile exceeds the exact value by more.
func wrongAt(wrong float64, more time.Duration) liar {
	return answering(func(q float64, exact time.Duration) time.Duration {
		if q == wrong {
			exact += more
		}
		return exact
	})
}

// merging returns a liar that merges correctly and then calls f.
func merging(f func(l, other *liar)) liar {
	return liar{merge: func(l *liar, other quantile.Estimator) error {
		if err := l.mergeTruly(other); err != nil {
			return err
		}
		f(l, other.(*liar))
		return nil
	}}
}

// taking returns a liar whose Merge returns no error for the others that these accepts.
func taking(these func(l *liar, other quantile.Estimator) bool) liar {
	return liar{merge: func(l *liar, other quantile.Estimator) error {
		if these(l, other) {
			return nil
		}
		return l.mergeTruly(other)
	}}
}

var sink *int64

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

// A narrow estimator has a counter for each value, with 32 bits that overflow.
type narrow struct{ counts map[time.Duration]uint32 }

func (w *narrow) Add(d time.Duration) { w.counts[max(d, 0)]++ }

func (w *narrow) StateBytes() int { return 16 * len(w.counts) }

func (w *narrow) Quantile(q float64) time.Duration {
	var n, below uint64
	for _, count := range w.counts {
		n += uint64(count)
	}
	rank := quantile.Rank(q, n)
	for _, d := range slices.Sorted(maps.Keys(w.counts)) {
		if below += uint64(w.counts[d]); n > 0 && below >= rank {
			return d
		}
	}
	return 0
}

func (w *narrow) Merge(other quantile.Estimator) error {
	o, ok := other.(*narrow)
	if !ok || o == nil || o == w {
		return quantile.ErrMerge
	}
	for d, count := range o.counts {
		w.counts[d] += count
	}
	return nil
}

// checkDoubling doubles so often that a counter of 32 bits overflows.
func TestACounterThatWrapsIsRejected(t *testing.T) {
	err := checkDoubling(exactly, func() quantile.Estimator { return &narrow{map[time.Duration]uint32{}} })
	if err == nil || !strings.Contains(err.Error(), "doubled 32 times") {
		t.Errorf("the error is %v", err)
	}
}

// A real digest that claims too much is rejected, too.
func TestTheSuiteRejectsAFalseClaim(t *testing.T) {
	coarse := func() quantile.Estimator {
		d, err := quantile.NewTextbookQDigest(0.1)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	broken := fmt.Sprint(Violations(Claims{Rank: 0.0001, Value: 0.001, Extremes: true}, coarse))
	if want := "[outliers reading-does-not-disturb claims claims-merged merge-order merge-empty ranks many " +
		"many-shards]"; broken != want {
		t.Errorf("a q-digest of 10 %% that claims 0.01 %% breaks %s, want %s", broken, want)
	}
}

// The claim may be stricter in the tail than in the middle. Both are checked.
func TestAClaimMayVaryWithTheQuantile(t *testing.T) {
	truth := quantile.NewExact(0)
	fill(truth, Lognormal(n))
	biased := Claims{RankAt: func(q float64) float64 { return 0.1 * (1 - q) }}
	for name, c := range map[string]struct {
		q, off float64
		right  bool
	}{
		"within the claim at p50": {0.5, 0.04, true},
		"beyond the claim at p50": {0.5, 0.06, false},
		"within the claim at p99": {0.99, 0.0009, true},
		"beyond the claim at p99": {0.99, 0.002, false},
	} {
		t.Run(name, func(t *testing.T) {
			e := answering(func(q float64, exact time.Duration) time.Duration {
				if q == c.q {
					return truth.Quantile(q + c.off)
				}
				return truth.Quantile(q)
			})
			if err := biased.Judge(&e, truth); (err == nil) != c.right {
				t.Errorf("rank error %v at %v: %v", c.off, c.q, err)
			}
		})
	}
}

func TestAPanicIsAViolationOfItsRuleAlone(t *testing.T) {
	broken := Violations(Claims{Extremes: true}, func() quantile.Estimator {
		return &liar{answer: func(l *liar, q float64) time.Duration {
			if math.IsNaN(q) {
				panic(q)
			}
			return l.Exact.Quantile(q)
		}}
	})
	if len(broken) != 1 || broken[0] != "quantile-out-of-range" {
		t.Errorf("broken is %v", broken)
	}
}

func TestEveryDataSetIsFoundByItsNameAndFixed(t *testing.T) {
	for _, want := range Datasets() {
		set, err := Named(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		first, second := set.Make(1000), want.Make(1000)
		if len(first) != 1000 || !slices.Equal(first, second) || slices.Min(first) < 0 {
			t.Errorf("%s has %d values, or differs between calls, or is negative", want.Name, len(first))
		}
	}
	if _, err := Named("normal"); err == nil || !strings.Contains(err.Error(), "lognormal, pareto") {
		t.Errorf("error is %v", err)
	}
}

func TestAnEstimateIsJudgedByAShareOfTheExactValue(t *testing.T) {
	for _, c := range []struct {
		name            string
		exact, estimate time.Duration
		value           float64
		right           bool
	}{
		{"exact", 1000, 1000, 0, true},
		{"too high by 1 ns", 1000, 1001, 0, false},
		{"too low by 1 ns", 1000, 999, 0, false},
		{"the highest within half", 1000, 1500, 0.5, true},
		{"too high for half", 1000, 1501, 0.5, false},
		{"the lowest within half", 1000, 500, 0.5, true},
		{"too low for half", 1000, 499, 0.5, false},
		{"the lowest within all", 1000, 0, 1, true},
		{"the highest within all", 1000, 2000, 1, true},
		{"too high for all", 1000, 2001, 1, false},
		{"negative", 1000, -1, 0.5, false},
		{"too high for half of zero", 0, 1, 0.5, false},
		{"exact, the longest", math.MaxInt64, math.MaxInt64, 0, true},
		{"the upper limit is no Duration", math.MaxInt64, math.MaxInt64 - 1, 0.001, true},
		{"half of the longest, within 0.6", math.MaxInt64, math.MaxInt64 / 2, 0.6, true},
		{"half of the longest, too low for 0.4", math.MaxInt64, math.MaxInt64 / 2, 0.4, false},
		{"the longest, too high for 0.4", math.MaxInt64 / 2, math.MaxInt64, 0.4, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			truth := &quantile.Exact{}
			truth.Add(c.exact)
			e := answering(func(float64, time.Duration) time.Duration { return c.estimate })
			if err := (Claims{Value: c.value}).Judge(&e, truth); (err == nil) != c.right {
				t.Errorf("estimate %d of %d, Value %v: %v", c.estimate, c.exact, c.value, err)
			}
		})
	}
}

// testing.AllocsPerRun would panic in a parallel test.
func TestTheSuiteRunsInAParallelTest(t *testing.T) {
	t.Parallel()
	Run(t, Claims{Extremes: true}, func() quantile.Estimator { return quantile.NewExact(3 * n) })
}
