package quantile_test

import (
	"fmt"
	"math"
	"math/big"
	"runtime"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

func textbook(epsilon float64) quantile.Estimator {
	d, err := quantile.NewTextbookQDigest(epsilon)
	if err != nil {
		panic(err)
	}
	return d
}

func TestEstimatorsKeepTheirContract(t *testing.T) {
	for name, c := range map[string]struct {
		claims quantiletest.Claims
		fresh  func() quantile.Estimator
	}{
		// Exact gets room for the values of the suite, since it allocates only to grow.
		"exact": {quantiletest.Claims{Rank: 0, Extremes: true},
			func() quantile.Estimator { return quantile.NewExact(60_000) }},
		"hdr": {quantiletest.Claims{Rank: 0, Value: 0.001, Extremes: true},
			func() quantile.Estimator { return quantile.NewHDR() }},
		"tdigest": {quantiletest.Claims{Rank: 0.001, Value: 0.001, Extremes: true},
			func() quantile.Estimator { return quantile.NewTDigest() }},
		"textbook 1 %": {quantiletest.Claims{Rank: 0.01, Value: 0.001, Extremes: true},
			func() quantile.Estimator { return textbook(0.01) }},
		"textbook 0.1 %": {quantiletest.Claims{Rank: 0.001, Value: 0.001, Extremes: true},
			func() quantile.Estimator { return textbook(0.001) }},
		"textbook 30 %": {quantiletest.Claims{Rank: 0.3, Value: 0.001, Extremes: true},
			func() quantile.Estimator { return textbook(0.3) }},
	} {
		t.Run(name, func(t *testing.T) { quantiletest.Run(t, c.claims, c.fresh) })
	}
}

func TestRankIsTheNearestRank(t *testing.T) {
	for _, c := range []struct {
		name string
		q    float64
		n    uint64
		want uint64
	}{
		{"no values", 0.5, 0, 0},
		{"0 is the smallest", 0, 10, 1},
		{"below 0", -1, 10, 1},
		{"NaN", math.NaN(), 10, 1},
		{"1 is the largest", 1, 10, 10},
		{"above 1", 2, 10, 10},
		{"q*n is whole", 0.5, 10, 5},
		{"q*n is rounded up", 0.5, 11, 6},
		{"p99, q*n is whole", 0.99, 100, 99},
		{"p99, q*n is rounded up", 0.99, 101, 100},
		{"0.07*100 is above 7 in floating point", 0.07, 100, 7},
		{"0.29*100 is below 29 in floating point", 0.29, 100, 29},
		{"p99.9", 0.999, 1000, 999},
		{"p99.99", 0.9999, 1_000_000, 999_900},
		{"billions of values", 0.999, 3_000_000_000, 2_997_000_000},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := quantile.Rank(c.q, c.n); got != c.want {
				t.Errorf("Rank(%v, %d) = %d, want %d", c.q, c.n, got, c.want)
			}
		})
	}
}

func TestRankAgreesWithRationalArithmetic(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		num, den := rapid.Int64Range(0, 10_000).Draw(t, "num"), int64(10_000)
		n := rapid.Uint64Range(1, 1<<36).Draw(t, "n")
		exact := new(big.Int).Mul(big.NewInt(num), new(big.Int).SetUint64(n))
		want := new(big.Int).Div(exact.Add(exact, big.NewInt(den-1)), big.NewInt(den)).Uint64()
		if got := quantile.Rank(float64(num)/float64(den), n); got != max(want, 1) {
			t.Fatalf("Rank(%d/%d, %d) = %d, want %d", num, den, n, got, want)
		}
	})
}

func TestSamplesForAPercentile(t *testing.T) {
	for q, want := range map[float64]uint64{
		0.5: 6, 0.9: 36, 0.95: 72, 0.99: 368, 0.999: 3688, 0.9999: 36887, 0: 0, 1: 0, math.NaN(): 0,
		0.01: 368, 1e-17: 368_887_945_411_393_600, 5e-324: math.MaxUint64,
		math.Nextafter(1, 0): 33_226_472_269_924_404,
	} {
		t.Run(fmt.Sprint(q), func(t *testing.T) {
			if got := quantile.SamplesFor(q); got != want {
				t.Errorf("%d, want %d", got, want)
			}
		})
	}
}

