package sampling_test

import (
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
	"github.com/loadgen-go/loadgen/sampling"
)

func pipeline() quantile.Estimator {
	s, err := sampling.NewDWSQDigest(0.01)
	if err != nil {
		panic(err)
	}
	return s
}

// The samplers make no claim about their error. The article has none either; the tests below measure it.
func TestSamplersKeepTheContract(t *testing.T) {
	none := quantiletest.Claims{Rank: 1}
	t.Run("dws", func(t *testing.T) {
		quantiletest.Run(t, none, func() quantile.Estimator { return sampling.NewDWS() })
	})
	t.Run("dws+qdigest", func(t *testing.T) { quantiletest.Run(t, none, pipeline) })
}

func TestDWSKeepsIndexZeroAndThePowersOfTwo(t *testing.T) {
	s := sampling.NewDWS()
	for i := range 20 {
		s.Add(time.Duration(i))
	}
	want := []time.Duration{0, 1, 2, 4, 8, 16}
	for i, w := range want {
		if got := s.Quantile((float64(i) + 0.5) / float64(len(want))); got != w {
			t.Errorf("kept value %d is %d, want %d", i, got, w)
		}
	}
}

func TestDWSMergedGoesOnCountingWhereBothEnd(t *testing.T) {
	s, other := sampling.NewDWS(), sampling.NewDWS()
	for range 5 {
		s.Add(0)
	}
	for range 3 {
		other.Add(0)
	}
	if err := s.Merge(other); err != nil {
		t.Fatal(err)
	}
	s.Add(1) // has index 8
	s.Add(2) // has index 9
	if got := s.Quantile(1); got != 1 {
		t.Errorf("the last kept value is %d, want 1", got)
	}
}

// The package comment states these numbers.
func TestDWSRankErrorIsWhatIsDocumented(t *testing.T) {
	const n, seeds = 1_000_000, 60
	documented := map[float64]float64{0.5: 0.11, 0.99: 0.06}
	sum := map[float64]float64{}
	for seed := range uint64(seeds) {
		r, s := rand.New(rand.NewPCG(seed, 0)), sampling.NewDWS()
		for i := range n {
			var d time.Duration
			if i&(i-1) == 0 { // the others are only counted, so they need not be drawn
				d = time.Duration(r.IntN(n))
			}
			s.Add(d)
		}
		for q := range documented {
			miss := float64(s.Quantile(q))/n - q
			sum[q] += miss * miss
		}
	}
	for q, want := range documented {
		if rms := math.Sqrt(sum[q] / seeds); math.Abs(rms-want) > 0.02 {
			t.Errorf("the rank error of p%v is %.3f, documented is %.2f", 100*q, rms, want)
		}
	}
}

func TestDWSResonatesWithPowersOfTwo(t *testing.T) {
	data := dataset(t, "spike-every-1024", 1_000_000)
	for name, s := range map[string]quantile.Estimator{"dws": sampling.NewDWS(), "dws+qdigest": pipeline()} {
		t.Run(name, func(t *testing.T) {
			truth := exact(data)
			fill(s, data)
			if got, want := s.Quantile(0.9), truth.Quantile(0.9); got < 100*want {
				t.Errorf("p90 is %v, the exact value is %v: the article's rule no longer resonates", got, want)
			}
		})
	}
}
