package comparison_test

import (
	"errors"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// Short names for the rows of tables.
const (
	lower, higher, neither             = comparison.Lower, comparison.Higher, comparison.Neither
	regressed, worse, better, improved = comparison.Regressed, comparison.Worse, comparison.Better, comparison.Improved
	equivalent, inconclusive           = comparison.Equivalent, comparison.Inconclusive
)

var (
	share, amount = comparison.ByShare, comparison.ByAmount
	seconds       = rule("sec/op", lower, share(0.05))
)

// around returns n values near x that vary by 1% in a fixed pattern.
func around(x float64, n int) (values []float64) {
	for i := range n {
		values = append(values, x*(1+0.01*math.Sin(float64(3*i))))
	}
	return values
}

// repeat returns n values x.
func repeat(x float64, n int) []float64 { return slices.Repeat([]float64{x}, n) }

func rule(unit string, better comparison.Direction, m comparison.Margin) comparison.Rule {
	return comparison.Rule{Unit: unit, Better: better, Margin: m}
}

// judge judges cells, and ends the test if that is impossible.
func judge(t *testing.T, cells ...comparison.Cell) []comparison.Result {
	t.Helper()
	judged, err := comparison.Judge(cells)
	if err != nil {
		t.Fatal(err)
	}
	return judged
}

func TestVerdicts(t *testing.T) {
	latency := rule("p99-latency-sec", lower, share(0.05))
	rate := rule("achieved-qps", higher, share(0.05))
	faults := rule("err-ppm", lower, amount(100))
	both := rule("gc-pause-us", lower, comparison.Margin{Share: 0.1, Amount: 100})
	none := rule("offered-qps", neither, share(0.05))
	near105 := []float64{101, 104, 109, 103, 108, 102, 107, 104, 106, 103, 109, 105}
	for _, row := range []struct {
		name       string
		rule       comparison.Rule
		base, head []float64
		paired     bool
		want       comparison.Verdict
		why        string
	}{
		{"slower by more than the margin", latency, around(100, 12), around(120, 12), true, regressed, ""},
		{"slower, not in pairs", latency, around(100, 12), around(120, 12), false, regressed, ""},
		{"faster by more than the margin", latency, around(100, 12), around(80, 12), true, improved, ""},
		{"slower by less", latency, around(100, 12), around(103, 12), true, equivalent, ""},
		{"the same", latency, around(100, 12), around(100, 12), true, equivalent, ""},
		{"all ties", latency, repeat(100, 12), repeat(100, 12), false, equivalent, ""},
		{"more is better", rate, around(100, 12), around(80, 12), true, regressed, ""},
		{"more is better, and is", rate, around(100, 12), around(120, 12), true, improved, ""},
		{"from none to 503 ppm", faults, repeat(0, 12), repeat(503, 12), true, regressed, ""},
		{"from none to 503 ppm, not in pairs", faults, repeat(0, 12), repeat(503, 12), false, regressed, ""},
		{"from none to within the amount", faults, repeat(0, 12), repeat(50, 12), true, equivalent, ""},
		{"none on both sides", latency, repeat(0, 12), repeat(0, 12), true, equivalent, ""},
		{"five rounds", latency, around(100, 5), around(200, 5), true, inconclusive,
			"5 rounds cannot show this: need 6"},
		{"one round", latency, repeat(100, 1), repeat(200, 1), false, inconclusive,
			"one round cannot show this: need 4"},
		{"no direction is better", none, around(100, 12), around(300, 12), true, comparison.NotJudged, ""},
		{"worse, but by how much is not sure", latency, repeat(100, 12), near105, true, worse, "not clear"},
		{"better, but by how much is not sure", latency, near105, repeat(100, 12), true, better, "not clear"},
		{"varies too much", latency, repeat(100, 12),
			[]float64{80, 120, 130, 75, 90, 110, 95, 125, 70, 115, 99, 101}, true, inconclusive, "varies too much"},
		{"a share and an amount, one exceeded", both, around(100, 12), around(150, 12), true, equivalent, ""},
		{"a share and an amount, both exceeded", both, around(1000, 12), around(1500, 12), true, regressed, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			got := judge(t, comparison.Cell{Rule: row.rule, Base: row.base, Head: row.head, Paired: row.paired})[0]
			if got.Verdict != row.want || (row.why == "") != (got.Why == "") || !strings.Contains(got.Why, row.why) {
				t.Errorf("%s (%s), want %s (%s): %+v", got.Verdict, got.Why, row.want, row.why, got)
			}
		})
	}
}

