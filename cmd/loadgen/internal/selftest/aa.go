package selftest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/internal/rng"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// An AA reports by how much an arm differs from itself on this machine, and whether a gate takes that for a change.
// Every round visited the arm twice, and which of the two visits is called base is arbitrary. Each assignment, a
// split, is therefore a possible comparison of equal arms. All splits together are the reference set of a
// randomization test, see Ernst, Permutation Methods (2004).
type AA struct {
	Schema      int                 `json:"schema"` // 1
	Began       time.Time           `json:"began"`
	Passed      bool                `json:"passed"`
	Environment results.Environment `json:"environment"`
	Arm         string              `json:"arm"`
	Rounds      int                 `json:"rounds"`
	Splits      int                 `json:"splits"`
	// FalseAlarms is the share of splits in which any unit was called regressed. With fewer rounds than Need a gate
	// hardly ever fires, and the share means little.
	FalseAlarms float64 `json:"false_alarms"`
	Need        int     `json:"need_rounds"`
	// Regressed lists the units that regressed in the comparison as it was measured.
	Regressed []string `json:"regressed"`
	Units     []Floor  `json:"units"`
}

// A Floor is the noise floor of a unit: half of all splits shift by less than Median, and nine of ten by less than
// P90, in either direction. That many rounds cannot detect a smaller change.
type Floor struct {
	Unit        string  `json:"unit"` // as benchstat has it
	Absolute    bool    `json:"absolute"`
	Median      float64 `json:"median"` // a share of the base, or an amount if Absolute
	P90         float64 `json:"p90"`
	Margin      string  `json:"margin"`      // of the gate
	Exploratory bool    `json:"exploratory"` // no gate judges it
	FalseAlarms float64 `json:"false_alarms"`
	// Fine is true if P90 is within the margin.
	Fine bool `json:"fine"`
}

// maxSplits limits the work. It is the number of splits of 10 rounds.
const maxSplits = 1024

// NewAA sums up the comparison of an arm that was visited twice in each round, once as base and once as head. Measured
// has a result for each unit; results without an interval are left out. The same seed draws the same splits. NewAA
// takes about 20 us for each split and unit.
func NewAA(e results.Environment, arm string, measured []*comparison.Result, rounds int, seed uint64) (*AA, error) {
	measured = slices.DeleteFunc(slices.Clone(measured),
		func(r *comparison.Result) bool { return math.IsNaN(r.Shift) })
	r := &AA{Schema: 1, Environment: e, Arm: arm, Rounds: rounds, Regressed: []string{}}
	var cells []comparison.Cell
	family := 0
	for _, m := range measured {
		cells = append(cells, m.Cell)
		if m.Verdict.Judged() {
			family++
		}
		if m.Verdict == comparison.Regressed {
			r.Regressed = append(r.Regressed, m.Rule.Unit)
		}
	}
	if family == 0 {
		return nil, fmt.Errorf("no unit that is judged was measured in %d rounds or more: too few visits were whole",
			comparison.MinPairs)
	}
	r.Need = comparison.Need(family, true)
	reference, err := judgeAll(cells, splits(rounds, seed))
	if err != nil {
		return nil, err
	}
	r.Splits, r.FalseAlarms = reference.splits, reference.share(reference.families)
	for i, m := range measured {
		slices.Sort(reference.shifts[i])
		f := Floor{Unit: m.Rule.Unit, Absolute: m.Absolute, Margin: m.Rule.Margin.String(),
			Exploratory: m.Exploratory, FalseAlarms: reference.share(reference.alarms[i]),
			Median: quantileOf(reference.shifts[i], 0.5), P90: quantileOf(reference.shifts[i], 0.9)}
		f.Fine = f.P90 <= m.Allowed()
		r.Units = append(r.Units, f)
	}
	r.Passed = r.FalseAlarms <= comparison.Alpha && len(r.Regressed) == 0
	return r, nil
}

// A reference holds the results of all splits.
type reference struct {
	splits   int
	families int         // splits in which any cell regressed
	alarms   []int       // by cell: splits in which it regressed
	shifts   [][]float64 // by cell: the size of its shift in each split
}

