package quantile_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

func qdigest(o quantile.QDigestOptions, values ...time.Duration) *quantile.QDigest {
	d, err := quantile.NewQDigest(o)
	if err != nil {
		panic(err)
	}
	for _, v := range values {
		d.Add(v)
	}
	return d
}

var qdigestSettings = []quantile.QDigestOptions{
	{},
	{MantissaBits: 10},
	{Epsilon: 0.01},
	{Epsilon: 0.5},
	{Uniform: true, Epsilon: 0.05},
	{Uniform: true, Epsilon: 0.3, MantissaBits: 10},
}

// claims returns the claims of a digest for quantiletest, which does not support an error that is relative
// to the tail.
func claims(o quantile.QDigestOptions) quantiletest.Claims {
	o = qdigest(o).Options()
	return quantiletest.Claims{Rank: o.Epsilon, Value: math.Ldexp(1, -o.MantissaBits), Extremes: true}
}

func TestQDigestKeepsItsContract(t *testing.T) {
	for _, o := range qdigestSettings {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			quantiletest.Run(t, claims(o), func() quantile.Estimator { return qdigest(o) })
		})
	}
}

func TestQDigestOptionsAreCheckedAllAtOnce(t *testing.T) {
	if got, want := qdigest(quantile.QDigestOptions{}).Options(), (quantile.QDigestOptions{Epsilon: 0.1,
		MantissaBits: 7}); got != want {
		t.Errorf("the default is %+v, want %+v", got, want)
	}
	for _, epsilon := range []float64{1, -1, math.NaN(), math.Inf(1)} {
		if _, err := quantile.NewQDigest(quantile.QDigestOptions{Epsilon: epsilon}); err == nil {
			t.Errorf("epsilon %v was accepted", epsilon)
		}
	}
	for _, m := range []int{-1, 8, 11, 7 + 256} {
		if _, err := quantile.NewQDigest(quantile.QDigestOptions{MantissaBits: m}); err == nil {
			t.Errorf("%d mantissa bits were accepted", m)
		}
	}
	_, err := quantile.NewQDigest(quantile.QDigestOptions{Epsilon: 2, MantissaBits: 8})
	if err == nil || !strings.Contains(err.Error(), "Epsilon is 2") ||
		!strings.Contains(err.Error(), "MantissaBits is 8") {
		t.Errorf("the error is %v", err)
	}
}

// A leafTruth knows which leaf each value is in.
type leafTruth struct {
	options quantile.QDigestOptions
	leaves  []int // leaves of the values, in order
}

func truth(o quantile.QDigestOptions, values []time.Duration) *leafTruth {
	t := &leafTruth{options: o}
	for _, v := range values {
		t.leaves = append(t.leaves, t.leaf(v))
	}
	slices.Sort(t.leaves)
	return t
}

// leaf returns the leaf of v without using the code under test.
func (t *leafTruth) leaf(v time.Duration) int {
	m, shift := t.options.MantissaBits, 0
	v = min(max(v, 0), 1<<42-1)
	for v>>shift >= 2<<m {
		shift++
	}
	return shift<<m + int(v>>shift)
}

// miss returns the rank error of an estimate as a multiple of the bound at q. The rank error is the
// distance between q*n and the ranks in the leaf of the estimate.
func (t *leafTruth) miss(q float64, estimate time.Duration) float64 {
	leaf, target := t.leaf(estimate), q*float64(len(t.leaves))
	below, _ := slices.BinarySearch(t.leaves, leaf)
	upto, _ := slices.BinarySearch(t.leaves, leaf+1)
	allowed := t.options.Epsilon * float64(len(t.leaves))
	if !t.options.Uniform {
		allowed *= 1 - q
	}
	return max(float64(below)-target, target-float64(upto), 0) / allowed
}

// check checks 599 quantiles: 300 are evenly spread, the others approach 1 until 4 values are above.
func (t *leafTruth) check(d *quantile.QDigest) error {
	n := float64(len(t.leaves))
	for i := 1; i < 600; i++ {
		q := float64(i) / 400
		if i >= 300 {
			q = 1 - 0.25*math.Pow(min(16/n, 1), float64(i-300)/300)
		}
		if miss := t.miss(q, d.Quantile(q)); miss > 1 {
			return fmt.Errorf("q=%v: %.2f times the bound", q, miss)
		}
		lo, hi := d.Bounds(q)
		rank := quantile.Rank(q, uint64(len(t.leaves)))
		if leaf := t.leaves[rank-1]; leaf < t.leaf(lo) || leaf > t.leaf(hi) {
			return fmt.Errorf("q=%v: the quantile is in leaf %d, outside [%v, %v]", q, leaf, lo, hi)
		}
		for _, bound := range []time.Duration{lo, hi} {
			if miss := t.miss(q, bound); miss > 1 && math.Abs(q*n-float64(rank)) < 1e-9 {
				return fmt.Errorf("q=%v: bound %v misses by %.2f times the bound on the error", q, bound, miss)
			}
		}
	}
	return nil
}

