package comparison_test

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/internal/property"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// family returns cells without a difference, except that the head of the first cell is multiplied by first. The values
// of each cell vary by 1%, in an order of their own.
func family(cells, rounds int, first float64) (list []comparison.Cell) {
	r := rand.New(rand.NewPCG(uint64(cells), uint64(rounds)))
	shuffled := func(x float64) []float64 {
		side := around(x, rounds)
		r.Shuffle(rounds, func(i, j int) { side[i], side[j] = side[j], side[i] })
		return side
	}
	for i := range cells {
		c := comparison.Cell{Name: fmt.Sprint(i), Rule: seconds, Paired: true, Base: shuffled(100),
			Head: shuffled(100)}
		if i == 0 {
			c.Head = times(c.Head, first)
		}
		list = append(list, c)
	}
	return list
}

// A family has a largest size for its number of rounds. The verdict on a larger family names the rounds that it needs.
func TestAFamilyThatIsTooLargeForItsRounds(t *testing.T) {
	const apart, near = 2, 1.04 // apart makes a wide gap; near separates the ranks without a wide gap
	for _, row := range []struct {
		name          string
		cells, rounds int
		first         float64
		paired        bool
		want          comparison.Verdict
		why           string
	}{
		{"a wide gap in the largest family", 51, 6, apart, true, regressed, ""},
		{"a wide gap, one cell more", 52, 6, apart, true, inconclusive,
			"6 rounds cannot show this among 52 cells: need 8, or 7 and a wide gap between base and head"},
		{"no gap in the largest family", 11, 6, near, true, regressed, ""},
		{"no gap, one cell more", 12, 6, near, true, inconclusive,
			"6 rounds cannot show this among 12 cells: need 7, or a wide gap between base and head"},
		{"five rounds", 24, 5, apart, true, inconclusive,
			"5 rounds cannot show this among 24 cells: need 7, or 6 and a wide gap between base and head"},
		{"no pairs in the largest family", 23, 6, near, false, regressed, ""},
		{"no pairs, one cell more", 24, 6, apart, false, inconclusive,
			"6 rounds cannot show this among 24 cells: need 7"},
	} {
		t.Run(row.name, func(t *testing.T) {
			cells := family(row.cells, row.rounds, row.first)
			for i := range cells {
				cells[i].Paired = row.paired
				cells[i].Rule.Margin = share(0.01)
			}
			got := judge(t, cells...)[0]
			if got.Verdict != row.want || got.Why != row.why || got.Family != row.cells {
				t.Errorf("%s (%s) in a family of %d, want %s (%s)", got.Verdict, got.Why, got.Family, row.want,
					row.why)
			}
		})
	}
}

// A cell with TooFew set never differs, whatever its values. Any other cell differs if its values are clear enough.
func TestWhatHasTooFewRoundsNeverDiffers(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		var cells []comparison.Cell
		for range rapid.IntRange(1, 30).Draw(t, "cells") {
			n := rapid.IntRange(1, 9).Draw(t, "n")
			m, paired := n, rapid.Bool().Draw(t, "paired")
			if !paired {
				m = rapid.IntRange(1, 30).Draw(t, "m")
			}
			value := rapid.SampledFrom([]float64{1, 1.01, 1.02}) // few values, so that some cells have ties
			c := comparison.Cell{Rule: rule("sec/op", lower, share(0.01)), Paired: paired,
				Base: rapid.SliceOfN(value, n, n).Draw(t, "base"), Head: rapid.SliceOfN(value, m, m).Draw(t, "head")}
			c.Head = times(c.Head, rapid.SampledFrom([]float64{1, 2}).Draw(t, "by"))
			cells = append(cells, c)
		}
		judged, err := comparison.Judge(cells)
		if err != nil {
			t.Fatal(err)
		}
		clear := slices.Clone(cells)
		for i, c := range clear {
			clear[i].Base, clear[i].Head = repeat(1, len(c.Base)), repeat(2, len(c.Head))
		}
		clearest, err := comparison.Judge(clear)
		if err != nil {
			t.Fatal(err)
		}
		for i, r := range judged {
			if r.TooFew && r.Verdict.Differs() {
				t.Fatalf("%s, though it has too few rounds: %+v", r.Verdict, r)
			}
			if r.TooFew == clearest[i].Verdict.Differs() {
				t.Fatalf("too few %v, and from 1 to 2 it is %s: %+v", r.TooFew, clearest[i].Verdict, clearest[i])
			}
		}
	})
}

