package estimators_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/quantile/peers"
	"github.com/loadgen-go/loadgen/sampling"
)

func TestEveryArmIsAFreshEstimator(t *testing.T) {
	for _, a := range estimators.Arms() {
		t.Run(a.Name, func(t *testing.T) {
			first, err := estimators.New(a.Name, 0)
			if err != nil {
				t.Fatal(err)
			}
			first.Add(time.Second)
			second, err := estimators.New(a.Name, 0)
			if err != nil || second.Quantile(1) != 0 {
				t.Errorf("the second estimator has the values of the first (%v)", err)
			}
			if _, ok := first.(quantile.Sizer); !ok || a.About == "" {
				t.Error("is no Sizer, or About is empty")
			}
		})
	}
}

// Only estimators of the same type with the same options can be merged. So an arm that merges the expected
// estimator has the expected type and options.
func TestEveryArmIsWhatItsNameSays(t *testing.T) {
	want := map[string]func() (quantile.Estimator, error){
		"exact":   func() (quantile.Estimator, error) { return quantile.NewExact(0), nil },
		"hdr":     func() (quantile.Estimator, error) { return quantile.NewHDR(), nil },
		"tdigest": func() (quantile.Estimator, error) { return quantile.NewTDigest(), nil },
		"qdigest": func() (quantile.Estimator, error) {
			return quantile.NewQDigest(quantile.QDigestOptions{Epsilon: 0.1, MantissaBits: 7})
		},
		"qdigest-textbook": func() (quantile.Estimator, error) { return quantile.NewTextbookQDigest(0.01) },
		"dws-hash":         func() (quantile.Estimator, error) { return sampling.NewHashed(sampling.HashedOptions{}) },
		"dws-hash+qdigest": func() (quantile.Estimator, error) {
			return sampling.NewHashed(sampling.HashedOptions{QDigest: &quantile.QDigestOptions{}})
		},
		"dws":         func() (quantile.Estimator, error) { return sampling.NewDWS(), nil },
		"dws+qdigest": func() (quantile.Estimator, error) { return sampling.NewDWSQDigest(0.01) },

		"caio":               func() (quantile.Estimator, error) { return peers.NewCaio() },
		"ddsketch":           func() (quantile.Estimator, error) { return peers.NewDDSketch() },
		"hdrhistogram-go":    func() (quantile.Estimator, error) { return peers.NewHDRHistogramGo(), nil },
		"perks":              func() (quantile.Estimator, error) { return peers.NewPerks(), nil },
		"otel-exponential":   func() (quantile.Estimator, error) { return peers.NewOTelExponential(), nil },
		"prometheus-classic": func() (quantile.Estimator, error) { return peers.NewPrometheusClassic(), nil },
		"prometheus-native":  func() (quantile.Estimator, error) { return peers.NewPrometheusNative(), nil },
	}
	for _, a := range estimators.Arms() {
		t.Run(a.Name, func(t *testing.T) {
			arm, err := estimators.New(a.Name, 0)
			if err != nil {
				t.Fatal(err)
			}
			if want[a.Name] == nil {
				t.Errorf("the test has no estimator for %s", a.Name)
				return
			}
			known, err := want[a.Name]()
			if err != nil {
				t.Fatal(err)
			}
			if err := arm.Merge(known); err != nil {
				t.Errorf("is not the expected estimator: %v", err)
			}
		})
	}
}

// Only the estimators of this module are compared by default.
func TestPeersAreMarkedAndComeLast(t *testing.T) {
	known := map[string]bool{}
	for _, f := range peers.Known() {
		known[f.Arm] = true
	}
	ours := true
	for _, a := range estimators.Arms() {
		e, err := estimators.New(a.Name, 0)
		if err != nil {
			t.Fatal(err)
		}
		if peer := strings.HasPrefix(fmt.Sprintf("%T", e), "*peers."); peer != a.Peer {
			t.Errorf("%s is a %T, but Peer is %v", a.Name, e, a.Peer)
		}
		if ours = ours && !a.Peer; !ours && !a.Peer {
			t.Errorf("%s is of this module, but comes after a peer", a.Name)
		}
		delete(known, a.Name)
	}
	for name := range known {
		t.Errorf("Known has a fault of %s, which is no arm", name)
	}
}

func TestAnUnknownArmIsAnErrorThatNamesTheKnownOnes(t *testing.T) {
	if _, err := estimators.New("digest", 0); err == nil || !strings.Contains(err.Error(), "dws+qdigest") {
		t.Errorf("error is %v", err)
	}
}
