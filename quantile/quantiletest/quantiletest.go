// Package quantiletest checks that a [quantile.Estimator] keeps its contract and
// the error it claims: every estimator of this module passes it, and anyone's
// should.
//
//	func TestMine(t *testing.T) {
//		quantiletest.Run(t, quantiletest.Claims{Rank: 0.01, Extremes: true},
//			func() quantile.Estimator { return mine.New() })
//	}
//
// What an estimator has beyond the interface is checked if it has it: a
// [quantile.Sizer]'s bytes, a Count, Min and Max, and the encoding of one that is an
// [encoding.BinaryMarshaler] and an [encoding.BinaryUnmarshaler].
package quantiletest

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

// Claims are what an estimator says of its answers. They are checked on every
// [Dataset], whole and merged from 64 shards.
type Claims struct {
	// Rank is the largest rank error at any quantile, as a share of the number
	// of values; 1 claims nothing. See [quantile.Error].
	Rank float64
	// RankAt is that error for each quantile, if it is not the same everywhere;
	// then Rank is not read. For one that knows its tail better, for example,
	// func(q float64) float64 { return 0.1 * (1 - q) }.
	RankAt func(q float64) float64
	// Value is the resolution, as a share of the exact value: an estimate is
	// right if it lies from v*(1-Value) to v*(1+Value) for some v that Rank
	// allows. 0 is the nanosecond.
	Value float64
	// Extremes says that Quantile(0) and Quantile(1) are exactly the smallest and
	// the largest value.
	Extremes bool
}

// n is the size of a data set, quantiles those asked of it.
const n = 20_000

var quantiles = []float64{0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1}

// Run checks every rule on estimators made by fresh, each of which must be empty
// and set up alike. The test may be parallel. Of allocations it can only see the
// whole process's: beside a goroutine that allocates all the time, more than once
// an Add, the rule no-allocation fails for that one's sake.
func Run(t *testing.T, claims Claims, fresh func() quantile.Estimator) {
	t.Helper()
	for _, r := range rules {
		t.Run(r.name, func(t *testing.T) {
			if err := r.broken(claims, fresh); err != nil {
				t.Errorf("%s:\n%v", r.explanation, err)
			}
		})
	}
}

// Violations are the names of the rules that estimators made by fresh break, for
// a tool that lists them instead of failing a test. What Run says of allocations
// holds here.
func Violations(claims Claims, fresh func() quantile.Estimator) []string {
	var broken []string
	for _, r := range rules {
		if r.broken(claims, fresh) != nil {
			broken = append(broken, r.name)
		}
	}
	return broken
}

// A rule is one promise of [quantile.Estimator].
type rule struct {
	name, explanation string
	check             func(Claims, func() quantile.Estimator) error
}

// broken says how the rule is broken. To panic is to break it.
func (r rule) broken(claims Claims, fresh func() quantile.Estimator) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return r.check(claims, fresh)
}

var rules = []rule{
	{"empty", "an estimator that took nothing answers 0", checkEmpty},
	{"one-value", "of a single value every quantile is that value", checkOne},
	{"negative-is-zero", "a negative duration counts as zero", checkNegative},
	{"huge", "a duration past the range counts as its end", checkHuge},
	{"outliers", "a negative, a zero and a huge duration among others leave the others' quantiles within the claim",
		checkOutliers},
	{"quantile-out-of-range", "a q that is NaN or below 0 is taken as 0, one above 1 as 1", checkRange},
	{"monotone", "estimates do not fall as q rises, and stay within the extremes", checkMonotone},
	{"reading-does-not-disturb", "Quantile between Adds changes no later answer's claim", checkReading},
	{"claims", "errors stay within what is claimed", checkClaims},
	{"claims-merged", "errors stay within what is claimed after merging 64 shards", checkMerged},
	{"merge-order", "errors stay within what is claimed in whatever order shards of any size are merged", checkOrders},
	{"p50-at-most-p99", "estimates do not fall as q rises after merging 64 shards, either", checkMergedMonotone},
	{"merge-empty", "merging an empty estimator changes no answer; merging into one copies them", checkMergeEmpty},
	{"merge-refused", "merging nil, another kind, or itself, is ErrMerge and changes nothing", checkMergeRefused},
	{"merge-keeps-other", "what was merged keeps its answers", checkMergeKeepsOther},
	{"ranks", "of few values, too, each quantile is that of its nearest rank, within what is claimed", checkRanks},
	{"many", "errors stay within what is claimed of more values than 16 bits count", checkMany},
	{"many-shards", "errors stay within what is claimed after merging 1,000 shards, most of a few values",
		checkManyShards},
	{"doubled", "merging copies of itself over and over changes no quantile, or is ErrMerge", checkDoubling},
	{"counters", "a Count, Min and Max are exact, merged too, and 0 of nothing", checkCounters},
	{"round-trip", "what is decoded answers as what was encoded, and goes on like it", checkRoundTrip},
	{"damaged-encoding", "truncated, longer and meaningless encodings are errors, and no byte makes decoding panic",
		checkDamaged},
	{"no-allocation", "Add allocates nothing, storage that grows with the data apart", checkAllocs},
	{"state-bytes", "a Sizer's state is not empty once it holds something", checkSize},
}

