package comparison_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/results/comparison"
)

func FuzzParseMargin(f *testing.F) {
	for _, text := range []string{"B/op=2%", "p99-latency-ns=50us", "allocs/op=1", "=", "x=-1", "x=NaN", "x=1e999%"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if unit, _, err := comparison.ParseMargin(text); err == nil && unit == "" {
			t.Errorf("%q is a margin of no unit", text)
		}
	})
}

func FuzzParseBetter(f *testing.F) {
	for _, text := range []string{"errors/s=lower", "hits/op=higher", "=lower", "x=", "x=y=lower"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if unit, d, err := comparison.ParseBetter(text); (err == nil) != (unit != "" && d != comparison.Neither) {
			t.Errorf("%q is %v of unit %q, %v", text, d, unit, err)
		}
	})
}
