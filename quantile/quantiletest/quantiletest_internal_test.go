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

// A liar is the truth, but for what is set.
type liar struct {
	quantile.Exact
	add    func(l *liar, d time.Duration)
	answer func(l *liar, q float64) time.Duration
	merge  func(l *liar, other quantile.Estimator) error
	asked  bool  // a quantile
	light  bool  // claims to hold nothing
	twin   *liar // takes what is added here
	merged bool
	merges int
	// tells are its count and extremes, decode what it makes of an encoding.
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

func (l *liar) told() (n uint64, min, max time.Duration) {
	if l.tells != nil {
		return l.tells(l)
	}
	return l.Exact.Count(), l.Exact.Quantile(0), l.Exact.Quantile(1)
}

func (l *liar) Count() uint64 {
	n, _, _ := l.told()
	return n
}

func (l *liar) Min() time.Duration {
	_, least, _ := l.told()
	return least
}

func (l *liar) Max() time.Duration {
	_, _, most := l.told()
	return most
}

// An encoding is a letter, and 8 bytes for how many values follow and for each.
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

// read takes the values of an encoding, as many as are whole.
func (l *liar) read(values []byte) {
	l.Exact = quantile.Exact{}
	for ; len(values) >= 8; values = values[8:] {
		l.Exact.Add(time.Duration(binary.BigEndian.Uint64(values)))
	}
}

// telling makes something of a true count and true extremes.
func telling(f func(l *liar, n uint64, min, max time.Duration) (uint64, time.Duration, time.Duration)) liar {
	return liar{tells: func(l *liar) (uint64, time.Duration, time.Duration) {
		return f(l, l.Exact.Count(), l.Exact.Quantile(0), l.Exact.Quantile(1))
	}}
}

// decoding does f once it has decoded as it should, with the error of that.
func decoding(f func(l *liar, text []byte, err error) error) liar {
	return liar{decode: func(l *liar, text []byte) error { return f(l, text, l.decodeTruly(text)) }}
}

// answering says what f makes of a true answer.
func answering(f func(q float64, exact time.Duration) time.Duration) liar {
	return liar{answer: func(l *liar, q float64) time.Duration { return f(q, l.Exact.Quantile(q)) }}
}

// at answers q with the exact value and some more, and the rest exactly.
func at(wrong float64, more time.Duration) liar {
	return answering(func(q float64, exact time.Duration) time.Duration {
		if q == wrong {
			exact += more
		}
		return exact
	})
}

// merging does f once it has merged as it should.
func merging(f func(l, other *liar)) liar {
	return liar{merge: func(l *liar, other quantile.Estimator) error {
		if err := l.mergeTruly(other); err != nil {
			return err
		}
		f(l, other.(*liar))
		return nil
	}}
}

// taking merges what is refused when it should be, if it is one of these.
func taking(these func(l *liar, other quantile.Estimator) bool) liar {
	return liar{merge: func(l *liar, other quantile.Estimator) error {
		if these(l, other) {
			return nil
		}
		return l.mergeTruly(other)
	}}
}

var sink *int64

// exactly is what an estimator claims that keeps everything.
var exactly = Claims{Extremes: true}

// Each liar breaks the rule in one way. Without claims of its own it claims no
// more than that its extremes are right.
var liars = []struct {
	rule, lie string
	liar      liar
	claims    Claims
	// only says that no other rule is broken.
	only bool
}{
	{rule: "empty", lie: "answers 1 ns", liar: at(0.5, 1)},
	{rule: "one-value", lie: "off by 1 ns", liar: at(0.25, 1)},
	{rule: "negative-is-zero", lie: "its amount", liar: liar{add: func(l *liar,
		d time.Duration) {
		l.Exact.Add(max(d, -(d + 1)))
	}}},
	{rule: "huge", lie: "wraps around", liar: liar{add: func(l *liar,
		d time.Duration) {
		l.Exact.Add(d % time.Minute)
	}}},
	{rule: "huge", lie: "the end of the range for the maximum",
		liar: liar{add: func(l *liar, d time.Duration) { l.Exact.Add(min(d, time.Hour)) }}},
	{rule: "quantile-out-of-range", lie: "NaN is in the middle",
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if math.IsNaN(q) {
				q = 0.5
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "quantile-out-of-range", lie: "past 1 is past the maximum", liar: at(1.5, 1)},
	{rule: "monotone", lie: "a dip", liar: liar{answer: func(l *liar, q float64) time.Duration {
		if q == 0.75 {
			q = 0.25
		}
		return l.Exact.Quantile(q)
	}}},
	{rule: "monotone", lie: "past the maximum", liar: at(1, 1)},
	{rule: "monotone", lie: "below the minimum", liar: at(0, -1)},
	{rule: "reading-does-not-disturb", lie: "deaf once asked", claims: Claims{Rank: 0.01},
		liar: liar{add: func(l *liar, d time.Duration) {
			if !l.asked {
				l.Exact.Add(d)
			}
		}}},
	{rule: "claims", lie: "minimum", liar: at(0, 1)},
	{rule: "claims", lie: "maximum", liar: at(1, -1)},
	{rule: "claims", lie: "2 % of the ranks off", claims: Claims{Rank: 0.01},
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			return l.Exact.Quantile(q + 0.02)
		}}},
	{rule: "claims", lie: "twice the exact value, for half as much more", claims: Claims{Value: 0.5},
		liar: answering(func(_ float64, exact time.Duration) time.Duration { return 2 * exact })},
	{rule: "claims", lie: "0.4 of the exact value, for half as much less", claims: Claims{Value: 0.5},
		liar: answering(func(_ float64, exact time.Duration) time.Duration { return 2 * exact / 5 })},
	{rule: "claims-merged", lie: "forgets what it merges", claims: Claims{Rank: 0.01},
		liar: liar{merge: func(*liar, quantile.Estimator) error { return nil }}},
	{rule: "merge-empty", lie: "an empty one empties it", claims: Claims{Rank: 0.01},
		liar: merging(func(l, other *liar) {
			if other.Count() == 0 {
				l.Exact = quantile.Exact{}
			}
		})},
	{rule: "merge-empty", lie: "nothing to merge into", claims: Claims{Rank: 0.01}, liar: merging(func(l, other *liar) {
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
	{rule: "no-allocation", lie: "one an Add", liar: liar{add: func(l *liar, d time.Duration) {
		sink = new(int64)
		l.Exact.Add(d)
	}}},
	{rule: "outliers", lie: "the longest is all there is", only: true, claims: Claims{Rank: 0.01},
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
	{rule: "merge-order", lie: "too small to take much", only: true, claims: Claims{Rank: 0.01},
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
	{rule: "p50-at-most-p99", lie: "p50 of the merged is their p99.9", only: true,
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
			at := l.Exact.Quantile(q)
			return at + (l.Exact.Quantile(q+1/float64(max(l.Exact.Count(), 1)))-at)/2
		}}},
	{rule: "ranks", lie: "off when there are 101 to 256 alone", claims: exactly, only: true,
		liar: liar{answer: func(l *liar, q float64) time.Duration {
			if n := l.Exact.Count(); n > 100 && n <= 256 && !l.merged && q > 0.2 && q < 1 {
				q -= 0.1
			}
			return l.Exact.Quantile(q)
		}}},
	{rule: "many", lie: "takes nothing after 30,000", claims: exactly, liar: liar{add: func(l *liar, d time.Duration) {
		if l.Exact.Count() < 30_000 {
			l.Exact.Add(d)
		}
	}}},
	{rule: "many", lie: "the count wraps at 2^16", claims: exactly,
		liar: telling(func(_ *liar, n uint64, min, max time.Duration) (uint64, time.Duration, time.Duration) {
			return n % (1 << 16), min, max
		})},
	{rule: "many", lie: "starts anew at 2^16", claims: exactly, liar: liar{add: func(l *liar, d time.Duration) {
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
	{rule: "doubled", lie: "merges a copy of itself as nothing", claims: exactly, only: true,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			o, ok := other.(*liar)
			if ok && o != nil && o != l && o.merged && l.Exact.Count() > 0 && l.Exact.Count() == o.Exact.Count() &&
				l.Exact.Count() <= 256 {
				return nil
			}
			return l.mergeTruly(other)
		}}},
	{rule: "doubled", lie: "an error of its own at the second", claims: exactly, only: true,
		liar: liar{merge: func(l *liar, other quantile.Estimator) error {
			o, ok := other.(*liar)
			if ok && o != nil && l.merged && o.merged && l.Exact.Count() == o.Exact.Count() && l.Exact.Count() <= 256 {
				return errDamaged
			}
			return l.mergeTruly(other)
		}}},
	{rule: "counters", lie: "counts nothing once", liar: telling(func(_ *liar, n uint64, min,
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
	{rule: "round-trip", lie: "adds to what was there", only: true,
		liar: liar{decode: func(l *liar, text []byte) error {
			kept := l.Exact
			if err := l.decodeTruly(text); err != nil {
				return err
			}
			return l.Exact.Merge(&kept)
		}}},
	{rule: "round-trip", lie: "spoils what it was given", only: true,
		liar: decoding(func(_ *liar, text []byte, err error) error {
			if err == nil {
				text[0] = 0
			}
			return err
		})},
	{rule: "round-trip", lie: "merges no more", only: true, liar: liar{
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
	{rule: "damaged-encoding", lie: "takes a part", only: true,
		liar: decoding(func(l *liar, text []byte, err error) error {
			if len(text) < 9 || text[0] != 'L' || len(text)%8 == 1 &&
				binary.BigEndian.Uint64(text[1:]) < uint64(len(text)-9)/8 {
				return err
			}
			l.read(text[9:])
			return nil
		})},
	{rule: "damaged-encoding", lie: "takes what follows", only: true,
		liar: decoding(func(l *liar, text []byte, err error) error {
			if err == nil || len(text) < 9 || text[0] != 'L' {
				return err
			}
			return l.decodeTruly(text[:len(text)-1])
		})},
	{rule: "damaged-encoding", lie: "takes anything", only: true,
		liar: decoding(func(_ *liar, text []byte, err error) error {
			if len(text) > 0 && text[0] != 'L' {
				return nil
			}
			return err
		})},
	{rule: "damaged-encoding", lie: "panics at it", only: true,
		liar: decoding(func(_ *liar, _ []byte, err error) error {
			if err != nil {
				panic(err)
			}
			return nil
		})},
	{rule: "damaged-encoding", lie: "panics later", only: true, liar: liar{
		decode: func(l *liar, text []byte) error {
			err := l.decodeTruly(text)
			l.light = err == nil && l.Exact.Quantile(1) >= 1<<56 // no encoder wrote that
			return err
		},
		answer: func(l *liar, q float64) time.Duration {
			if l.light {
				panic("no")
			}
			return l.Exact.Quantile(q)
		},
	}},
	{rule: "state-bytes", lie: "weighs nothing", liar: liar{light: true}},
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
					t.Errorf("of %s: %v", r.name, err)
				}
			}
		})
	}
	for _, r := range rules {
		if !lied[r.name] {
			t.Errorf("nobody breaks the rule %s", r.name)
		}
	}
	honest := func() quantile.Estimator { return &liar{} }
	if broken := Violations(Claims{Extremes: true}, honest); broken != nil {
		t.Errorf("a liar that tells the truth breaks %v", broken)
	}
}

// A narrow estimator counts each value by itself, in 32 bits that wrap.
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

// Merging doubles as often as one likes: no counter of 32 bits is large enough.
func TestACounterThatWrapsIsRejected(t *testing.T) {
	err := checkDoubling(exactly, func() quantile.Estimator { return &narrow{map[time.Duration]uint32{}} })
	if err == nil || !strings.Contains(err.Error(), "doubled 32 times") {
		t.Errorf("%v", err)
	}
}

// A digest that claims too much, rather than one made to lie.
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
		t.Errorf("a q-digest of 10 %% as one of 0.01 %% breaks %s, want %s", broken, want)
	}
}

// One that knows its tail better than its middle, and is held to both.
func TestAClaimMayVaryWithTheQuantile(t *testing.T) {
	truth := quantile.NewExact(0)
	fill(truth, Lognormal(n))
	biased := Claims{RankAt: func(q float64) float64 { return 0.1 * (1 - q) }}
	for _, c := range []struct {
		at, off float64
		right   bool
	}{{0.5, 0.04, true}, {0.5, 0.06, false}, {0.99, 0.0009, true}, {0.99, 0.002, false}} {
		e := answering(func(q float64, exact time.Duration) time.Duration {
			if q == c.at {
				return truth.Quantile(q + c.off)
			}
			return truth.Quantile(q)
		})
		if err := biased.Judge(&e, truth); (err == nil) != c.right {
			t.Errorf("%v of the ranks off at %v: %v", c.off, c.at, err)
		}
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
	for _, want := range Datasets {
		set, err := Named(want.Name)
		if err != nil {
			t.Fatal(err)
		}
		one, two := set.Make(1000), want.Make(1000)
		if len(one) != 1000 || !slices.Equal(one, two) || slices.Min(one) < 0 {
			t.Errorf("%s is of %d values, or differs from draw to draw, or is negative", want.Name, len(one))
		}
	}
	if _, err := Named("normal"); err == nil || !strings.Contains(err.Error(), "lognormal, pareto") {
		t.Errorf("error is %v", err)
	}
}

func TestAnEstimateIsJudgedByAShareOfTheExactValue(t *testing.T) {
	for _, c := range []struct {
		exact, estimate time.Duration
		value           float64
		right           bool
	}{
		{1000, 1000, 0, true},
		{1000, 1001, 0, false},
		{1000, 999, 0, false},
		{1000, 1500, 0.5, true},
		{1000, 1501, 0.5, false},
		{1000, 500, 0.5, true},
		{1000, 499, 0.5, false},
		{1000, 0, 1, true},
		{1000, 2000, 1, true},
		{1000, 2001, 1, false},
		{1000, -1, 0.5, false},
		{0, 1, 0.5, false},
		{math.MaxInt64, math.MaxInt64, 0, true},
		{math.MaxInt64, math.MaxInt64 - 1, 0.001, true}, // a share more than it is no Duration
		{math.MaxInt64, math.MaxInt64 / 2, 0.6, true},
		{math.MaxInt64, math.MaxInt64 / 2, 0.4, false},
		{math.MaxInt64 / 2, math.MaxInt64, 0.4, false},
	} {
		truth := &quantile.Exact{}
		truth.Add(c.exact)
		e := answering(func(float64, time.Duration) time.Duration { return c.estimate })
		if err := (Claims{Value: c.value}).Judge(&e, truth); (err == nil) != c.right {
			t.Errorf("%d for %d, within %v of it: %v", c.estimate, c.exact, c.value, err)
		}
	}
}

// testing.AllocsPerRun panics here.
func TestTheSuiteRunsInAParallelTest(t *testing.T) {
	t.Parallel()
	Run(t, Claims{Extremes: true}, func() quantile.Estimator { return quantile.NewExact(3 * n) })
}
