package selftest

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
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
	Kind        string              `json:"kind"`   // noise-floor
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
	r := &AA{Schema: 1, Kind: "noise-floor", Environment: e, Arm: arm, Rounds: rounds, Regressed: []string{}}
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

// Text returns the report for a screen: the units that a gate judges, or all of them, and the ending.
func (r *AA) Text(s *terminal.Screen, d terminal.Detail) string {
	var coarse []string
	family := 0
	t := terminal.NewTable(terminal.Column{Title: "unit"}, terminal.Column{Title: "half are below"},
		terminal.Column{Title: "nine of ten are below"}, terminal.Column{Title: "margin"},
		terminal.Column{Title: "false alarms", Drop: 1}, terminal.Column{Left: true, Drop: 2})
	for _, f := range r.Units {
		mark, alarms := "", format.None
		if !f.Exploratory {
			family++
			alarms = format.Percent(f.FalseAlarms)
			if !f.Fine {
				coarse = append(coarse, f.Unit)
				mark = s.Doubt("! noise beyond the margin")
			}
		}
		if d.All || !f.Exploratory {
			t.Row(f.Unit, f.show(f.Median), f.show(f.P90), f.Margin, alarms, mark)
		}
	}
	ending := s.Ending(r.ending(d, coarse, family))
	if d.Quiet {
		return ending
	}
	return s.Wrap(fmt.Sprintf("%s against itself, in %s: what arms that are the same differ by on this machine, over "+
		"%d ways to call one visit of each round base and the other head", r.Arm, format.Plural(r.Rounds, "round"),
		r.Splits), "  ") + "\n" + s.Table(t) + "\n" + ending
}

// ending returns the last lines of the text. Coarse are the judged units, of so many, whose noise is beyond their
// margin.
func (r *AA) ending(d terminal.Detail, coarse []string, family int) terminal.Ending {
	alarms := fmt.Sprintf("a gate raises a false alarm in %s of comparisons (at most %s are allowed)",
		format.Percent(r.FalseAlarms), format.Given(comparison.Alpha))
	e := terminal.Ending{Answer: "An arm does not differ from itself here: no unit regressed; " + alarms + ".",
		Next: "loadgen run", Why: "reports mention this noise from now on"}
	if !r.Passed {
		e.Exit = 1
		e.Answer = "NOT VALID: an arm was called worse than itself: " + alarms + "."
		if len(r.Regressed) > 0 {
			e.Answer = fmt.Sprintf("NOT VALID: an arm was called worse than itself: as the rounds were made, %s "+
				"regressed (%s); %s.", format.Plural(len(r.Regressed), "unit"), strings.Join(r.Regressed, ", "),
				alarms)
		}
		e.Next, e.Why = fmt.Sprintf("loadgen selftest --aa %d", 2*r.Rounds), "more rounds, on a quieter machine"
	}
	var doubts []string
	if len(coarse) > 0 {
		doubts = append(doubts, fmt.Sprintf("the noise of %d of %s is beyond the margin (%s), where a gate cannot "+
			"tell", len(coarse), format.Plural(family, "judged unit"), format.FewNames(coarse)))
		e.Next, e.Why = fmt.Sprintf("loadgen selftest --aa %d", 2*r.Rounds), "more rounds, or set wider margins"
	}
	if r.Rounds < r.Need {
		doubts = append(doubts, fmt.Sprintf("with %s and %s a gate sees only what is far beyond the noise, and false "+
			"alarms say little", format.Plural(r.Rounds, "round"), format.Plural(family, "unit")))
		e.Next, e.Why = fmt.Sprintf("loadgen selftest --aa %d", r.Need), "enough rounds"
	}
	e.Doubt = strings.Join(doubts, "; ")
	if others := len(r.Units) - family; !d.All && others > 0 {
		e.More = fmt.Sprintf("--all shows %s that no gate judges", format.Plural(others, "unit"))
	}
	return e
}

func (f *Floor) show(x float64) string {
	if f.Absolute {
		return format.Scaled(x, f.Unit)
	}
	return format.Percent(x)
}
