// Package quantiletest checks that a [quantile.Estimator] obeys its contract and keeps to the error it
// claims. All estimators of this module pass it, and so should any other.
//
//	func TestMine(t *testing.T) {
//		quantiletest.Run(t, quantiletest.Claims{Rank: 0.01, Extremes: true},
//			func() quantile.Estimator { return mine.New() })
//	}
//
// Optional features of an estimator are checked if it has them: the size of a [quantile.Sizer], the
// methods Count, Min and Max, and the encoding of an [encoding.BinaryMarshaler] that is also an
// [encoding.BinaryUnmarshaler].
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

// Claims are the claims of an estimator about its error. They are checked on every [Dataset], for one
// estimator and for one merged from 64 shards.
type Claims struct {
	// Rank is the largest rank error at any quantile, as a share of the number of values; 1 claims
	// nothing. See [quantile.Error].
	Rank float64
	// RankAt, if set, replaces Rank by a rank error for each quantile. For example, an estimator
	// that is more precise in the tail sets func(q float64) float64 { return 0.1 * (1 - q) }.
	RankAt func(q float64) float64
	// Value is the resolution, as a share of the exact value. An estimate is correct if it lies
	// between v*(1-Value) and v*(1+Value) for some v that Rank allows. 0 is a nanosecond.
	Value float64
	// Extremes reports whether Quantile(0) and Quantile(1) are exactly the smallest and the largest
	// value.
	Extremes bool
}

// n is the size of a data set. quantiles are the quantiles that are checked.
const n = 20_000

var quantiles = []float64{0, 0.001, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999, 1}

// Run checks every rule with estimators made by fresh, which must be empty and have the same options. The
// test may be parallel. The rule no-allocation can only count allocations of the whole process: it fails if
// another goroutine allocates all the time, more than once per Add.
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

// Violations returns the names of the rules that estimators made by fresh break, for tools that list them
// instead of failing a test. The limitation of Run for allocations applies.
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

// broken returns how the rule is broken, or nil. A panic breaks the rule.
func (r rule) broken(claims Claims, fresh func() quantile.Estimator) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return r.check(claims, fresh)
}

var rules = []rule{
	{"empty", "an empty estimator returns 0", checkEmpty},
	{"one-value", "every quantile of a single value is that value", checkOne},
	{"negative-is-zero", "a negative duration counts as zero", checkNegative},
	{"huge", "a duration beyond the range counts as the end of the range", checkHuge},
	{"outliers", "a negative, a zero and a huge duration leave the quantiles of the other values within the claim",
		checkOutliers},
	{"quantile-out-of-range", "a q that is NaN or below 0 is taken as 0, and a q above 1 as 1", checkRange},
	{"monotone", "estimates do not fall as q rises, and lie within the extremes", checkMonotone},
	{"reading-does-not-disturb", "calling Quantile between Adds keeps later estimates within the claim", checkReading},
	{"claims", "errors are within the claim", checkClaims},
	{"claims-merged", "errors are within the claim after merging 64 shards", checkMerged},
	{"merge-order", "errors are within the claim for shards of any size, merged in any order", checkOrders},
	{"p50-at-most-p99", "estimates do not fall as q rises, after merging 64 shards", checkMergedMonotone},
	{"merge-empty", "merging an empty estimator changes no estimate, and merging into an empty one copies all",
		checkMergeEmpty},
	{"merge-refused", "merging nil, another type, or itself returns ErrMerge and changes nothing", checkMergeRefused},
	{"merge-keeps-other", "the estimates of the merged estimator stay the same", checkMergeKeepsOther},
	{"ranks", "also for few values, each quantile is the value of its nearest rank, within the claim", checkRanks},
	{"many", "errors are within the claim for more values than 16 bits can count", checkMany},
	{"many-shards", "errors are within the claim after merging 1,000 shards, most of them with few values",
		checkManyShards},
	{"doubled", "merging with copies of itself again and again changes no quantile, or returns ErrMerge",
		checkDoubling},
	{"counters", "Count, Min and Max are exact, also after merging, and 0 without values", checkCounters},
	{"round-trip", "a decoded estimator has the same estimates as the encoded one, now and after more values",
		checkRoundTrip},
	{"damaged-encoding", "truncated, extended and meaningless encodings are errors, and no byte makes decoding panic",
		checkDamaged},
	{"no-allocation", "Add allocates nothing, except storage that grows with the data", checkAllocs},
	{"state-bytes", "the state of a Sizer with values is not empty", checkSize},
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
				return fmt.Errorf("with the single value %v, Quantile(%v) = %v", d, q, got)
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
		return fmt.Errorf("Quantile(1) = %v, but the extremes are claimed to be exact", got)
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
				return fmt.Errorf("Quantile(%v) = %v, below the previous estimate (%v)", q, got, last)
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
	// There are n values in all, so that q*n is whole for every definition of a rank.
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
			return fmt.Errorf("Quantile(%v) = %v, below the previous estimate (%v)", q, got, last)
		}
		last = got
	}
	return nil
}