func TestErrorOfAnEstimate(t *testing.T) {
	e := quantile.NewExact(0)
	for _, d := range []time.Duration{10, 20, 20, 20, 30, 40, 50, 60, 70, 100} {
		e.Add(d)
	}
	for _, c := range []struct {
		name        string
		q           float64
		estimate    time.Duration
		value, rank float64
	}{
		{"exact", 0.5, 30, 0, 0},
		{"any rank of a repeated value", 0.3, 20, 0, 0},
		{"between the ranks 6 and 7", 0.5, 45, 0.5, 0.15},
		{"between the ranks 5 and 6", 0.5, 35, 1. / 6, .05},
		{"between the ranks 4 and 5", 0.5, 25, -1. / 6, .05},
		{"one rank too low", 0.5, 20, -1. / 3, .1},
		{"one rank too high", 0.5, 40, 1. / 3, .1},
		{"three ranks too high", 0.5, 60, 1, 0.3},
		{"five ranks too low", 0.9, 20, -5. / 7, .5},
		{"above all values", 1, 200, 1, 0.05},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := e.Error(c.q, c.estimate)
			if math.Abs(got.Value-c.value) > 1e-12 || math.Abs(got.Rank-c.rank) > 1e-12 {
				t.Errorf("the error is %+v, want value %v, rank %v", got, c.value, c.rank)
			}
		})
	}
}

func TestTextbookBoundHoldsForAnyDataAndTreeOfMerges(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		const epsilon = 0.2
		truth, claims := quantile.NewExact(0), quantiletest.Claims{Rank: epsilon, Value: 0.001, Extremes: true}
		var digests []quantile.Estimator
		for range rapid.IntRange(1, 5).Draw(t, "shards") {
			d := textbook(epsilon)
			repeat := rapid.IntRange(1, 200).Draw(t, "repeat")
			for _, v := range rapid.SliceOfN(rapid.Int64Range(0, 1<<42), 1, 300).Draw(t, "values") {
				for i := range repeat {
					x := time.Duration(v >> (i % 40))
					d.Add(x)
					truth.Add(x)
				}
			}
			digests = append(digests, d)
		}
		for len(digests) > 1 {
			i := rapid.IntRange(1, len(digests)-1).Draw(t, "merge")
			if err := digests[0].Merge(digests[i]); err != nil {
				t.Fatal(err)
			}
			digests = append(digests[1:i], append(digests[i+1:], digests[0])...)
		}
		if err := claims.Judge(digests[0], truth); err != nil {
			t.Fatal(err)
		}
	})
}

func TestTextbookOfAnotherEpsilonDoNotMerge(t *testing.T) {
	if err := textbook(0.1).Merge(textbook(0.2)); err == nil {
		t.Error("digests with different epsilons were merged")
	}
}

func TestTextbookRefusesAnEpsilonOutsideZeroToOne(t *testing.T) {
	for _, epsilon := range []float64{0, 1, -1, math.NaN(), math.Inf(1)} {
		if _, err := quantile.NewTextbookQDigest(epsilon); err == nil {
			t.Errorf("epsilon %v was accepted", epsilon)
		}
	}
}

// Interpolation distinguishes values within a leaf, which is a quarter of a second wide here.
func TestTextbookInterpolatesWithinALeaf(t *testing.T) {
	const start, width = 1 << 38, 1 << 28 // one leaf
	d := textbook(0.01)
	for i := range time.Duration(1000) {
		d.Add(start + i*width/1000)
	}
	for _, q := range []float64{0.1, 0.25, 0.9} {
		share := float64(d.Quantile(q)-start) / width
		if math.Abs(share-q) > 0.002 {
			t.Errorf("Quantile(%v) lies at %.3f of the leaf", q, share)
		}
	}
}

func TestStateBytesIsWhatTheHeapHolds(t *testing.T) {
	heap := func() float64 {
		var s runtime.MemStats
		runtime.GC()
		runtime.GC() // frees what the first one left in pools
		runtime.ReadMemStats(&s)
		return float64(s.HeapAlloc)
	}
	data := quantiletest.Lognormal(20_000)
	for name, fresh := range map[string]func() quantile.Estimator{
		"exact":    func() quantile.Estimator { return quantile.NewExact(0) },
		"hdr":      func() quantile.Estimator { return quantile.NewHDR() },
		"tdigest":  func() quantile.Estimator { return quantile.NewTDigest() },
		"textbook": func() quantile.Estimator { return textbook(0.01) },
		"qdigest":  func() quantile.Estimator { return qdigest(quantile.QDigestOptions{}) },
	} {
		t.Run(name, func(t *testing.T) {
			var several [20]quantile.Estimator // several, so that other memory does not matter
			before, reported := heap(), 0.0
			for i := range several {
				several[i] = fresh()
				for _, d := range data {
					several[i].Add(d)
				}
				several[i].Quantile(0.5)
				reported += float64(several[i].(quantile.Sizer).StateBytes())
			}
			if held := heap() - before; reported < 0.8*held || reported > 1.25*held {
				t.Errorf("StateBytes is %.0f, but the heap holds %.0f B", reported/20, held/20)
			}
			runtime.KeepAlive(&several)
		})
	}
}

func ExampleEstimator() {
	digest, err := quantile.NewTextbookQDigest(0.01)
	if err != nil {
		fmt.Println(err)
		return
	}
	for i := range 1000 {
		digest.Add(time.Duration(i+1) * time.Microsecond)
	}
	fmt.Println(digest.Quantile(0.5).Round(10 * time.Microsecond))
	// Output: 500µs
}