func shards(o quantile.QDigestOptions, values []time.Duration, dealt bool) []*quantile.QDigest {
	const n = 64
	digests := make([]*quantile.QDigest, n)
	for i := range digests {
		digests[i] = qdigest(o)
	}
	for i, v := range values {
		if dealt {
			digests[i%n].Add(v)
		} else {
			digests[i*n/len(values)].Add(v)
		}
	}
	return digests
}

// mergeOrders has trees of merges, from a chain to a balanced tree.
var mergeOrders = map[string]func(t testing.TB, digests []*quantile.QDigest) *quantile.QDigest{
	"chain": func(t testing.TB, digests []*quantile.QDigest) *quantile.QDigest {
		for _, d := range digests[1:] {
			merge(t, digests[0], d)
		}
		return digests[0]
	},
	"from the end": func(t testing.TB, digests []*quantile.QDigest) *quantile.QDigest {
		for i := len(digests) - 1; i > 0; i-- {
			merge(t, digests[i-1], digests[i])
		}
		return digests[0]
	},
	"balanced": func(t testing.TB, digests []*quantile.QDigest) *quantile.QDigest {
		for len(digests) > 1 {
			half := len(digests) / 2
			for i := range half {
				merge(t, digests[i], digests[half+i])
			}
			digests = digests[:half]
		}
		return digests[0]
	},
}

func merge(t testing.TB, into, from *quantile.QDigest) {
	t.Helper()
	if err := into.Merge(from); err != nil {
		t.Fatal(err)
	}
}

func TestQDigestBoundHoldsOnAllDataAndOrdersOfMerging(t *testing.T) {
	const n = 100_000
	for _, set := range quantiletest.Datasets() {
		values := set.Make(n)
		for _, o := range qdigestSettings {
			t.Run(fmt.Sprintf("%+v of %s", o, set.Name), func(t *testing.T) {
				o := qdigest(o).Options()
				truth := truth(o, values)
				if err := truth.check(qdigest(o, values...)); err != nil {
					t.Error(err)
				}
				for order, mergeAll := range mergeOrders {
					d := mergeAll(t, shards(o, values, order == "balanced"))
					if err := truth.check(d); err != nil || d.Count() != n {
						t.Errorf("merged (%s) to %d values: %v", order, d.Count(), err)
					}
				}
			})
		}
	}
}

// The documentation states the size and the error for a million values.
func TestQDigestOfAMillionIsSmallAndSharp(t *testing.T) {
	const n = 1_000_000
	gaps := map[string]float64{"bimodal": 0.9, "gc-pause": 0.999} // these quantiles lie in a gap between values
	for _, set := range quantiletest.Datasets()[:4] {
		t.Run(set.Name, func(t *testing.T) { // lognormal, pareto, bimodal, gc-pause
			values, d, most := set.Make(n), qdigest(quantile.QDigestOptions{}), 0
			for i, v := range values {
				d.Add(v)
				if i%1000 == 999 {
					d.Quantile(0.5)
					most = max(most, d.StateBytes())
				}
			}
			if most > 64<<10 {
				t.Errorf("%d B, want at most 64 KB", most)
			}
			encoded, err := d.MarshalBinary()
			if err != nil || len(encoded) > 4<<10 {
				t.Errorf("encoded in %d B, want at most 4 KB (%v)", len(encoded), err)
			}
			slices.Sort(values)
			for _, q := range []float64{0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 0.9999} {
				if q == gaps[set.Name] {
					continue
				}
				exact := values[quantile.Rank(q, n)-1]
				if err := float64(d.Quantile(q)-exact) / float64(exact); math.Abs(err) > 0.004 {
					t.Errorf("the error of quantile %v is %.2f %%", q, 100*err)
				}
			}
		})
	}
}

