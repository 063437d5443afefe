package results_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
)

func TestAPercentileIsNamedExactly(t *testing.T) {
	for want, q := range map[string]float64{
		"p0": 0, "p50": 0.5, "p7": 0.07, "p29": 0.29, "p99.9": 0.999, "p99.99999999999999": 0.9999999999999999,
		"p100": 1, "p0.1": 0.001,
		"p0.000000000000001": 1e-17,
	} {
		t.Run(want, func(t *testing.T) {
			if got := record.PercentileName(q); got != want {
				t.Errorf("%v is %s", q, got)
			}
		})
	}
}
