package peers_test

import (
	"math"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/peers"
	"github.com/loadgen-go/loadgen/quantile/quantiletest"
)

// must returns e. The constructors fail only for invalid parameters, and have none.
func must[E quantile.Estimator](e E, err error) quantile.Estimator {
	if err != nil {
		panic(err)
	}
	return e
}

// oneRank is the share of one of the 20,000 values in a data set of the suite. It is the error of a
// definition of the quantile that takes the value after the nearest rank, or one between.
const oneRank = 1.0 / 20_000

// atTargets returns the rank error that perks claims: it claims nothing except at its targets.
func atTargets(q float64) float64 {
	if most, ok := peers.PerksTargets()[q]; ok {
		return most + oneRank
	}
	return 1
}

// arms has every arm with its claims.
var arms = []struct {
	name   string
	claims quantiletest.Claims
	fresh  func() quantile.Estimator
}{
	{"caio", quantiletest.Claims{Rank: 0.005}, func() quantile.Estimator { return must(peers.NewCaio()) }},
	// The smallest values are some thousand nanoseconds, and estimates are rounded to nanoseconds.
	{"ddsketch", quantiletest.Claims{Value: 0.01 + 0.0001},
		func() quantile.Estimator { return must(peers.NewDDSketch()) }},
	{"hdrhistogram-go", quantiletest.Claims{Value: 0.001},
		func() quantile.Estimator { return peers.NewHDRHistogramGo() }},
	{"perks", quantiletest.Claims{RankAt: atTargets}, func() quantile.Estimator { return peers.NewPerks() }},
	{"otel-exponential", quantiletest.Claims{Rank: oneRank, Value: 0.05, Extremes: true},
		func() quantile.Estimator { return peers.NewOTelExponential() }},
	{"prometheus-classic", quantiletest.Claims{Rank: 1},
		func() quantile.Estimator { return peers.NewPrometheusClassic() }},
	{"prometheus-native", quantiletest.Claims{Rank: oneRank, Value: 0.0906},
		func() quantile.Estimator { return peers.NewPrometheusNative() }},
}

func TestEveryPeerBreaksTheRulesThatAreKnownAndNoOther(t *testing.T) {
	known := map[string][]string{}
	for _, f := range peers.Known() {
		known[f.Arm] = append(known[f.Arm], f.Rule)
		if f.Why == "" {
			t.Errorf("%s breaks %s, but Why is empty", f.Arm, f.Rule)
		}
	}
	for _, a := range arms {
		t.Run(a.name, func(t *testing.T) {
			broken, want := quantiletest.Violations(a.claims, a.fresh), known[a.name]
			if !slices.Equal(broken, want) {
				t.Errorf("breaks the rules %q, Known lists %q", broken, want)
			}
		})
	}
}

