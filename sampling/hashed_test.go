package sampling_test

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
	"github.com/loadgen-go/loadgen/sampling"
)

func hashed(t testing.TB, o sampling.HashedOptions) *sampling.Hashed {
	t.Helper()
	s, err := sampling.NewHashed(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func fill(e quantile.Estimator, data []time.Duration) {
	for _, d := range data {
		e.Add(d)
	}
}

func exact(data []time.Duration) *quantile.Exact {
	e := quantile.NewExact(len(data))
	fill(e, data)
	return e
}

// The data sets of the suite have 20,000 values, of which about 400 are sampled. The largest of the rank
// errors that the suite checks may be 5 times the root mean square of the error of p50.
func TestAHashedSampleKeepsTheContract(t *testing.T) {
	for name, digest := range map[string]*quantile.QDigestOptions{"sorted": nil, "qdigest": {}} {
		t.Run(name, func(t *testing.T) {
			seed := uint64(0)
			quantiletest.Run(t, quantiletest.Claims{Rank: 5 * math.Sqrt(0.25/400), Value: 0.008, Extremes: true},
				func() quantile.Estimator {
					seed++
					return hashed(t, sampling.HashedOptions{Seed: seed, QDigest: digest})
				})
		})
	}
}

// signed returns the rank error of an estimate, with its sign.
func signed(truth *quantile.Exact, q float64, estimate time.Duration) float64 {
	e := truth.Error(q, estimate)
	return math.Copysign(e.Rank, float64(estimate-truth.Quantile(q)))
}

// checkSpread checks the rank errors of a sample over many seeds: their root mean square exceeds the
// theory for a sample of its size by at most a fifth, and they are not biased.
func checkSpread(t *testing.T, data []time.Duration, sample func(seed uint64) *sampling.Hashed) {
	t.Helper()
	const seeds = 120
	truth, size := exact(data), 0.0
	quantiles := []float64{0.1, 0.5, 0.85, 0.95}
	rms, bias := make([]float64, len(quantiles)), make([]float64, len(quantiles))
	for seed := range uint64(seeds) {
		s := sample(1000 * (seed + 1))
		size += float64(s.Sampled()) / seeds
		for i, q := range quantiles {
			e := signed(truth, q, s.Quantile(q))
			rms[i], bias[i] = rms[i]+e*e/seeds, bias[i]+e/seeds
		}
	}
	for i, q := range quantiles {
		theory := math.Sqrt(q * (1 - q) / size)
		if got := math.Sqrt(rms[i]); got > 1.2*theory || math.Abs(bias[i]) > theory/3 {
			t.Errorf("q = %v: rank error %.5f, bias %.5f; the theory for a sample of %.0f is %.5f", q, got, bias[i],
				size, theory)
		}
	}
}

func TestTheErrorOfAHashedSampleIsThatOfASampleOfItsSize(t *testing.T) {
	for _, set := range []string{"lognormal", "sorted", "reversed", "drift", "gc-pause"} {
		t.Run(set, func(t *testing.T) {
			data := dataset(t, set, 50_000)
			checkSpread(t, data, func(seed uint64) *sampling.Hashed {
				s := hashed(t, sampling.HashedOptions{Seed: seed})
				fill(s, data)
				return s
			})
		})
	}
}

// The error of the article's pipeline is hardly more than the error of its sample.
func TestAQDigestOfTheSampleAnswersLikeTheSample(t *testing.T) {
	for _, set := range []string{"lognormal", "bimodal", "drift"} {
		t.Run(set, func(t *testing.T) {
			data := dataset(t, set, 50_000)
			checkSpread(t, data, func(seed uint64) *sampling.Hashed {
				s := hashed(t, sampling.HashedOptions{Seed: seed, QDigest: &quantile.QDigestOptions{}})
				fill(s, data)
				return s
			})
		})
	}
}

func TestTheErrorOfMergedSamplesIsThatOfOne(t *testing.T) {
	const n, shards = 50_000, 64
	data := quantiletest.Lognormal(n)
	checkSpread(t, data, func(seed uint64) *sampling.Hashed {
		merged := hashed(t, sampling.HashedOptions{Seed: seed})
		for i, shard := range slices.Collect(slices.Chunk(data, n/shards+1)) {
			s := hashed(t, sampling.HashedOptions{Seed: seed + uint64(i) + 1})
			fill(s, shard)
			if err := merged.Merge(s); err != nil {
				t.Fatal(err)
			}
		}
		return merged
	})
}

func dataset(t *testing.T, name string, n int) []time.Duration {
	t.Helper()
	set, err := quantiletest.Named(name)
	if err != nil {
		t.Fatal(err)
	}
	return set.Make(n)
}

func TestTheLargestValuesAreExact(t *testing.T) {
	const n = 200_000
	for _, set := range quantiletest.Datasets() {
		t.Run(set.Name, func(t *testing.T) {
			data := set.Make(n)
			s, truth := hashed(t, sampling.HashedOptions{Seed: 1}), exact(data)
			fill(s, data)
			from := 1 - 4*math.Sqrt(n)/n
			if set.Name == "reversed" || set.Name == "constant" {
				from = 1 - 256.0/n // the values fall or never rise
			}
			if s.ExactFrom() > from {
				t.Errorf("exact from %v, want at most %v", s.ExactFrom(), from)
			}
			for _, q := range []float64{s.ExactFrom() + 0.5/n, (1 + s.ExactFrom()) / 2, 1 - 1.0/n, 1} {
				if got, want := s.Quantile(q), truth.Quantile(q); got != want {
					t.Errorf("Quantile(%v) = %v, want %v", q, got, want)
				}
			}
		})
	}
}

// Shards of sorted data follow one another: all values of the last are above the others.
func TestMergedInOrderTheLargestAreThoseOfTheLastShard(t *testing.T) {
	const n, shards = 64_000, 8
	data := dataset(t, "sorted", n)
	merged := hashed(t, sampling.HashedOptions{Seed: 1})
	for i, shard := range slices.Collect(slices.Chunk(data, n/shards)) {
		s := hashed(t, sampling.HashedOptions{Seed: uint64(i + 2)})
		fill(s, shard)
		if err := merged.Merge(s); err != nil {
			t.Fatal(err)
		}
	}
	truth := exact(data)
	if from := merged.ExactFrom(); from < 1-2*256.0/n-1e-9 && from < 1-4*2*math.Sqrt(n/shards)/n {
		t.Errorf("exact from %v, more than the shards allow", from)
	}
	for _, q := range []float64{merged.ExactFrom() + 0.5/n, 0.9999, 1} {
		if got, want := merged.Quantile(q), truth.Quantile(q); got != want {
			t.Errorf("Quantile(%v) = %v, want %v", q, got, want)
		}
	}
}

// Of the values equal to the floor, some are among the largest, and all are in the sampled population.
// They must not count twice.
func TestTiesAtTheFloorCountOnce(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 1))
	data := make([]time.Duration, 50_000)
	for i := range data { // a tenth are at least 10 ms, and nearly all of these are 10 ms
		switch x := r.Float64(); {
		case x < 0.0005:
			data[i] = 11 * time.Millisecond
		case x < 0.1:
			data[i] = 10 * time.Millisecond
		default:
			data[i] = time.Duration(1 + r.IntN(9_000_000))
		}
	}
	checkSpread(t, data, func(seed uint64) *sampling.Hashed {
		s := hashed(t, sampling.HashedOptions{Seed: seed, Tail: 8})
		fill(s, data)
		if p95, p9999 := s.Quantile(0.95), s.Quantile(0.9999); p95 != 10*time.Millisecond ||
			p9999 != 11*time.Millisecond {
			t.Fatalf("p95 = %v, want 10 ms; p99.99 = %v, want 11 ms", p95, p9999)
		}
		return s
	})
}