// share returns n as a share of all splits.
func (t *reference) share(n int) float64 { return float64(n) / float64(t.splits) }

// judgeAll judges the cells of every split.
func judgeAll(cells []comparison.Cell, swaps [][]bool) (*reference, error) {
	t := &reference{splits: len(swaps), alarms: make([]int, len(cells)), shifts: make([][]float64, len(cells))}
	for _, swap := range swaps {
		judged, err := comparison.Judge(split(cells, swap))
		if err != nil {
			return nil, err
		}
		regressed := false
		for i, j := range judged {
			t.shifts[i] = append(t.shifts[i], math.Abs(j.Shift))
			if j.Verdict == comparison.Regressed {
				t.alarms[i]++
				regressed = true
			}
		}
		if regressed {
			t.families++
		}
	}
	return t, nil
}

// quantileOf returns the q-quantile of sorted values, without interpolation.
func quantileOf(sorted []float64, q float64) float64 {
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

// splits returns every way to swap the visits of rounds, or maxSplits random ones of them.
func splits(rounds int, seed uint64) (swaps [][]bool) {
	every := rounds <= 10
	n := maxSplits
	if every {
		n = 1 << rounds
	}
	random := rng.New(seed, rng.Splits)
	for i := range n {
		swap := make([]bool, rounds)
		for k := range swap {
			swap[k] = every && i>>k&1 == 1 || !every && random.Uint64()&1 == 1
		}
		swaps = append(swaps, swap)
	}
	return swaps
}

// split returns cells with the visits of some rounds swapped, which are the same in all units. In a cell that misses a
// round, values are swapped by their index.
func split(cells []comparison.Cell, swap []bool) []comparison.Cell {
	swapped := slices.Clone(cells)
	for i := range swapped {
		a, b := slices.Clone(swapped[i].Base), slices.Clone(swapped[i].Head)
		for k := range a {
			if swap[k] {
				a[k], b[k] = b[k], a[k]
			}
		}
		swapped[i].Base, swapped[i].Head = a, b
	}
	return swapped
}

// Text returns the report as a table, with advice.
func (r *AA) Text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s against itself, in %s: what arms that are the same differ by on this\nmachine, over %d "+
		"ways to call one visit of each round base and the other head\n\n", r.Arm, format.Plural(r.Rounds, "round"),
		r.Splits)
	cells := format.Table(1, "unit", "half are below", "nine of ten are below", "margin", "false alarms")
	coarse, family := 0, 0
	for _, f := range r.Units {
		mark, alarms := "", format.None
		if !f.Exploratory {
			family++
			alarms = format.Percent(f.FalseAlarms)
			if !f.Fine {
				coarse++
				mark = "! "
			}
		}
		cells.AppendRow(table.Row{f.Unit, f.show(f.Median), mark + f.show(f.P90), f.Margin, alarms})
	}
	b.WriteString(cells.Render() + "\n\n")
	if coarse > 0 {
		fmt.Fprintf(&b, "The noise of %d of %s that are judged is beyond the margin (marked !): a gate will be "+
			"inconclusive\nthere. Take more rounds, longer visits, a quieter machine or a wider margin.\n",
			coarse, format.Plural(family, "unit"))
	}
	if r.Rounds < r.Need {
		fmt.Fprintf(&b, "With %s and %s a gate sees only what is far beyond the noise, and its false alarms\nsay "+
			"little: want --aa %d.\n",
			format.Plural(r.Rounds, "round"), format.Plural(family, "unit"), r.Need)
	}
	fmt.Fprintf(&b, "As the rounds were made, %s regressed", format.Plural(len(r.Regressed), "unit"))
	if len(r.Regressed) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(r.Regressed, ", "))
	}
	fmt.Fprintf(&b, ".\nA gate raises a false alarm in %s of comparisons; at most %s are allowed: %s.\n",
		format.Percent(r.FalseAlarms), format.Given(comparison.Alpha), passed(r.Passed))
	return b.String()
}

func (f *Floor) show(x float64) string {
	if f.Absolute {
		return format.Scaled(x, f.Unit)
	}
	return format.Percent(x)
}
