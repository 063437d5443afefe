package estimators_test

import (
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
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

func TestAnUnknownArmIsAnErrorThatNamesTheKnownOnes(t *testing.T) {
	if _, err := estimators.New("digest"); err == nil || !strings.Contains(err.Error(), "dws+qdigest") {
		t.Errorf("error is %v", err)
	}
}
