package quantiletest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
)

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