// The listing of the article fails on these data sets.
func TestNothingPeriodicResonatesAndDriftIsSeen(t *testing.T) {
	const n = 1 << 20
	for _, c := range []struct {
		set   string
		q     float64
		wrong func(dws, truth time.Duration) bool
	}{
		{"spike-every-1024", 0.5, func(dws, truth time.Duration) bool { return dws > 100*truth }},
		{"spike-every-1024", 0.99, func(dws, truth time.Duration) bool { return dws > 100*truth }},
		{"drift", 0.5, func(dws, truth time.Duration) bool { return dws < truth/3 }},
	} {
		t.Run(fmt.Sprintf("%s, q=%v", c.set, c.q), func(t *testing.T) {
			data := dataset(t, c.set, n)
			truth, listing, s := exact(data), sampling.NewDWS(), hashed(t, sampling.HashedOptions{Seed: 1})
			fill(listing, data)
			fill(s, data)
			if dws, want := listing.Quantile(c.q), truth.Quantile(c.q); !c.wrong(dws, want) {
				t.Errorf("the listing returns %v instead of %v, but is documented to be wrong", dws, want)
			}
			if miss := truth.Error(c.q, s.Quantile(c.q)).Rank; miss > 4*math.Sqrt(c.q*(1-c.q)/2000) {
				t.Errorf("rank error %.4f", miss)
			}
		})
	}
}