// Most libraries do not report their memory, so StateBytes estimates it.
func TestStateBytesAreThoseOfTheHeap(t *testing.T) {
	data := quantiletest.Lognormal(5000)
	for _, a := range arms {
		t.Run(a.name, func(t *testing.T) {
			const several = 100
			kept := make([]quantile.Estimator, several)
			before := heap()
			for i := range kept {
				kept[i] = a.fresh()
				for _, d := range data {
					kept[i].Add(d)
				}
			}
			held := int(heap()-before) / several
			reported := kept[0].(quantile.Sizer).StateBytes()
			t.Logf("the heap holds %d B, StateBytes is %d", held, reported)
			if reported > 2*held || held > 2*reported {
				t.Errorf("the heap holds %d B, StateBytes is %d: want it within a factor of 2", held, reported)
			}
			runtime.KeepAlive(kept)
		})
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // frees what the first one left in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// As documented for histogram_quantile, interpolation is linear between bounds, the first bucket begins
// at 0, and above the last bound the quantile is that bound.
func TestTheClassicHistogramInterpolatesLinearly(t *testing.T) {
	p := peers.NewPrometheusClassic()
	for range 10 { // 10 up to 5 ms, 20 in (25 ms, 50 ms], 10 above 10 s
		p.Add(time.Millisecond)
		p.Add(30 * time.Millisecond)
		p.Add(30 * time.Millisecond)
		p.Add(time.Minute)
	}
	for q, want := range map[float64]time.Duration{
		0.125: 2500 * time.Microsecond,
		0.25:  5 * time.Millisecond,
		0.5:   37500 * time.Microsecond,
		0.75:  50 * time.Millisecond,
		0.76:  10 * time.Second,
		1:     10 * time.Second,
	} {
		if got := p.Quantile(q); got != want {
			t.Errorf("Quantile(%v) = %v, want %v", q, got, want)
		}
	}
}

// There are eight buckets for a factor of two. The bucket is found from the nearer end, and logarithms are
// interpolated. 1 s is the upper end of its bucket.
func TestTheNativeHistogramInterpolatesExponentially(t *testing.T) {
	p := peers.NewPrometheusNative()
	for range 10 {
		p.Add(0)
		p.Add(time.Second)
		p.Add(2 * time.Second)
		p.Add(8 * time.Second)
	}
	seconds := func(exponent float64) time.Duration {
		return time.Duration(math.Round(1e9 * math.Exp2(exponent)))
	}
	for q, want := range map[float64]time.Duration{
		0.1:   0,
		0.25:  0,
		0.375: seconds(-1.0 / 16),
		0.5:   seconds(1 - 1.0/8), // found from above: the lower end of the next bucket
		0.625: seconds(1 - 1.0/16),
		1:     seconds(3),
	} {
		if got := p.Quantile(q); got < want-1 || got > want+1 {
			t.Errorf("Quantile(%v) = %d, want %d", q, got, want)
		}
	}
}

func TestTheSameValuesInTheSameOrderGiveTheSameAnswers(t *testing.T) {
	for _, a := range arms {
		t.Run(a.name, func(t *testing.T) {
			first, second := a.fresh(), a.fresh()
			for _, d := range quantiletest.Lognormal(5000) {
				first.Add(d)
				second.Add(d)
			}
			for i := range 101 {
				if q := float64(i) / 100; first.Quantile(q) != second.Quantile(q) {
					t.Errorf("Quantile(%v) is %v and %v", q, first.Quantile(q), second.Quantile(q))
				}
			}
		})
	}
}

// The libraries have different definitions of the rank of a quantile. They also differ from
// [quantile.Rank], the least integer that is not below q*n.
func TestTheRankOfAQuantileIsTheLibrarys(t *testing.T) {
	for _, c := range []struct {
		name, arm string
		q         float64
		rank      time.Duration
	}{
		{"hdrhistogram-go rounds q*n down", "hdrhistogram-go", 0.44, 4}, // int(4.4 + 0.5)
		{"hdrhistogram-go rounds q*n up", "hdrhistogram-go", 0.46, 5},
		{"ddsketch rounds q*(n-1) down", "ddsketch", 0.44, 4}, // floor(0.44 * 9) + 1
		{"ddsketch adds 1", "ddsketch", 0.45, 5},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := fresh(t, c.arm)
			for rank := range time.Duration(10) {
				e.Add(1000 * (rank + 1))
			}
			if got := (e.Quantile(c.q) + 500) / 1000; got != c.rank {
				t.Errorf("Quantile(%v) has rank %d, want %d", c.q, got, c.rank)
			}
		})
	}
}

// If the buckets do not depend on the data, a merged estimator has the same estimates as one to which all
// values were added.
func TestHistogramsAreMergedByAddingThemUp(t *testing.T) {
	for _, arm := range []string{"ddsketch", "hdrhistogram-go", "prometheus-classic", "prometheus-native"} {
		t.Run(arm, func(t *testing.T) {
			whole, merged := fresh(t, arm), fresh(t, arm)
			for i, d := range quantiletest.Lognormal(1000) {
				d *= time.Duration(i) // up to seconds, and one value is 0
				whole.Add(d)
				single := fresh(t, arm)
				single.Add(d)
				if i%2 == 0 {
					merged.Add(d)
				} else if err := merged.Merge(single); err != nil {
					t.Fatal(err)
				}
			}
			for i := range 101 {
				if q := float64(i) / 100; whole.Quantile(q) != merged.Quantile(q) {
					t.Errorf("Quantile(%v) is %v, merged %v", q, whole.Quantile(q), merged.Quantile(q))
				}
			}
		})
	}
}
