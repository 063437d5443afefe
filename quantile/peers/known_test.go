package peers_test

import (
	"math"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/peers"
)

// An answer is the expected estimate of a quantile.
type answer struct {
	q    float64
	want time.Duration
}

// reproductions has the smallest input that shows each fault, and the estimates for it.
var reproductions = map[peers.Fault]struct {
	add     []time.Duration
	answers []answer
}{
	{Arm: "ddsketch", Rule: "one-value"}:        {[]time.Duration{50_001}, []answer{{0.5, 49_529}}},
	{Arm: "ddsketch", Rule: "monotone"}:         {[]time.Duration{2_210_705}, []answer{{1, 2_214_278}}},
	{Arm: "hdrhistogram-go", Rule: "one-value"}: {[]time.Duration{50_001}, []answer{{0, 49_984}, {0.5, 50_015}}},
	{Arm: "hdrhistogram-go", Rule: "huge"}:      {[]time.Duration{math.MaxInt64}, []answer{{0, 0}, {1, 0}}},
	{Arm: "hdrhistogram-go", Rule: "outliers"}: {[]time.Duration{1, 2, 3, 2 * time.Hour, 2 * time.Hour},
		[]answer{{0.5, 2}, {1, 3}}},
	{Arm: "hdrhistogram-go", Rule: "monotone"}: {[]time.Duration{2_210_705}, []answer{{1, 2_211_839}}},
	// The nearest rank of quantile 0.6 is 2 of 2 values, and 3 of 4.
	{Arm: "ddsketch", Rule: "ranks"}: {[]time.Duration{1000, 2000}, []answer{{0.6, 1002}}},
	{Arm: "ddsketch", Rule: "doubled"}: {[]time.Duration{1000, 1000, 2000, 2000},
		[]answer{{0.6, 1002}}},
	{Arm: "hdrhistogram-go", Rule: "ranks"}: {[]time.Duration{1000, 2000}, []answer{{0.6, 1000}}},
	{Arm: "hdrhistogram-go", Rule: "doubled"}: {[]time.Duration{1000, 1000, 2000, 2000},
		[]answer{{0.6, 1000}}},
	{Arm: "prometheus-classic", Rule: "one-value"}: {[]time.Duration{50_001}, []answer{{0.5, 2_500_000}}},
	{Arm: "prometheus-classic", Rule: "huge"}: {[]time.Duration{time.Hour},
		[]answer{{0.5, 10 * time.Second}}},
	{Arm: "prometheus-classic", Rule: "monotone"}: {[]time.Duration{1_000_000},
		[]answer{{0, 0}, {1, 5_000_000}}},
	{Arm: "prometheus-native", Rule: "one-value"}: {[]time.Duration{50_001},
		[]answer{{0, 47_065}, {1, 51_324}}},
	{Arm: "prometheus-native", Rule: "monotone"}: {[]time.Duration{2_210_705},
		[]answer{{0, 2_129_898}, {1, 2_322_670}}},
	{Arm: "prometheus-classic", Rule: "negative-is-zero"}: {[]time.Duration{-1}, []answer{{0.5, 2_500_000}}},
}

// shown has the faults that need more than a few values. Each has a test below.
var shown = []peers.Fault{
	{Arm: "perks", Rule: "claims"},
	{Arm: "perks", Rule: "claims-merged"},
	{Arm: "perks", Rule: "merge-order"},
	{Arm: "otel-exponential", Rule: "merge-empty"},
}