func TestAHashedSampleTakesAsMuchAsItSays(t *testing.T) {
	for _, n := range []int{1000, 30_000, 1_000_000} {
		for name, o := range map[string]sampling.HashedOptions{
			"default":                  {Seed: 1},
			"large sample, small tail": {Seed: 1, Sample: 16, Tail: 1},
		} {
			t.Run(fmt.Sprintf("%d values, %s", n, name), func(t *testing.T) {
				s := hashed(t, o)
				fill(s, quantiletest.Lognormal(n))
				c, tail := max(o.Sample, 4), 4.0
				if o.Tail > 0 {
					tail = o.Tail
				}
				root := math.Sqrt(float64(n))
				sample, largest := max(256, c*root), max(256, tail*root)
				bound := 9*(9*sample/8+1) + 16*(largest+1)
				if got := float64(s.StateBytes()); got > bound {
					t.Errorf("%v B, want at most %v", got, bound)
				}
				s.Quantile(0.5)
				if got := float64(s.StateBytes()); got > bound+8*(sample+1) {
					t.Errorf("%v B after Quantile, want at most %v", got, bound+8*(sample+1))
				}
				if got := float64(s.Sampled()); n > 1000 && (got > sample || got < sample/3) {
					t.Errorf("%v values are sampled", got)
				}
			})
		}
	}
}

func TestUpToTheLeastKeptEverythingIsExact(t *testing.T) {
	data := quantiletest.Lognormal(511)
	s, truth := hashed(t, sampling.HashedOptions{}), exact(data)
	fill(s, data)
	for i := range 1001 {
		if q := float64(i) / 1000; s.Quantile(q) != truth.Quantile(q) {
			t.Fatalf("Quantile(%v) = %v, want %v", q, s.Quantile(q), truth.Quantile(q))
		}
	}
	if s.ExactFrom() != 0 || s.Count() != 511 || s.Min() != truth.Quantile(0) || s.Max() != truth.Quantile(1) {
		t.Errorf("exact from %v, count %d, %v to %v", s.ExactFrom(), s.Count(), s.Min(), s.Max())
	}
}

func TestSamplesWithOneSeedOrOtherOptionsDoNotMerge(t *testing.T) {
	s := hashed(t, sampling.HashedOptions{Seed: 1})
	for want, o := range map[string]sampling.HashedOptions{
		"both have seed 1":  {Seed: 1},
		"Sample is 5 and 4": {Seed: 2, Sample: 5},
		"Tail 5 and 4":      {Seed: 2, Tail: 5},
		"their q-digests":   {Seed: 2, QDigest: &quantile.QDigestOptions{}},
	} {
		t.Run(want, func(t *testing.T) {
			if err := s.Merge(hashed(t, o)); !errors.Is(err, quantile.ErrMerge) ||
				!strings.Contains(err.Error(), want) {
				t.Errorf("%+v: %v", o, err)
			}
		})
	}
	// By default, seeds are different.
	if err := hashed(t, sampling.HashedOptions{}).Merge(hashed(t, sampling.HashedOptions{})); err != nil {
		t.Error(err)
	}
}

