package comparison_test

import (
	"math"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

func TestMarginsAreParsedInAnyUnit(t *testing.T) {
	nan := math.NaN()
	for text, want := range map[string]struct {
		unit string
		m    comparison.Margin
	}{
		"p99-latency-ns=5%":       {"p99-latency-sec", comparison.Margin{Share: 0.05, Amount: nan}},
		"ns/op=+100":              {"sec/op", comparison.Margin{Share: nan, Amount: 100e-9}},
		"err-ppm=+100":            {"err-ppm", comparison.Margin{Share: nan, Amount: 100}},
		"B/op=0":                  {"B/op", comparison.Margin{}},
		"gc-pause-us=10%,+500":    {"gc-pause-us", comparison.Margin{Share: 0.1, Amount: 500}},
		"p99.9-latency-sec=0.05%": {"p99.9-latency-sec", comparison.Margin{Share: 0.0005, Amount: nan}},
	} {
		t.Run(text, func(t *testing.T) {
			unit, m, err := comparison.ParseMargin(text)
			same := func(a, b float64) bool { return math.Abs(a-b) < 1e-15 || math.IsNaN(a) && math.IsNaN(b) }
			if err != nil || unit != want.unit || !same(m.Share, want.m.Share) || !same(m.Amount, want.m.Amount) {
				t.Errorf("%s %+v, %v; want %s %+v", unit, m, err, want.unit, want.m)
			}
			_, again, err := comparison.ParseMargin(unit + "=" + m.String())
			if err != nil || !same(again.Share, m.Share) || !same(again.Amount, m.Amount) {
				t.Errorf("it prints as %q, which is %+v, %v", m.String(), again, err)
			}
		})
	}
	for name, text := range map[string]string{
		"empty": "", "no margin": "ns/op", "no unit": "=5%", "no number": "ns/op=",
		"neither share nor amount": "ns/op=5", "a negative share": "ns/op=-5%",
		"share and amount in one": "ns/op=+5%", "NaN": "ns/op=NaN%", "two shares": "ns/op=1%,2%",
		"an infinity": "ns/op=+Inf", "a comma at the end": "ns/op=5%,"} {
		t.Run("refused: "+name, func(t *testing.T) {
			if unit, m, err := comparison.ParseMargin(text); err == nil {
				t.Errorf("%q is %s %+v, want an error", text, unit, m)
			}
		})
	}
}

// The direction of an unknown unit is not guessed from the end of its name.
func TestEveryUnitOfARunHasARule(t *testing.T) {
	for unit, want := range map[string]comparison.Direction{
		"sec/op": lower, "B/s": higher, "B/op": lower, "allocs/op": lower, "p99-latency-sec": lower,
		"achieved-qps": higher, "offered-qps": neither, "insert-sec/op": lower, "widgets": neither,
		"widgets/s": neither, "errors/s": neither,
		"hits/op": neither, "saved-bytes": neither,
	} {
		t.Run(unit, func(t *testing.T) {
			got := comparison.DefaultRule(unit)
			if got.Better != want || got.Unit != unit || got.Margin.String() == "" {
				t.Errorf("%+v, want %v", got, want)
			}
		})
	}
	for _, u := range results.Units() {
		zero := strings.HasSuffix(u.Name, "-us") || strings.HasSuffix(u.Name, "-ppm") || u.Name == "gc-cycles"
		if u.Better != "" && zero && math.IsNaN(comparison.DefaultRule(u.Name).Margin.Amount) {
			t.Errorf("%s may be 0, and its margin is %s", u.Name, comparison.DefaultRule(u.Name).Margin)
		}
	}
}
