package quantile_test

import (
	"encoding/json"
	"fmt"
	"math"
	"math/big"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

func qdigest(epsilon float64) quantile.Estimator {
	d, err := quantile.NewQDigest(epsilon)
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
		// Room for what the suite adds: growing is the one thing Exact allocates for.
		"exact":         {quantiletest.Claims{Rank: 0, Extremes: true}, func() quantile.Estimator { return quantile.NewExact(60_000) }},
		"hdr":           {quantiletest.Claims{Rank: 0, Value: 0.001, Extremes: true}, func() quantile.Estimator { return quantile.NewHDR() }},
		"tdigest":       {quantiletest.Claims{Rank: 0.001, Value: 0.001, Extremes: true}, func() quantile.Estimator { return quantile.NewTDigest() }},
		"qdigest 1 %":   {quantiletest.Claims{Rank: 0.01, Value: 0.001, Extremes: true}, func() quantile.Estimator { return qdigest(0.01) }},
		"qdigest 0.1 %": {quantiletest.Claims{Rank: 0.001, Value: 0.001, Extremes: true}, func() quantile.Estimator { return qdigest(0.001) }},
		"qdigest 30 %":  {quantiletest.Claims{Rank: 0.3, Value: 0.001, Extremes: true}, func() quantile.Estimator { return qdigest(0.3) }},
	} {
		t.Run(name, func(t *testing.T) { quantiletest.Run(t, c.claims, c.fresh) })
	}
}

// A digest that lies must fail the suite: here one that claims too much.
func TestTheSuiteRejectsAFalseClaim(t *testing.T) {
	failed := quantiletest.Violations(quantiletest.Claims{Rank: 0.0001, Value: 0.001, Extremes: true},
		func() quantile.Estimator { return qdigest(0.1) })
	if !slices.Contains(failed, "claims") || !slices.Contains(failed, "claims-merged") {
		t.Errorf("a q-digest of 10 %% passed as one of 0.01 %%; violations: %v", failed)
	}
}

func TestRankIsTheNearestRank(t *testing.T) {
	for _, c := range []struct {
		q    float64
		n    uint64
		want uint64
	}{
		{0.5, 0, 0}, {0, 10, 1}, {-1, 10, 1}, {math.NaN(), 10, 1}, {1, 10, 10}, {2, 10, 10},
		{0.5, 10, 5}, {0.5, 11, 6}, {0.99, 100, 99}, {0.99, 101, 100}, {0.07, 100, 7},
		{0.29, 100, 29}, {0.999, 1000, 999}, {0.9999, 1_000_000, 999_900}, {0.999, 3_000_000_000, 2_997_000_000},
	} {
		if got := quantile.Rank(c.q, c.n); got != c.want {
			t.Errorf("Rank(%v, %d) = %d, want %d", c.q, c.n, got, c.want)
		}
	}
}

func TestRankAgreesWithRationalArithmetic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
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
	for q, want := range map[float64]uint64{0.5: 6, 0.9: 36, 0.95: 72, 0.99: 368, 0.999: 3688, 0.9999: 36887, 0: 0, 1: 0} {
		if got := quantile.SamplesFor(q); got != want {
			t.Errorf("SamplesFor(%v) = %d, want %d", q, got, want)
		}
	}
}

func TestErrorOfAnEstimate(t *testing.T) {
	e := quantile.NewExact(0)
	for _, d := range []time.Duration{10, 20, 20, 20, 30, 40, 50, 60, 70, 100} {
		e.Add(d)
	}
	for _, c := range []struct {
		q           float64
		estimate    time.Duration
		value, rank float64
	}{
		{0.5, 30, 0, 0},        // exact
		{0.3, 20, 0, 0},        // any rank that a repeated value occupies
		{0.5, 45, 0.5, 0.1},    // between ranks 6 and 7
		{0.5, 60, 1, 0.2},      // rank 8 begins 2 after 5
		{0.9, 20, -5. / 7, .5}, // rank 4 ends 5 before 9
		{1, 200, 1, 0},         // past all: every rank lies below it
	} {
		got := e.Error(c.q, c.estimate)
		if math.Abs(got.Value-c.value) > 1e-12 || math.Abs(got.Rank-c.rank) > 1e-12 {
			t.Errorf("Error(%v, %v) = %+v, want value %v, rank %v", c.q, c.estimate, got, c.value, c.rank)
		}
	}
}

func TestQDigestBoundHoldsForAnyDataAndTreeOfMerges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const epsilon = 0.2
		truth, claims := quantile.NewExact(0), quantiletest.Claims{Rank: epsilon, Value: 0.001, Extremes: true}
		var digests []quantile.Estimator
		for range rapid.IntRange(1, 5).Draw(t, "shards") {
			d := qdigest(epsilon)
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

func TestQDigestsOfDifferentEpsilonDoNotMerge(t *testing.T) {
	if err := qdigest(0.1).Merge(qdigest(0.2)); err == nil {
		t.Error("merged")
	}
}

func TestQDigestRefusesAnEpsilonOutsideZeroToOne(t *testing.T) {
	for _, epsilon := range []float64{0, 1, -1, math.NaN(), math.Inf(1)} {
		if _, err := quantile.NewQDigest(epsilon); err == nil {
			t.Errorf("epsilon %v was taken", epsilon)
		}
	}
}

func TestHDRKeepsMeanAndExtremesExactly(t *testing.T) {
	h := quantile.NewHDR()
	for _, d := range []time.Duration{1_000_001, 3_000_003, 5_000_006} {
		h.Add(d)
	}
	if h.Count() != 3 || h.Min() != 1_000_001 || h.Max() != 5_000_006 || h.Mean() != 3_000_003 {
		t.Errorf("count %d, min %d, max %d, mean %d", h.Count(), h.Min(), h.Max(), h.Mean())
	}
}

func TestHDRSurvivesJSON(t *testing.T) {
	for _, data := range [][]time.Duration{nil, {0}, {math.MaxInt64, 5}, quantiletest.Lognormal(10_000)} {
		h := quantile.NewHDR()
		for _, d := range data {
			h.Add(d)
		}
		text, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		var back quantile.HDR
		if err := json.Unmarshal(text, &back); err != nil {
			t.Fatal(err)
		}
		if back.Count() != h.Count() || back.Min() != h.Min() || back.Max() != h.Max() || back.Mean() != h.Mean() {
			t.Errorf("%d values came back as %d, %v to %v", h.Count(), back.Count(), back.Min(), back.Max())
		}
		for _, q := range []float64{0, 0.3, 0.99, 1} {
			if back.Quantile(q) != h.Quantile(q) {
				t.Errorf("q%v of %d values: %v became %v", q, len(data), h.Quantile(q), back.Quantile(q))
			}
		}
	}
}

// Hostile or damaged files: an error, no panic, and no memory beyond the input's.
func FuzzHDRFromJSON(f *testing.F) {
	h := quantile.NewHDR()
	h.Add(12345)
	text, err := json.Marshal(h)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"count":1,"min_ns":5,"max_ns":1,"hdr_v2":""}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var h quantile.HDR
		if json.Unmarshal(data, &h) == nil && h.Count() > 0 && h.Quantile(0.5) < h.Min() {
			t.Errorf("%s decoded to p50 %v below the minimum %v", data, h.Quantile(0.5), h.Min())
		}
	})
}

func ExampleEstimator() {
	digest, err := quantile.NewQDigest(0.01)
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