// A seed is checked for all values that were ever merged, not only for the two samples.
func TestValuesOfOneSeedDoNotMergeInAnyTree(t *testing.T) {
	seeded := func(seed uint64) *sampling.Hashed {
		s := hashed(t, sampling.HashedOptions{Seed: seed})
		s.Add(time.Millisecond)
		return s
	}
	merged := func(s *sampling.Hashed, others ...*sampling.Hashed) *sampling.Hashed {
		for _, o := range others {
			if err := s.Merge(o); err != nil {
				t.Fatal(err)
			}
		}
		return s
	}
	twice := seeded(2)
	for name, c := range map[string]struct{ into, from *sampling.Hashed }{
		"siblings": {merged(seeded(1), seeded(2)), seeded(2)},
		"cousins": {merged(seeded(1), merged(seeded(3), seeded(2))),
			merged(seeded(4), merged(seeded(5), seeded(2)))},
		"its own":         {seeded(1), merged(seeded(2), seeded(1))},
		"the same":        {merged(seeded(1), twice), twice},
		"one of many":     {merged(seeded(1), seeded(2), seeded(9), seeded(4)), merged(seeded(5), seeded(9))},
		"into the merged": {seeded(2), merged(seeded(1), seeded(2))},
	} {
		t.Run(name, func(t *testing.T) {
			before := c.into.Count()
			if err := c.into.Merge(c.from); !errors.Is(err, quantile.ErrMerge) ||
				!strings.Contains(err.Error(), "both hold values of seed ") || c.into.Count() != before {
				t.Errorf("%v, %d values", err, c.into.Count())
			}
		})
	}
	if n := merged(seeded(1), merged(seeded(3), seeded(2)), merged(seeded(4), seeded(5))).Count(); n != 5 {
		t.Errorf("%d values", n)
	}
}

// RankError of a single sample is the root mean square of the errors of many.
func TestRankErrorIsTheErrorOfManyDraws(t *testing.T) {
	data := quantiletest.Lognormal(50_000)
	truth := exact(data)
	for _, q := range []float64{0.1, 0.5, 0.9} {
		t.Run(strconv.FormatFloat(q, 'g', -1, 64), func(t *testing.T) {
			const draws = 200
			var squares, claimed float64
			for seed := range uint64(draws) {
				s := hashed(t, sampling.HashedOptions{Seed: 1000 * (seed + 1)})
				fill(s, data)
				miss := truth.Error(q, s.Quantile(q)).Rank
				squares += miss * miss / draws
				claimed += s.RankError(q) / draws
			}
			if rms := math.Sqrt(squares); rms > 1.2*claimed || rms < claimed/1.2 {
				t.Errorf("the error is %.5f, RankError returns %.5f", rms, claimed)
			}
		})
	}
	few := hashed(t, sampling.HashedOptions{Seed: 1})
	fill(few, data[:200])
	if few.RankError(0.5) != 0 {
		t.Errorf("with all values in the sample, RankError is %v, want 0", few.RankError(0.5))
	}
}

func TestEverythingThatIsWrongWithTheOptionsIsReported(t *testing.T) {
	_, err := sampling.NewHashed(sampling.HashedOptions{Sample: -1, Tail: math.NaN(),
		QDigest: &quantile.QDigestOptions{Epsilon: 2}})
	if err == nil || !strings.Contains(err.Error(), "HashedOptions.Sample is -1: want more than 0") ||
		!strings.Contains(err.Error(), "HashedOptions.Tail is NaN") || !strings.Contains(err.Error(), "Epsilon is 2") {
		t.Error(err)
	}
	if _, err := sampling.NewHashed(sampling.HashedOptions{Sample: math.Inf(1)}); err == nil {
		t.Error("an infinite Sample was accepted")
	}
}

// BenchmarkHashedAdd measures Add of a value, averaged over a million.
func BenchmarkHashedAdd(b *testing.B) {
	data := quantiletest.Lognormal(1_000_000)
	for b.Loop() {
		s := hashed(b, sampling.HashedOptions{})
		for _, d := range data {
			s.Add(d)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(len(data)), "insert-ns/op")
}