// 3 against 10 rounds are enough for one cell, since only 2 of the 286 ways to choose 3 of 13 values are as clear.
func TestUnequalCountsCanBeEnough(t *testing.T) {
	c := comparison.Cell{Rule: seconds, Base: repeat(100, 3), Head: repeat(120, 10)}
	if got := judge(t, c)[0]; got.Verdict != regressed || got.TooFew || math.Abs(got.P-2.0/286) > 1e-12 {
		t.Errorf("%s, too few %v, p = %v", got.Verdict, got.TooFew, got.P)
	}
	for i, r := range judge(t, slices.Repeat([]comparison.Cell{c}, 8)...) {
		if !r.TooFew || r.Verdict != inconclusive {
			t.Errorf("cell %d of 8: too few %v, %s", i, r.TooFew, r.Verdict)
		}
	}
}

// One cell of a default run falls by 80% without spread in each of 6 rounds, and the other cells vary.
func TestALargeChangeWithoutSpreadIsFoundInSixRounds(t *testing.T) {
	for _, m := range []int{24, 36, 51} {
		t.Run(fmt.Sprintf("%d cells", m), func(t *testing.T) {
			cells := family(m, 6, 1)
			cells[0].Rule = comparison.DefaultRule("allocs/op")
			cells[0].Base, cells[0].Head = repeat(20, 6), repeat(4, 6)
			if got := judge(t, cells...)[0]; got.Verdict != improved || got.Why != "" {
				t.Errorf("%s (%s), p = %v, want improved", got.Verdict, got.Why, got.Adjusted)
			}
		})
	}
}

// 1 and 2 against 16 and 32 have, in logarithms to base 2, a gap of 3 and ranges of 1, in any unit.
func TestAGapOfExactlyThreeRangesIsWide(t *testing.T) {
	for _, k := range []float64{1, 3, 1e-9, 0.1, 1 / 3.0, 1e6, 7e-7} {
		for far, wide := range map[float64]bool{16: true, 15.9: false} {
			c := comparison.Cell{Rule: seconds, Paired: true, Base: times([]float64{1, 2, 1, 2, 1, 2}, k)}
			c.Head = times([]float64{far, far, 2 * far, 2 * far, far, 2 * far}, k)
			want := 2 * 2.0 / 924 // two tests, and 2 of the 924 ways to choose six of the twelve values
			if wide {
				want = 2 * 1.0 / 2047
			}
			if got := judge(t, c)[0]; math.Abs(got.P-want) > 1e-12 {
				t.Errorf("%v and %v, times %v: p = %v, want %v", far, 2*far, k, got.P, want)
			}
		}
	}
}

// The order of rounds and of cells does not change any result.
func TestTheOrderOfRoundsAndOfCellsDoesNotMatter(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 3))
	differ := 0
	for range 300 {
		rounds := 6 + r.IntN(7)
		cells := make([]comparison.Cell, 1+r.IntN(12))
		for i := range cells {
			c := &cells[i]
			c.Rule, c.Paired, c.Name = comparison.DefaultRule("B/op"), r.IntN(4) > 0, fmt.Sprint(i)
			by := []float64{1, 1, 1.01, 1.05, 2}[r.IntN(5)]
			for range rounds {
				c.Base = append(c.Base, 100+float64(r.IntN(6)))
				c.Head = append(c.Head, by*(100+float64(r.IntN(6))))
			}
		}
		before := judge(t, cells...)
		moved := slices.Clone(cells)
		for i := range moved {
			base, head := slices.Clone(moved[i].Base), slices.Clone(moved[i].Head)
			r.Shuffle(rounds, func(j, k int) {
				base[j], base[k], head[j], head[k] = base[k], base[j], head[k], head[j]
			})
			moved[i].Base, moved[i].Head = base, head
		}
		r.Shuffle(len(moved), func(i, j int) { moved[i], moved[j] = moved[j], moved[i] })
		for _, got := range judge(t, moved...) {
			want := before[slices.IndexFunc(cells, func(c comparison.Cell) bool { return c.Name == got.Name })]
			if got.Verdict != want.Verdict || got.P != want.P || got.Adjusted != want.Adjusted || got.Why != want.Why {
				t.Fatalf("%+v\nbefore: %+v", got, want)
			}
			if got.Verdict.Differs() {
				differ++
			}
		}
	}
	if differ < 100 {
		t.Errorf("%d verdicts that base and head differ: too few to compare", differ)
	}
}