func TestWhatCannotBeJudgedIsAnErrorThatSaysWhatWouldHelp(t *testing.T) {
	r := rule("lag-us", lower, share(0.05))
	more := rule("B/s", higher, share(1))
	far := rule("x", lower, amount(1))
	for _, row := range []struct {
		want string
		cell comparison.Cell
	}{
		{"a: lag-us: 0 values of the base and 1 of the head",
			comparison.Cell{Rule: r, Head: repeat(1, 1)}},
		{"a: lag-us: 2 rounds of the base and 3 of the head",
			comparison.Cell{Rule: r, Base: repeat(1, 2), Head: repeat(1, 3), Paired: true}},
		{"a: lag-us: it has the value NaN",
			comparison.Cell{Rule: r, Base: repeat(math.NaN(), 1), Head: repeat(1, 1)}},
		{"a: lag-us: it has the value +Inf",
			comparison.Cell{Rule: r, Base: repeat(1, 1), Head: repeat(math.Inf(1), 1)}},
		{"want a margin that is an amount, such as --margin 'lag-us=+1'",
			comparison.Cell{Rule: r, Base: repeat(0, 6), Head: repeat(5, 6)}},
		{"no more than 100% can be lost",
			comparison.Cell{Rule: more, Base: repeat(1, 6), Head: repeat(5, 6)}},
		{"too far apart",
			comparison.Cell{Rule: far, Base: repeat(-1e308, 6), Head: repeat(1e308, 6)}},
	} {
		t.Run(row.want, func(t *testing.T) {
			row.cell.Name = "a"
			fine := comparison.Cell{Name: "fine", Rule: r, Base: repeat(1, 6), Head: repeat(1, 6)}
			judged, err := comparison.Judge([]comparison.Cell{fine, row.cell})
			if err == nil || !strings.Contains(err.Error(), row.want) || judged != nil {
				t.Errorf("%v, %v; want an error with %q", judged, err, row.want)
			}
		})
	}
	var none *comparison.NoAmountError
	zero := comparison.Cell{Name: "a", Rule: r, Base: repeat(0, 6), Head: repeat(5, 6)}
	_, err := comparison.Judge([]comparison.Cell{zero, zero, zero})
	if !errors.As(err, &none) || strings.Contains(err.Error(), "\n") ||
		!strings.Contains(err.Error(), "a and 2 more: ") {
		t.Errorf("of three cells with one fault: %v", err)
	}
}