// These are the optional methods of an estimator that return exact properties of its values.
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

// A tally holds the results of an estimator's optional methods, 0 for missing ones.
type tally struct {
	n        uint64
	min, max time.Duration
}

// tallyOf returns the results of the optional methods of e.
func tallyOf(e quantile.Estimator) (t tally) {
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

// counts compares the results of the optional methods of e with data.
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
	if got := tallyOf(e); got != want {
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
	fill(e, data) // lets its storage grow
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

// mallocs returns how many objects the process allocates while f runs. Unlike [testing.AllocsPerRun], it may
// be used beside parallel tests and outside of tests. It also counts allocations of other goroutines.
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
	var samples []sample
	for _, set := range datasets {
		s := sample{name: set.Name, data: set.Make(n)}
		s.truth = exact(s.data)
		s.truth.Sorted()
		samples = append(samples, s)
	}
	return samples
})

// each calls f for every data set, and returns the errors with the names of the data sets.
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

// Judge compares the estimates of e with the exact quantiles of truth, which must hold the same values, and
// returns an error that lists every broken claim.
func (c Claims) Judge(e quantile.Estimator, truth *quantile.Exact) error {
	return c.judgeAt(e, truth, quantiles)
}

func (c Claims) judgeAt(e quantile.Estimator, truth *quantile.Exact, qs []float64) error {
	var errs []error
	for _, q := range qs {
		got, want := e.Quantile(q), truth.Quantile(q)
		if (q == 0 || q == 1) && c.Extremes && got != want {
			errs = append(errs, fmt.Errorf("Quantile(%v) = %v, claimed to be exactly %v", q, got, want))
		}
		if most := c.rankAt(q); most < 1 {
			if miss := c.rankError(truth, q, got); miss > most {
				errs = append(errs, fmt.Errorf("Quantile(%v) = %v (exact %v) has the rank error %.5f, claimed is %v",
					q, got, want, miss, most))
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

// rankError returns the least rank error of all values that got is within c.Value of: the values from
// got/(1+Value) to got/(1-Value), limited to the range of a Duration.
func (c Claims) rankError(truth *quantile.Exact, q float64, got time.Duration) float64 {
	g := max(got, 0)
	lo, hi := got-time.Duration(float64(g)*c.Value/(1+c.Value)), time.Duration(math.MaxInt64)
	if more := float64(g) * c.Value / (1 - c.Value); c.Value < 1 && more < float64(hi-g) {
		hi = got + time.Duration(more)
	}
	below, above := truth.Error(q, lo), truth.Error(q, hi)
	// The sign of the value error shows on which side the truth lies.
	if below.Value <= 0 && above.Value >= 0 {
		return 0
	}
	return min(below.Rank, above.Rank)
}
