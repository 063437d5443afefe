package comparison_test

import (
	"fmt"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A difference of exactly the margin is within it, and a slightly larger one is beyond it, despite the rounding of
// logarithms and units.
func TestExactlyTheMarginIsWithinIt(t *testing.T) {
	verdicts := func(base, head float64, r comparison.Rule) (all []comparison.Verdict) {
		for _, paired := range []bool{true, false} {
			c := comparison.Cell{Rule: r, Base: repeat(base, 10), Head: repeat(head, 10), Paired: paired}
			all = append(all, judge(t, c)[0].Verdict)
		}
		return all
	}
	check := func(t *testing.T, base, head float64, r comparison.Rule, want comparison.Verdict) {
		t.Helper()
		for _, got := range verdicts(base, head, r) {
			if got != want {
				t.Errorf("%v to %v, margin %s: %s, want %s", base, head, r.Margin, got, want)
			}
		}
	}
	t.Run("1% of 100 to 2900 B/op", func(t *testing.T) {
		r := comparison.DefaultRule("B/op")
		for base := 100; base <= 2900; base += 100 {
			check(t, float64(base), float64(base+base/100), r, equivalent)
			check(t, float64(base), float64(base-base/100), r, equivalent)
			check(t, float64(base), float64(base+base/100+1), r, regressed)
			check(t, float64(base), float64(base-base/100-1), r, improved)
		}
	})
	t.Run("5% of 20k ns/op", func(t *testing.T) {
		r := seconds
		for k := 1; k <= 1000; k++ {
			base, head := float64(20*k)*1e-9, float64(21*k)*1e-9
			check(t, base, head, r, equivalent)
		}
		check(t, 20000e-9, 21001e-9, r, regressed)
	})
	t.Run("an amount of ns", func(t *testing.T) {
		r := rule("sec/op", lower, amount(5*1e-9))
		for base := 1; base <= 1000; base++ {
			check(t, float64(base)*1e-9, float64(base+5)*1e-9, r, equivalent)
			check(t, float64(base)*1e-9, float64(base+6)*1e-9, r, regressed)
		}
	})
}

// A margin is a share of the base in both directions: 5% less than 100 is 95.
func TestAMarginIsAShareOfTheBase(t *testing.T) {
	for _, row := range []struct {
		better comparison.Direction
		head   float64
		want   comparison.Verdict
	}{
		{higher, 95.1, equivalent},
		{higher, 95, equivalent},
		{higher, 94.9, regressed},
		{higher, 105, equivalent},
		{higher, 105.1, improved},
		{lower, 95.1, equivalent},
		{lower, 95, equivalent},
		{lower, 94.9, improved},
		{lower, 105, equivalent},
		{lower, 105.1, regressed},
	} {
		t.Run(fmt.Sprintf("100 to %v, %v is better", row.head, row.better), func(t *testing.T) {
			r := rule("x", row.better, share(0.05))
			got := judge(t, comparison.Cell{Rule: r, Base: repeat(100, 10), Head: repeat(row.head, 10)})[0]
			if got.Verdict != row.want {
				t.Errorf("%s, want %s", got.Verdict, row.want)
			}
		})
	}
}

// A unit that is better if it is lower can fall by at most 100%, so that beyond a margin of 150% it can only regress.
func TestAMarginOfAllOfTheBase(t *testing.T) {
	r := rule("x", lower, share(1.5))
	for head, want := range map[float64]comparison.Verdict{251: regressed, 250: equivalent, 0.01: equivalent} {
		t.Run(fmt.Sprintf("100 to %v", head), func(t *testing.T) {
			got := judge(t, comparison.Cell{Rule: r, Base: repeat(100, 10), Head: repeat(head, 10)})[0]
			if got.Verdict != want {
				t.Errorf("%s, want %s", got.Verdict, want)
			}
		})
	}
}

// For constant values of any unit, and any margin, integer arithmetic gives the same verdict.
func TestTheVerdictOfConstantsIsThatOfIntegers(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		base, percent := rapid.IntRange(1, 100_000).Draw(t, "base"), rapid.IntRange(0, 90).Draw(t, "percent")
		head := base
		switch rapid.IntRange(0, 2).Draw(t, "side") { // two of three heads are near the margin
		case 0:
			head = base + (base*percent+50)/100 + rapid.IntRange(-1, 1).Draw(t, "off")
		case 1:
			head = base - (base*percent+50)/100 + rapid.IntRange(-1, 1).Draw(t, "off")
		case 2:
			head = rapid.IntRange(1, 200_000).Draw(t, "head")
		}
		if head < 1 {
			t.Skip("not positive")
		}
		unit := rapid.SampledFrom([]float64{1, 1e-9, 1e-6, 1e6}).Draw(t, "unit")
		better := rapid.SampledFrom([]comparison.Direction{lower, higher}).Draw(t, "better")
		c := comparison.Cell{Rule: rule("x", better, share(float64(percent)/100)),
			Base: repeat(float64(base)*unit, 10), Head: repeat(float64(head)*unit, 10), Paired: rapid.Bool().Draw(t,
				"paired")}
		c.Rule.Exact = rapid.Bool().Draw(t, "exact")
		judged, err := comparison.Judge([]comparison.Cell{c})
		if err != nil {
			t.Fatal(err)
		}
		want, harm := equivalent, head-base
		if better == higher {
			harm = -harm
		}
		switch {
		case 100*harm > percent*base:
			want = regressed
		case -100*harm > percent*base:
			want = improved
		}
		if judged[0].Verdict != want {
			t.Fatalf("%s, want %s: %+v", judged[0].Verdict, want, judged[0])
		}
	})
}