// Swapping base and head mirrors the result, another unit does not change it, and verdict, interval and p-value agree.
func TestAJudgementKeepsItsIdentities(t *testing.T) {
	printed := rapid.Map(rapid.IntRange(500, 2000), func(i int) float64 { return float64(i) / 1000 })
	mirror := map[comparison.Verdict]comparison.Verdict{improved: regressed, better: worse, regressed: improved,
		worse: better, equivalent: equivalent, inconclusive: inconclusive}
	property.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(6, 9).Draw(t, "n")
		// The margin is an amount, since swapping mirrors differences of amounts exactly. A fall of 5% does not undo a
		// rise of 5%.
		c := comparison.Cell{Rule: rule("widgets", lower, amount(0.05)),
			Paired: rapid.Bool().Draw(t, "paired"),
			Base:   rapid.SliceOfN(printed, n, n).Draw(t, "base"), Head: rapid.SliceOfN(printed, n, n).Draw(t, "head")}
		by := rapid.SampledFrom([]float64{1, 1.3, 3}).Draw(t, "by") // makes some cells differ
		c.Head = times(c.Head, by)
		judgeCell := func(c comparison.Cell) comparison.Result {
			judged, err := comparison.Judge([]comparison.Cell{c})
			if err != nil {
				t.Fatal(err)
			}
			return judged[0]
		}
		got := judgeCell(c)
		if got.Low > got.Shift || got.Shift > got.High || !(got.P > 0 && got.P <= 1) || got.Adjusted != got.P {
			t.Fatalf("%+v", got)
		}
		near := func(x, y float64) bool { return math.Abs(x-y) < 1e-9 }
		swapped := c
		swapped.Base, swapped.Head = c.Head, c.Base
		s := judgeCell(swapped)
		if s.Verdict != mirror[got.Verdict] || !near(s.Shift, -got.Shift) || !near(s.Low, -got.High) || s.P != got.P {
			t.Fatalf("swapped: %+v, %+v", got, s)
		}
		for _, margin := range []comparison.Margin{amount(0.05), share(0.05)} {
			c.Rule.Margin = margin
			got, scaled := judgeCell(c), c
			k := rapid.SampledFrom([]float64{1024, 1e-9, 1e-6, 0.1, 1e6, 1 / 3.0}).Draw(t, "k")
			scaled.Base, scaled.Head = times(c.Base, k), times(c.Head, k)
			scaled.Rule.Margin.Amount *= k
			s := judgeCell(scaled)
			if got.Absolute {
				k = 1 / k
			} else {
				k = 1
			}
			if s.Verdict != got.Verdict || !near(s.Shift*k, got.Shift) || !near(s.High*k, got.High) || s.P != got.P {
				t.Fatalf("in another unit: %+v, %+v", got, s)
			}
		}
	})
}

// times returns k times each value of x.
func times(x []float64, k float64) (y []float64) {
	for _, v := range x {
		y = append(y, k*v)
	}
	return y
}

// A list of all differences between two samples of 20,000 values would take 3 GB.
func TestManyValuesNeedLittleMemory(t *testing.T) {
	const n = 20_000
	for name, paired := range map[string]bool{"two samples": false, "pairs": true} {
		t.Run(name, func(t *testing.T) {
			c := comparison.Cell{Rule: seconds, Base: around(1, n), Head: around(1.2, n), Paired: paired}
			var before, after runtime.MemStats
			runtime.ReadMemStats(&before)
			got := judge(t, c)[0]
			runtime.ReadMemStats(&after)
			if bytes := after.TotalAlloc - before.TotalAlloc; bytes > 20<<20 {
				t.Errorf("%d bytes", bytes)
			}
			if got.Verdict != regressed || math.Abs(got.Shift-0.2) > 0.001 {
				t.Errorf("%s, %v", got.Verdict, got.Shift)
			}
		})
	}
}

// In pairs, base and head of a round share a slowdown; two samples share nothing. The intervals have a confidence of
// about 96%. The share of 4,000 intervals that cover the truth is off by more than 1.3 points for one seed in 10,000.
func TestTheIntervalCoversTheTruthAsOftenAsItSays(t *testing.T) {
	const trials, n, truth = 4000, 8, 1.2
	for name, paired := range map[string]bool{"pairs": true, "two samples": false} {
		t.Run(name, func(t *testing.T) {
			r := rand.New(rand.NewPCG(1, 2))
			covered, confidence := 0, 0.0
			for range trials {
				c := comparison.Cell{Rule: seconds, Paired: paired}
				for range n {
					shared := 1.0
					if paired {
						shared = math.Exp(r.NormFloat64())
					}
					c.Base = append(c.Base, shared*math.Exp(0.1*r.NormFloat64()))
					c.Head = append(c.Head, shared*truth*math.Exp(0.1*r.NormFloat64()))
				}
				got := judge(t, c)[0]
				confidence = got.Confidence
				if 1+got.Low <= truth && truth <= 1+got.High {
					covered++
				}
			}
			if share := float64(covered) / trials; confidence < 0.95 || confidence > 0.97 ||
				math.Abs(share-confidence) > 0.013 {
				t.Errorf("an interval of %.1f%% covers the truth in %.1f%%", 100*confidence, 100*share)
			}
		})
	}
}