func checkEmpty(_ Claims, fresh func() quantile.Estimator) error {
	for _, q := range quantiles {
		if got := fresh().Quantile(q); got != 0 {
			return fmt.Errorf("Quantile(%v) = %v", q, got)
		}
	}
	return nil
}

func checkOne(_ Claims, fresh func() quantile.Estimator) error {
	for _, d := range []time.Duration{0, 1, 50_001, 3 * time.Second} {
		e := fresh()
		e.Add(d)
		for _, q := range quantiles {
			if got := e.Quantile(q); got != d {
				return fmt.Errorf("of %v alone, Quantile(%v) = %v", d, q, got)
			}
		}
	}
	return nil
}

func checkNegative(_ Claims, fresh func() quantile.Estimator) error {
	e := fresh()
	e.Add(math.MinInt64)
	if got := e.Quantile(0.5); got != 0 {
		return fmt.Errorf("Quantile(0.5) = %v", got)
	}
	return nil
}

func checkHuge(claims Claims, fresh func() quantile.Estimator) error {
	e := fresh()
	for range 10 {
		e.Add(math.MaxInt64)
	}
	for _, q := range quantiles {
		if got := e.Quantile(q); got <= time.Minute {
			return fmt.Errorf("Quantile(%v) = %v", q, got)
		}
	}
	if got := e.Quantile(1); claims.Extremes && got != math.MaxInt64 {
		return fmt.Errorf("Quantile(1) = %v, and the extremes are claimed to be exact", got)
	}
	return nil
}

func checkRange(_ Claims, fresh func() quantile.Estimator) error {
	e := fill(fresh(), Lognormal(1000))
	for _, c := range []struct{ q, as float64 }{
		{math.NaN(), 0}, {-1, 0}, {math.Inf(-1), 0}, {1.5, 1}, {math.Inf(1), 1},
	} {
		if got, want := e.Quantile(c.q), e.Quantile(c.as); got != want {
			return fmt.Errorf("Quantile(%v) = %v, Quantile(%v) = %v", c.q, got, c.as, want)
		}
	}
	return nil
}

func checkMonotone(_ Claims, fresh func() quantile.Estimator) error {
	return each(func(s sample) error {
		e, last := fill(fresh(), s.data), time.Duration(0)
		lo, hi := s.truth.Quantile(0), s.truth.Quantile(1)
		for i := range 1001 {
			q := float64(i) / 1000
			got := e.Quantile(q)
			if got < last {
				return fmt.Errorf("Quantile(%v) = %v, below the one before (%v)", q, got, last)
			}
			if got < lo || got > hi {
				return fmt.Errorf("Quantile(%v) = %v, outside [%v, %v]", q, got, lo, hi)
			}
			last = got
		}
		return nil
	})
}

func checkOutliers(claims Claims, fresh func() quantile.Estimator) error {
	// Of n in all, so that q*n is whole for every definition of a rank.
	data := append(Lognormal(n-4), math.MinInt64, -1, 0, math.MaxInt64)
	e := fill(fresh(), data)
	return errors.Join(inOrder(e), claims.judgeAt(e, exact(data), quantiles[1:len(quantiles)-1]))
}

// inOrder checks that estimates are not negative and do not fall as q rises.
func inOrder(e quantile.Estimator) error {
	last := time.Duration(0)
	for _, q := range quantiles {
		got := e.Quantile(q)
		if got < last {
			return fmt.Errorf("Quantile(%v) = %v, below the one before (%v)", q, got, last)
		}
		last = got
	}
	return nil
}

// counters are what an estimator may tell of its values beside quantiles.
type (
	counter interface{ Count() uint64 }
	minimum interface{ Min() time.Duration }
	maximum interface{ Max() time.Duration }
)

func checkCounters(_ Claims, fresh func() quantile.Estimator) error {
	if err := counts(fresh(), nil); err != nil {
		return fmt.Errorf("empty: %w", err)
	}
	return each(func(s sample) error {
		merged, err := merge(shards(fresh, slices.Chunk(s.data, n/64+1)))
		if err != nil {
			return err
		}
		return errors.Join(counts(fill(fresh(), s.data), s.data), counts(merged, s.data))
	})
}

// A tally is what an estimator tells of its values, 0 for what it does not.
type tally struct {
	n        uint64
	min, max time.Duration
}

func told(e quantile.Estimator) (t tally) {
	if e, ok := e.(counter); ok {
		t.n = e.Count()
	}
	if e, ok := e.(minimum); ok {
		t.min = e.Min()
	}
	if e, ok := e.(maximum); ok {
		t.max = e.Max()
	}
	return t
}

// counts compares what e tells with data.
func counts(e quantile.Estimator, data []time.Duration) error {
	var want tally
	if _, ok := e.(counter); ok {
		want.n = uint64(len(data))
	}
	if _, ok := e.(minimum); ok && len(data) > 0 {
		want.min = slices.Min(data)
	}
	if _, ok := e.(maximum); ok && len(data) > 0 {
		want.max = slices.Max(data)
	}
	if got := told(e); got != want {
		return fmt.Errorf("count, minimum and maximum are %v, want %v", got, want)
	}
	return nil
}