func TestQDigestIsExactUpTo4096Values(t *testing.T) {
	values := quantiletest.Lognormal(4096)
	exact, d := quantile.NewExact(0), qdigest(quantile.QDigestOptions{})
	half := qdigest(quantile.QDigestOptions{}, values[:2048]...)
	merge(t, half, qdigest(quantile.QDigestOptions{}, values[2048:]...))
	for _, v := range values {
		exact.Add(v)
		d.Add(v)
	}
	for i := range 1000 {
		q := float64(i) / 999
		lo, hi := d.Bounds(q)
		if want := exact.Quantile(q); d.Quantile(q) != want || half.Quantile(q) != want || lo != want || hi != want {
			t.Fatalf("q=%v: %v, merged %v, bounds %v to %v, want %v", q, d.Quantile(q), half.Quantile(q), lo, hi, want)
		}
	}
	if size := d.StateBytes(); size > 34<<10 {
		t.Errorf("the digest takes %d B", size)
	}
}

func TestQDigestAddAllocatesNothing(t *testing.T) {
	for _, o := range qdigestSettings {
		t.Run(fmt.Sprintf("%+v", o), func(t *testing.T) {
			values := quantiletest.Lognormal(100_000)
			d, i := qdigest(o, values...), 0
			if allocs := testing.AllocsPerRun(50_000, func() {
				d.Add(values[i%len(values)])
				d.AddN(values[i%len(values)], 3)
				i++
			}); allocs != 0 {
				t.Errorf("%v allocations per Add and AddN", allocs)
			}
		})
	}
}

func TestQDigestCountsWhatItClamps(t *testing.T) {
	for name, before := range map[string]int{"raw values": 0, "forest": 5000} {
		t.Run(name, func(t *testing.T) {
			d := qdigest(quantile.QDigestOptions{}, make([]time.Duration, before)...)
			for _, v := range []time.Duration{-5, math.MinInt64, 1 << 42, math.MaxInt64, 1<<42 - 1, 0} {
				d.Add(v)
			}
			d.AddN(-1, 10)
			other := qdigest(quantile.QDigestOptions{}, -7)
			merge(t, d, other)
			if got := d.Clamped(); got != 15 {
				t.Errorf("%d values were clamped, want 15", got)
			}
			if d.Min() != 0 || d.Max() != math.MaxInt64 || d.Quantile(1) != math.MaxInt64 ||
				d.Count() != uint64(before+17) {
				t.Errorf("%d values, from %v to %v", d.Count(), d.Min(), d.Max())
			}
			if lo, hi := d.Bounds(1 - 1/float64(d.Count())); lo > 1<<42 || hi < 1<<42 {
				t.Errorf("bounds of a clamped value are %v to %v", lo, hi)
			}
		})
	}
}

func TestQDigestCountersDoNotWrap(t *testing.T) {
	const many = 1 << 40 // more than a cap can hold
	d := qdigest(quantile.QDigestOptions{})
	for i := range time.Duration(1000) {
		d.AddN(time.Microsecond*(i+1), many)
	}
	for range 4 {
		other := qdigest(quantile.QDigestOptions{})
		merge(t, other, d)
		merge(t, d, other)
	}
	if d.Count() != 16_000*many {
		t.Errorf("%d values, want %d", d.Count(), uint64(16_000*many))
	}
	for _, q := range []float64{0.1, 0.5, 0.9, 0.99} {
		if got, want := float64(d.Quantile(q)), q*1e6; math.Abs(got/want-1) > 0.02 {
			t.Errorf("Quantile(%v) = %v, want %v", q, got, want)
		}
	}
	d.AddN(time.Second, math.MaxUint64)
	d.AddN(time.Second, math.MaxUint64)
	if d.Count() != 1<<62 {
		t.Errorf("%d values, want at most 2^62", d.Count())
	}
	if err := d.Merge(qdigest(quantile.QDigestOptions{}, 1)); err == nil {
		t.Error("merging to more than 2^62 values is no error")
	}
	if d.Count() != 1<<62 || d.Quantile(0.5) != time.Second {
		t.Errorf("%d values, median %v", d.Count(), d.Quantile(0.5))
	}
}

func TestQDigestQuantilesReflectEveryChange(t *testing.T) {
	for name, change := range map[string]func(d *quantile.QDigest){
		"Add": func(d *quantile.QDigest) {
			for range 30_000 {
				d.Add(time.Second)
			}
		},
		"AddN": func(d *quantile.QDigest) { d.AddN(time.Second, 30_000) },
		"Merge": func(d *quantile.QDigest) {
			merge(t, d, qdigest(d.Options(), slices.Repeat([]time.Duration{time.Second}, 30_000)...))
		},
		"several merges": func(d *quantile.QDigest) {
			for range 8 {
				merge(t, d, qdigest(d.Options(), slices.Repeat([]time.Duration{time.Second}, 4000)...))
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			d := qdigest(quantile.QDigestOptions{}, quantiletest.Lognormal(20_000)...)
			before := d.Quantile(0.5)
			change(d)
			if lo, hi := d.Bounds(0.5); d.Quantile(0.5) < 990*time.Millisecond || lo < 990*time.Millisecond ||
				hi < time.Second {
				t.Errorf("the median is %v (from %v to %v), was %v; want 1 s", d.Quantile(0.5), lo, hi, before)
			}
		})
	}
}

