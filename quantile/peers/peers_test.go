package peers_test

import (
	"slices"
	"testing"

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

// Every arm, with what is claimed of it.
var arms = []struct {
	name   string
	claims quantiletest.Claims
	fresh  func() quantile.Estimator
}{
	{"caio", quantiletest.Claims{Rank: 1}, func() quantile.Estimator { return must(peers.NewCaio()) }},
	// The smallest values are some thousand nanoseconds, and answers are whole.
	{"ddsketch", quantiletest.Claims{Value: 0.01 + 0.0001}, func() quantile.Estimator { return must(peers.NewDDSketch()) }},
	{"hdrhistogram-go", quantiletest.Claims{Value: 0.001}, func() quantile.Estimator { return peers.NewHDRHistogramGo() }},
	{"perks", quantiletest.Claims{Rank: 1}, func() quantile.Estimator { return peers.NewPerks() }},
	{"otel-exponential", quantiletest.Claims{Value: 0.05, Extremes: true}, func() quantile.Estimator { return peers.NewOTelExponential() }},
	{"prometheus-classic", quantiletest.Claims{Rank: 1}, func() quantile.Estimator { return peers.NewPrometheusClassic() }},
	{"prometheus-native", quantiletest.Claims{Value: 0.0906}, func() quantile.Estimator { return peers.NewPrometheusNative() }},
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