func TestEveryKnownFaultIsReproduced(t *testing.T) {
	reproduced := map[peers.Fault]bool{}
	for _, f := range shown {
		reproduced[f] = true
	}
	for f, r := range reproductions {
		reproduced[f] = true
		t.Run(f.Arm+"/"+f.Rule, func(t *testing.T) {
			e := fresh(t, f.Arm)
			for _, d := range r.add {
				e.Add(d)
			}
			for _, a := range r.answers {
				if got := e.Quantile(a.q); got != a.want {
					t.Errorf("with the values %d, Quantile(%v) = %d, want the faulty %d", r.add, a.q, got, a.want)
				}
			}
		})
	}
	for _, f := range peers.Known() {
		f.Why = ""
		if !reproduced[f] {
			t.Errorf("no test shows how %s breaks %s", f.Arm, f.Rule)
		}
		delete(reproduced, f)
	}
	for f := range reproduced {
		t.Errorf("a test shows how %s breaks %s, but Known does not list it", f.Arm, f.Rule)
	}
}

func fresh(t *testing.T, arm string) quantile.Estimator {
	t.Helper()
	for _, a := range arms {
		if a.name == arm {
			return a.fresh()
		}
	}
	t.Fatalf("no arm is called %s", arm)
	return nil
}

const many = 20_000

// The values fall from many to 1, and each is its own rank.
func TestPerksMissesItsMedianOnFallingValues(t *testing.T) {
	p := peers.NewPerks()
	for d := time.Duration(many); d > 0; d-- {
		p.Add(d)
	}
	if off := math.Abs(float64(p.Quantile(0.5))/many - 0.5); off <= peers.PerksTargets()[0.5] {
		t.Errorf("the rank error of p50 is %v, as claimed", off)
	}
}

// Value k of 1 to many is in shard k mod 64, so all shards are similar.
func TestPerksMissesItsTargetsOnceMerged(t *testing.T) {
	for name, order := range map[string]func(sum, next *peers.Perks) (into, from *peers.Perks){
		"into the first": func(sum, next *peers.Perks) (into, from *peers.Perks) { return sum, next },
		"into the next":  func(sum, next *peers.Perks) (into, from *peers.Perks) { return next, sum },
	} {
		t.Run(name, func(t *testing.T) {
			var sum *peers.Perks
			for s := range 64 {
				shard := peers.NewPerks()
				for d := s + 1; d <= many; d += 64 {
					shard.Add(time.Duration(d))
				}
				if s == 0 {
					sum = shard
					continue
				}
				into, from := order(sum, shard)
				if err := into.Merge(from); err != nil {
					t.Fatal(err)
				}
				sum = into
			}
			missed := 0
			for q, claimed := range peers.PerksTargets() {
				if off := math.Abs(float64(sum.Quantile(q))/many - q); off > claimed {
					missed++
				}
			}
			if missed == 0 {
				t.Error("the claim is met at every target")
			}
		})
	}
}

// A histogram that is empty or has only zeros has the scale 0, whose buckets are a factor of 2 wide.
func TestMergingNothingWidensTheBucketsOfOTel(t *testing.T) {
	zero := peers.NewOTelExponential()
	zero.Add(0)
	for name, other := range map[string]*peers.OTelExponential{"empty": peers.NewOTelExponential(),
		"with a zero": zero} {
		t.Run(name, func(t *testing.T) {
			e := peers.NewOTelExponential()
			for d := time.Duration(1000); d <= 1400; d++ {
				e.Add(d)
			}
			before := e.Quantile(0.5)
			if err := e.Merge(other); err != nil {
				t.Fatal(err)
			}
			// The values are in parts of two buckets, below and above 1,024.
			if after := e.Quantile(0.5); before < 1195 || before > 1205 || after < 1400 {
				t.Errorf("the median of 1000 to 1400 was %d, and is %d after merging", before, after)
			}
		})
	}
}

// A single value far from the others widens the buckets.
func TestOneFarValueWidensTheBucketsOfOTel(t *testing.T) {
	e := peers.NewOTelExponential()
	for range 100 {
		e.Add(1000)
		e.Add(1100)
	}
	before := e.Quantile(0.9)
	e.Add(math.MaxInt64)
	if after := e.Quantile(0.9); before < 1099 || before > 1101 || after < 1300 {
		t.Errorf("p90 of 1000 and 1100 was %d, and is %d after adding 292 years", before, after)
	}
}