func TestQDigestTakesAThirdOfTheRoomIfUniform(t *testing.T) {
	values := quantiletest.Lognormal(1_000_000)
	biased, uniform := encodedSize(t, quantile.QDigestOptions{}, values), encodedSize(t,
		quantile.QDigestOptions{Uniform: true}, values)
	if uniform > biased/3 {
		t.Errorf("%d B, a third of %d B allowed", uniform, biased)
	}
}

func encodedSize(t *testing.T, o quantile.QDigestOptions, values []time.Duration) int {
	data, err := qdigest(o, values...).MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return len(data)
}

func TestQDigestsWithDifferentOptionsDoNotMerge(t *testing.T) {
	d := qdigest(quantile.QDigestOptions{}, 1)
	for _, o := range qdigestSettings[1:] {
		if err := d.Merge(qdigest(o, 2)); err == nil || d.Count() != 1 {
			t.Errorf("merged %+v: %v", o, err)
		}
	}
}

// A digest keeps its error bound under any operations.
func TestQDigestKeepsItsBoundUnderAnyOperations(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		o := qdigest(rapid.SampledFrom(qdigestSettings).Draw(t, "options")).Options()
		type digest struct {
			*quantile.QDigest
			values []time.Duration
		}
		digests := []digest{{qdigest(o), nil}, {qdigest(o), nil}, {qdigest(o), nil}}
		value := rapid.Custom(func(t *rapid.T) time.Duration {
			return time.Duration(rapid.Int64Range(-1, 1<<43).Draw(t, "value") >> rapid.IntRange(0, 42).Draw(t,
				"shift"))
		})
		index := rapid.IntRange(0, len(digests)-1)
		t.Repeat(map[string]func(*rapid.T){
			"add": func(t *rapid.T) {
				d, step := &digests[index.Draw(t, "to")], value.Draw(t, "step")
				v := value.Draw(t, "from")
				for range rapid.IntRange(1, 6000).Draw(t, "times") {
					d.Add(v)
					d.values = append(d.values, v)
					v = (v + step) & (1<<43 - 1)
				}
			},
			"addN": func(t *rapid.T) {
				d, v, n := &digests[index.Draw(t, "to")], value.Draw(t, "value"), rapid.IntRange(0, 5000).Draw(t, "n")
				d.AddN(v, uint64(n))
				d.values = append(d.values, slices.Repeat([]time.Duration{v}, n)...)
			},
			"merge": func(t *rapid.T) {
				i, j := index.Draw(t, "into"), index.Draw(t, "from")
				if i == j || len(digests[i].values)+len(digests[j].values) > 100_000 {
					t.Skip("a digest cannot be merged into itself, and so many values are enough")
				}
				if err := digests[i].Merge(digests[j].QDigest); err != nil {
					t.Fatal(err)
				}
				digests[i].values = append(digests[i].values, digests[j].values...)
			},
			"encode and decode": func(t *rapid.T) {
				d := &digests[index.Draw(t, "which")]
				var decoded quantile.QDigest
				data, err := d.MarshalBinary()
				if err == nil {
					err = decoded.UnmarshalBinary(data)
				}
				if err != nil {
					t.Fatal(err)
				}
				d.QDigest = &decoded
			},
		})
		for _, d := range digests {
			if d.Count() != uint64(len(d.values)) {
				t.Fatalf("%d values, want %d", d.Count(), len(d.values))
			}
			if len(d.values) == 0 {
				continue
			}
			if err := truth(o, d.values).check(d.QDigest); err != nil {
				t.Fatal(err)
			}
			exact := quantile.NewExact(0)
			for _, v := range d.values {
				exact.Add(v)
			}
			if d.Min() != exact.Quantile(0) || d.Max() != exact.Quantile(1) {
				t.Fatalf("extremes are %v and %v, want %v and %v", d.Min(), d.Max(), exact.Quantile(0),
					exact.Quantile(1))
			}
		}
	})
}
