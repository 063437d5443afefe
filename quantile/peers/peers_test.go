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

// must is for constructors that fail for bad parameters only, of which there are none.
func must[E quantile.Estimator](e E, err error) quantile.Estimator {
	if err != nil {
		panic(err)
	}
	return e
}

// oneRank is one of the 20,000 values of the suite's data: by so much a definition of
// a quantile differs from the nearest rank that takes the next one, or a value between.
const oneRank = 1.0 / 20_000

// atTargets is what perks claims: nothing but at its targets.
func atTargets(q float64) float64 {
	if most, ok := peers.PerksTargets()[q]; ok {
		return most + oneRank
	}
	return 1
}

// Every arm, with what is claimed of it.
var arms = []struct {
	name   string
	claims quantiletest.Claims
	fresh  func() quantile.Estimator
}{
	{"caio", quantiletest.Claims{Rank: 0.005}, func() quantile.Estimator { return must(peers.NewCaio()) }},
	// The smallest values are some thousand nanoseconds, and answers are whole.
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
	for _, f := range peers.Known {
		known[f.Arm] = append(known[f.Arm], f.Rule)
		if f.Why == "" {
			t.Errorf("%s breaks %s for no reason", f.Arm, f.Rule)
		}
	}
	for _, a := range arms {
		t.Run(a.name, func(t *testing.T) {
			broken, want := quantiletest.Violations(a.claims, a.fresh), known[a.name]
			if !slices.Equal(broken, want) {
				t.Errorf("breaks %q, known are %q", broken, want)
			}
		})
	}
}

// The libraries do not tell what they take, so that most sizes are reckoned.
func TestStateBytesAreThoseOfTheHeap(t *testing.T) {
	data := quantiletest.Lognormal(5000)
	for _, a := range arms {
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
		told := kept[0].(quantile.Sizer).StateBytes()
		t.Logf("%s holds %d B and tells %d", a.name, held, told)
		if told > 2*held || held > 2*told {
			t.Errorf("%s holds %d B and tells %d: want it within a factor of 2", a.name, held, told)
		}
		runtime.KeepAlive(kept)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC() // what the first one found in pools
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// histogram_quantile as Prometheus documents it: linear from bound to bound, the
// first bucket from 0, and past the last bound that bound.
func TestTheClassicHistogramInterpolatesLinearly(t *testing.T) {
	p := peers.NewPrometheusClassic()
	for range 10 { // 10 up to 5 ms, 20 in (25 ms, 50 ms], 10 past 10 s
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

// Eight buckets to a factor of two, sought from the nearer end and interpolated in
// their logarithms; 1 s is the upper end of its bucket.
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
		0.5:   seconds(1 - 1.0/8), // from above: the lower end of the next
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
		one, two := a.fresh(), a.fresh()
		for _, d := range quantiletest.Lognormal(5000) {
			one.Add(d)
			two.Add(d)
		}
		for i := range 101 {
			if q := float64(i) / 100; one.Quantile(q) != two.Quantile(q) {
				t.Errorf("%s: Quantile(%v) is %v and %v", a.name, q, one.Quantile(q), two.Quantile(q))
			}
		}
	}
}

// Which of ten values is meant is where the libraries differ from one another, and
// from [quantile.Rank], the least whole number that is not below q*n.
func TestTheRankThatAQuantileMeansIsTheLibrarys(t *testing.T) {
	for _, c := range []struct {
		arm  string
		q    float64
		rank time.Duration
	}{
		{"hdrhistogram-go", 0.44, 4}, // int(4.4 + 0.5)
		{"hdrhistogram-go", 0.46, 5},
		{"ddsketch", 0.44, 4}, // floor(0.44 * 9) + 1
		{"ddsketch", 0.45, 5},
	} {
		e := fresh(t, c.arm)
		for rank := range time.Duration(10) {
			e.Add(1000 * (rank + 1))
		}
		if got := (e.Quantile(c.q) + 500) / 1000; got != c.rank {
			t.Errorf("%s: Quantile(%v) has rank %d, want %d", c.arm, c.q, got, c.rank)
		}
	}
}

// Where buckets do not depend on the data, what is merged answers as one that was
// given everything.
func TestHistogramsAreMergedByAddingThemUp(t *testing.T) {
	for _, arm := range []string{"ddsketch", "hdrhistogram-go", "prometheus-classic", "prometheus-native"} {
		all, merged := fresh(t, arm), fresh(t, arm)
		for i, d := range quantiletest.Lognormal(1000) {
			d *= time.Duration(i) // up to seconds, and one of them 0
			all.Add(d)
			one := fresh(t, arm)
			one.Add(d)
			if i%2 == 0 {
				merged.Add(d)
			} else if err := merged.Merge(one); err != nil {
				t.Fatal(err)
			}
		}
		for i := range 101 {
			if q := float64(i) / 100; all.Quantile(q) != merged.Quantile(q) {
				t.Errorf("%s: Quantile(%v) is %v, merged %v", arm, q, all.Quantile(q), merged.Quantile(q))
			}
		}
	}
}