// Exploratory cells get intervals and marks, but no verdict, and do not change the results of primary cells.
func TestExploratoryCellsAreNoPartOfTheFamily(t *testing.T) {
	primary := family(12, 10, 1.07)
	alone := judge(t, primary...)
	if alone[0].Verdict != regressed {
		t.Fatalf("the first is %s", alone[0].Verdict)
	}
	zero := rule("gc-pause-us", lower, share(0.05)) // a margin that a value of 0 has no share for
	exact := comparison.Rule{Unit: "x", Better: lower, Exact: true}
	opposed := comparison.Cell{Name: "opposed", Rule: zero, Paired: true, Base: around(100, 10)}
	for _, x := range opposed.Base {
		opposed.Head = append(opposed.Head, 200-x)
	}
	explored := []comparison.Cell{opposed,
		{Name: "twice", Rule: zero, Base: around(1, 10), Head: around(2, 10), Paired: true},
		{Name: "from 0", Rule: zero, Base: repeat(0, 10), Head: around(2, 10), Paired: true},
		{Name: "neither", Rule: comparison.DefaultRule("offered-qps"), Base: around(1, 10), Head: around(2, 10)},
		{Name: "few", Rule: zero, Base: repeat(1, 3), Head: repeat(9, 3), Paired: true},
		{Name: "exact", Rule: exact, Base: repeat(1, 1), Head: repeat(2, 1)},
		{Name: "exact and the same", Rule: exact, Base: repeat(1, 1), Head: repeat(1, 1)},
	}
	marked := map[string]bool{"twice": true, "from 0": true, "neither": true, "exact": true}
	for i := range explored {
		explored[i].Exploratory = true
	}
	judged := judge(t, slices.Concat(explored, primary)...)
	for i, got := range judged[len(explored):] {
		want := alone[i]
		if got.Verdict != want.Verdict || got.P != want.P || got.Adjusted != want.Adjusted ||
			got.Family != 12 || got.Marked {
			t.Errorf("%+v\nalone: %+v", got, want)
		}
	}
	for _, r := range judged[:len(explored)] {
		if r.Verdict != comparison.Exploratory || r.Family != 0 || !math.IsNaN(r.Adjusted) ||
			r.Marked != marked[r.Name] {
			t.Errorf("%s: %s, family %d, adjusted %v, marked %v", r.Name, r.Verdict, r.Family, r.Adjusted, r.Marked)
		}
		if known := !math.IsNaN(r.Low) && !math.IsNaN(r.High); known != (r.Name != "few") {
			t.Errorf("%s: from %v to %v", r.Name, r.Low, r.High)
		}
	}
	if twice := judged[1]; twice.Low > 1 || twice.High < 1 || twice.Absolute {
		t.Errorf("twice is +100%%, not in [%v, %v]", twice.Low, twice.High)
	}
}

// If base and head vary in opposite directions within rounds, the rank-sum test would find differences that do not
// exist. Then only the signed-rank test counts.
func TestOpposedNoiseLeavesPairsAlone(t *testing.T) {
	const n = 12
	c := comparison.Cell{Rule: rule("sec/op", lower, share(0.01)), Paired: true, Base: around(100, n)}
	for _, x := range c.Base {
		c.Head = append(c.Head, 1.1*(200-x))
	}
	got := judge(t, c)[0]
	if want := math.Ldexp(1, 1-n); got.P != want || got.Verdict != regressed {
		t.Errorf("p = %v (%s), want %v, the p-value of the signed-rank test", got.P, got.Verdict, want)
	}
	many := slices.Repeat([]comparison.Cell{c}, 103) // too large a family for 12 rounds of pairs
	if got := judge(t, many...)[0]; got.Verdict != inconclusive || !strings.Contains(got.Why, "opposite directions") {
		t.Errorf("among 103: %s (%s)", got.Verdict, got.Why)
	}
	c.Head = times(c.Base, 1.1) // varies in the same direction
	if got := judge(t, c)[0]; got.P >= math.Ldexp(1, 1-n)/4 {
		t.Errorf("p = %v, want the p-value of the rank-sum test", got.P)
	}
}

func TestWhatASentenceAndAnExitCodeMaySay(t *testing.T) {
	for _, row := range []struct {
		verdict                    comparison.Verdict
		differs, undecided, judged bool
	}{
		{regressed, true, false, true},
		{improved, true, false, true},
		{worse, true, true, true},
		{better, true, true, true},
		{equivalent, false, false, true},
		{inconclusive, false, true, true},
		{comparison.NotJudged, false, false, false},
		{comparison.Exploratory, false, false, false},
	} {
		t.Run(string(row.verdict), func(t *testing.T) {
			v := row.verdict
			if v.Differs() != row.differs || v.Undecided() != row.undecided || v.Judged() != row.judged {
				t.Errorf("differs %v, undecided %v, judged %v; want %+v", v.Differs(), v.Undecided(), v.Judged(), row)
			}
		})
	}
}

// If an interval lies beyond the margin but the p-value is too large, the cell is inconclusive and names the p-value.
func TestAnIntervalThatMayBeChanceSaysSo(t *testing.T) {
	cells := family(24, 8, 1)
	cells[0].Rule.Margin = share(0)
	cells[0].Base = repeat(100, 8)
	cells[0].Head = []float64{101, 102, 103, 104, 105, 106, 107, 99.9}
	got := judge(t, cells...)[0]
	if want := "it is beyond the margin, but among 24 cells that may be chance (p=0."; got.Verdict != inconclusive ||
		!strings.HasPrefix(got.Why, want) {
		t.Errorf("%s (%s): %+v", got.Verdict, got.Why, got)
	}
}