func checkReading(claims Claims, fresh func() quantile.Estimator) error {
	data := Lognormal(n)
	e := fresh()
	for i, d := range data {
		e.Add(d)
		if i%997 == 0 {
			e.Quantile(0.5)
		}
	}
	return claims.judge(e, data)
}

func checkClaims(claims Claims, fresh func() quantile.Estimator) error {
	return each(func(s sample) error { return claims.Judge(fill(fresh(), s.data), s.truth) })
}

func checkAllocs(_ Claims, fresh func() quantile.Estimator) error {
	e, data := fresh(), Lognormal(n)
	fill(e, data) // let it grow
	const tries, adds = 10, 1000
	least := uint64(math.MaxUint64)
	for i := range tries {
		some := data[i*adds : (i+1)*adds]
		least = min(least, mallocs(func() { fill(e, some) }))
	}
	if least >= adds {
		return fmt.Errorf("%d allocations in %d Adds", least, adds)
	}
	return nil
}

// mallocs is how many objects the process allocates while f runs. Unlike
// [testing.AllocsPerRun] it may be used beside parallel tests, and outside of
// tests; what others allocate meanwhile is counted too.
func mallocs(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.Mallocs - before.Mallocs
}

func checkSize(_ Claims, fresh func() quantile.Estimator) error {
	e := fill(fresh(), Lognormal(1000))
	if s, ok := e.(quantile.Sizer); ok && s.StateBytes() <= 0 {
		return fmt.Errorf("StateBytes() = %d", s.StateBytes())
	}
	return nil
}

// A sample is drawn from a data set, once for all rules.
type sample struct {
	name  string
	data  []time.Duration
	truth *quantile.Exact // sorted, so that reading it does not change it
}

var samples = sync.OnceValue(func() []sample {
	var all []sample
	for _, set := range Datasets {
		s := sample{name: set.Name, data: set.Make(n)}
		s.truth = exact(s.data)
		s.truth.Sorted()
		all = append(all, s)
	}
	return all
})

// each checks f on every data set, and names the one it fails on.
func each(f func(sample) error) error {
	var errs []error
	for _, s := range samples() {
		if err := f(s); err != nil {
			errs = append(errs, fmt.Errorf("%s: %w", s.name, err))
		}
	}
	return errors.Join(errs...)
}

func fill(e quantile.Estimator, data []time.Duration) quantile.Estimator {
	for _, d := range data {
		e.Add(d)
	}
	return e
}

func answers(e quantile.Estimator) []time.Duration {
	var a []time.Duration
	for _, q := range quantiles {
		a = append(a, e.Quantile(q))
	}
	return a
}

func (c Claims) judge(e quantile.Estimator, data []time.Duration) error {
	return c.Judge(e, exact(data))
}

func exact(data []time.Duration) *quantile.Exact {
	truth := quantile.NewExact(len(data))
	fill(truth, data)
	return truth
}

// Judge compares the answers of e, which was given what truth holds, with the
// exact ones, and returns every claim that is broken.
func (c Claims) Judge(e quantile.Estimator, truth *quantile.Exact) error {
	return c.judgeAt(e, truth, quantiles)
}

func (c Claims) judgeAt(e quantile.Estimator, truth *quantile.Exact, qs []float64) error {
	var errs []error
	for _, q := range qs {
		got, want := e.Quantile(q), truth.Quantile(q)
		if (q == 0 || q == 1) && c.Extremes && got != want {
			errs = append(errs, fmt.Errorf("Quantile(%v) = %v, is claimed to be exactly %v", q, got, want))
		}
		if most := c.rankAt(q); most < 1 {
			if miss := c.rankError(truth, q, got); miss > most {
				errs = append(errs, fmt.Errorf("Quantile(%v) = %v (exact %v), %.5f of the ranks off, claimed %v", q,
					got, want, miss, most))
			}
		}
	}
	return errors.Join(errs...)
}

func (c Claims) rankAt(q float64) float64 {
	if c.RankAt != nil {
		return c.RankAt(q)
	}
	return c.Rank
}

// rankError is the least rank error of any value that got is within c.Value of:
// those from got/(1+Value) to got/(1-Value), as far as a Duration goes.
func (c Claims) rankError(truth *quantile.Exact, q float64, got time.Duration) float64 {
	g := max(got, 0)
	lo, hi := got-time.Duration(float64(g)*c.Value/(1+c.Value)), time.Duration(math.MaxInt64)
	if more := float64(g) * c.Value / (1 - c.Value); c.Value < 1 && more < float64(hi-g) {
		hi = got + time.Duration(more)
	}
	below, above := truth.Error(q, lo), truth.Error(q, hi)
	// The sign of the value error tells on which side the truth lies.
	if below.Value <= 0 && above.Value >= 0 {
		return 0
	}
	return min(below.Rank, above.Rank)
}
