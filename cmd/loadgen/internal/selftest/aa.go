package selftest

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/perf/benchunit"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// An AA is by how much an arm differs from itself on this machine, and whether a gate
// takes that for a change. Every round has visited it twice, and which of the two is
// called base is arbitrary: each way of calling them, a split, is a comparison that might
// have been, of arms that are the same. This is the randomization test's reference set,
// see Ernst, Permutation Methods (2004).
type AA struct {
	Schema      int                 `json:"schema"` // of this form: 1
	Began       time.Time           `json:"began"`
	Passed      bool                `json:"passed"`
	Environment results.Environment `json:"environment"`
	Arm         string              `json:"arm"`
	Rounds      int                 `json:"rounds"`
	Splits      int                 `json:"splits"`
	// FalseAlarms is the share of splits in which any unit was called regressed. With
	// fewer rounds than Need a gate hardly fires, and this says little.
	FalseAlarms float64 `json:"false_alarms"`
	Need        int     `json:"need_rounds"`
	// Regressed are the units so called as the rounds were made.
	Regressed []string `json:"regressed"`
	Units     []Floor  `json:"units"`
}

// A Floor is the noise floor of a unit: half of all splits shift by less than Median, and
// nine of ten by less than P90, one way or the other. A change below that cannot be told
// from none in so many rounds.
type Floor struct {
	Unit        string  `json:"unit"` // as benchstat has it
	Absolute    bool    `json:"absolute"`
	Median      float64 `json:"median"` // a share of the base, or an amount if Absolute
	P90         float64 `json:"p90"`
	Margin      string  `json:"margin"` // of the gate
	FalseAlarms float64 `json:"false_alarms"`
	// Fine tells that P90 is within the margin.
	Fine bool `json:"fine"`
}

// maxSplits bounds the work. All splits of 10 rounds are fewer.
const maxSplits = 1024

// NewAA judges an arm that was visited twice in each round: cells hold the one visit as
// base and the other as head, a cell for each unit. Those with fewer rounds than give an
// interval are left out. The same seed draws the same splits. It takes some 20 us for
// each split and cell.
func NewAA(e results.Environment, arm string, cells []comparison.Cell, rounds int, seed uint64) (*AA, error) {
	cells = slices.DeleteFunc(slices.Clone(cells), func(c comparison.Cell) bool {
		return len(c.Base) < comparison.MinPairs || c.Rule.Better == comparison.Neither
	})
	if len(cells) == 0 {
		return nil, fmt.Errorf("no unit was measured in %d rounds or more: too few visits were whole", comparison.MinPairs)
	}
	r := &AA{Schema: 1, Environment: e, Arm: arm, Rounds: rounds, Regressed: []string{}, Need: comparison.Need(len(cells), true)}
	made, err := comparison.Judge(cells)
	if err != nil {
		return nil, err
	}
	for _, m := range made {
		if m.Verdict == comparison.Regressed {
			r.Regressed = append(r.Regressed, m.Rule.Unit)
		}
	}
	all := splits(rounds, seed)
	r.Splits = len(all)
	shifts, alarms, families := make([][]float64, len(cells)), make([]int, len(cells)), 0
	for _, swap := range all {
		judged, err := comparison.Judge(split(cells, swap))
		if err != nil {
			return nil, err
		}
		any := false
		for i, j := range judged {
			shifts[i] = append(shifts[i], math.Abs(j.Shift))
			if j.Verdict == comparison.Regressed {
				alarms[i]++
				any = true
			}
		}
		if any {
			families++
		}
	}
	r.FalseAlarms = float64(families) / float64(len(all))
	for i, c := range cells {
		slices.Sort(shifts[i])
		f := Floor{Unit: c.Rule.Unit, Absolute: made[i].Absolute, Margin: c.Rule.Margin.String(), FalseAlarms: float64(alarms[i]) / float64(len(all)),
			Median: quantileOf(shifts[i], 0.5), P90: quantileOf(shifts[i], 0.9)}
		f.Fine = f.P90 <= made[i].Allowed()
		r.Units = append(r.Units, f)
	}
	r.Passed = r.FalseAlarms <= comparison.Alpha && len(r.Regressed) == 0
	return r, nil
}