func TestOfAnExactUnitAnyDifferenceIsOne(t *testing.T) {
	none, percent := comparison.Margin{}, comparison.Margin{Share: 0.01, Amount: 0}
	apart := []float64{13, 14}
	for _, row := range []struct {
		name       string
		margin     comparison.Margin
		base, head []float64
		want       comparison.Verdict
		why        string
	}{
		{"one more in 200, ten rounds", none, repeat(200, 10), repeat(201, 10), regressed, ""},
		{"one more in 200, within the margin that was named", percent, repeat(200, 10), repeat(201, 10), equivalent,
			""},
		{"three more, beyond it", percent, repeat(200, 10), repeat(203, 10), regressed, ""},
		{"one in a billion", none, repeat(1e9, 1), repeat(1e9+1, 1), regressed, ""},
		{"one round", none, repeat(64, 1), repeat(65, 1), regressed, ""},
		{"the same", none, repeat(64, 1), repeat(64, 3), equivalent, ""},
		{"the same in another unit", none, []float64{100 * 1e-9}, []float64{1e-7}, equivalent, ""},
		{"nothing left", none, repeat(64, 6), repeat(0, 6), improved, ""},
		{"more than nothing", none, repeat(0, 1), repeat(16, 1), regressed, ""},
		{"one side varies, apart", none, repeat(12, 3), apart, regressed, "the head had 13, 14"},
		{"one side varies, apart and better", none, apart, repeat(12, 1), improved, "the base had 13, 14"},
		{"apart, but within the margin", amount(2), repeat(12, 3), apart, equivalent, "the head had 13, 14"},
		{"apart, perhaps beyond the margin", amount(2), repeat(12, 3), []float64{13, 15}, inconclusive,
			"the head had 13, 15"},
		{"both vary alike", none, []float64{12, 13, 12}, []float64{13, 12}, equivalent,
			"the base had 12, 13 and the head had 12, 13"},
		{"both vary, and overlap", none, []float64{12, 13, 12}, apart, inconclusive,
			"the base had 12, 13 and the head had 13, 14"},
		{"many values are listed in part", none, []float64{1, 2, 3, 4, 5}, []float64{1}, inconclusive,
			"the base had 1, 2, 3, and 2 more"},
	} {
		t.Run(row.name, func(t *testing.T) {
			r := comparison.Rule{Unit: "allocs/op", Better: lower, Exact: true, Margin: row.margin}
			other := comparison.Cell{Rule: seconds, Base: around(1, 10), Head: around(1, 10)}
			judged := judge(t, comparison.Cell{Rule: r, Base: row.base, Head: row.head}, other)
			got := judged[0]
			if got.Verdict != row.want || !strings.HasSuffix(got.Why, row.why) || (got.Why == "") != (row.why == "") {
				t.Errorf("%s (%s), want %s (%s)", got.Verdict, got.Why, row.want, row.why)
			}
			if !math.IsNaN(got.P) || got.Family != 0 || judged[1].Family != 1 {
				t.Errorf("p = %v in a family of %d; the family of the other cell has %d", got.P, got.Family,
					judged[1].Family)
			}
		})
	}
}
