package estimators_test

import (
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/sampling"
)

func TestEveryArmIsAFreshEstimator(t *testing.T) {
	for _, a := range estimators.Arms {
		one, err := estimators.New(a.Name)
		if err != nil {
			t.Fatal(err)
		}
		one.Add(time.Second)
		two, err := estimators.New(a.Name)
		if err != nil || two.Quantile(1) != 0 {
			t.Errorf("%s: the second holds what the first was given (%v)", a.Name, err)
		}
		if _, ok := one.(quantile.Sizer); !ok || a.About == "" {
			t.Errorf("%s does not tell its size, or is about nothing", a.Name)
		}
	}
}

// Only estimators of one kind, set up alike, merge: an arm that merges what its
// name stands for is that, with the epsilon documented.
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
	}
	for _, a := range estimators.Arms {
		arm, err := estimators.New(a.Name)
		if err != nil {
			t.Fatal(err)
		}
		if want[a.Name] == nil {
			t.Errorf("nothing is said of what %s is", a.Name)
			continue
		}
		known, err := want[a.Name]()
		if err != nil {
			t.Fatal(err)
		}
		if err := arm.Merge(known); err != nil {
			t.Errorf("%s is something else: %v", a.Name, err)
		}
	}
}

func TestAnUnknownArmIsAnErrorThatNamesTheKnownOnes(t *testing.T) {
	if _, err := estimators.New("digest"); err == nil || !strings.Contains(err.Error(), "dws+qdigest") {
		t.Errorf("error is %v", err)
	}
}