// quantileOf is the value of rank q n of sorted values.
func quantileOf(sorted []float64, q float64) float64 {
	return sorted[int(math.Ceil(q*float64(len(sorted))))-1]
}

// splits are all ways of swapping the visits of rounds, or maxSplits of them.
func splits(rounds int, seed uint64) (all [][]bool) {
	every := rounds <= 10
	n := maxSplits
	if every {
		n = 1 << rounds
	}
	random := rand.New(rand.NewPCG(seed, 1<<34))
	for i := range n {
		swap := make([]bool, rounds)
		for k := range swap {
			swap[k] = every && i>>k&1 == 1 || !every && random.Uint64()&1 == 1
		}
		all = append(all, swap)
	}
	return all
}

// split is cells with the visits of some rounds swapped: the same in all units. A cell
// that misses a round has fewer, which then are swapped as their places say.
func split(cells []comparison.Cell, swap []bool) []comparison.Cell {
	all := slices.Clone(cells)
	for i := range all {
		a, b := slices.Clone(all[i].Base), slices.Clone(all[i].Head)
		for k := range a {
			if swap[k] {
				a[k], b[k] = b[k], a[k]
			}
		}
		all[i].Base, all[i].Head = a, b
	}
	return all
}

// Text is the report as a table, and what to do about it.
func (r *AA) Text() string {
	var b, cells strings.Builder
	fmt.Fprintf(&b, "%s against itself, in %s: what arms that are the same differ by on this\nmachine, over %d ways to call one visit of each round base and the other head\n\n", r.Arm, report.Plural(r.Rounds, "round"), r.Splits)
	w := tabwriter.NewWriter(&cells, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintln(w, "unit\thalf are below\tnine of ten are below\tmargin\tfalse alarms\t")
	coarse := 0
	for _, f := range r.Units {
		mark := " "
		if !f.Fine {
			coarse++
			mark = "!"
		}
		fmt.Fprintf(w, "%s\t%s\t%s %s\t%s\t%.1f%%\t\n", f.Unit, f.show(f.Median), mark, f.show(f.P90), f.Margin, 100*f.FalseAlarms)
	}
	// A writer into memory does not fail.
	_ = w.Flush()
	fmt.Fprintf(&b, "%s\n", cells.String())
	if coarse > 0 {
		fmt.Fprintf(&b, "The noise of %d of %s is beyond the margin (marked !): a gate will be inconclusive there.\nTake more rounds, longer visits, a quieter machine or a wider margin.\n", coarse, report.Plural(len(r.Units), "unit"))
	}
	if r.Rounds < r.Need {
		fmt.Fprintf(&b, "With %s and %s a gate sees only what is far beyond the noise, and its false alarms\nsay little: want --aa %d.\n",
			report.Plural(r.Rounds, "round"), report.Plural(len(r.Units), "unit"), r.Need)
	}
	fmt.Fprintf(&b, "As the rounds were made, %s regressed", report.Plural(len(r.Regressed), "unit"))
	if len(r.Regressed) > 0 {
		fmt.Fprintf(&b, " (%s)", strings.Join(r.Regressed, ", "))
	}
	fmt.Fprintf(&b, ".\nA gate raises a false alarm in %.1f%% of comparisons; at most %.0f%% are allowed: %s.\n",
		100*r.FalseAlarms, 100*comparison.Alpha, passed(r.Passed))
	return b.String()
}

func (f *Floor) show(x float64) string {
	if f.Absolute {
		return benchunit.Scale(x, benchunit.ClassOf(f.Unit))
	}
	return fmt.Sprintf("%.2f%%", 100*x)
}
