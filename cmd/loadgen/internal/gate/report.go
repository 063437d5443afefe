package gate

import (
	"cmp"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// Schema is the version of the JSON of a report.
const Schema = 1

// always holds the verdicts that the summary counts even if there are none.
var always = []comparison.Verdict{comparison.Regressed, comparison.Improved, comparison.Equivalent,
	comparison.Inconclusive}

// A Report is the result of a comparison.
type Report struct {
	Schema   int                        `json:"schema"`
	Kind     string                     `json:"kind"`    // compare
	Summary  string                     `json:"summary"` // the number of cells of each verdict, and the exit code
	Exit     int                        `json:"exit"`    // 0 fine, 1 regressed, 3 inconclusive if Strict is set
	Strict   bool                       `json:"strict"`
	Visits   *VisitCounts               `json:"visits,omitempty"` // of the compared runs, if runs are compared
	Counts   map[comparison.Verdict]int `json:"counts"`
	Notes    []string                   `json:"notes"`
	Warnings []string                   `json:"warnings"`
	Tables   []*Table                   `json:"tables"`
	Paths    []string                   `json:"-"` // the files that the command wrote, which the text names

	source source   // decides what the text advises
	arms   bool     // the sides are arms of one run: none came before the other
	minor  []string // the notes and warnings without which the answer is the same
	visits visits   // of the compared runs
	few    string   // the warning that there are too few rounds, or ""
	run    string   // the directory of the run whose comparisons these are, or ""
}

// A source is where the numbers of a report come from.
type source int

// The sources.
const (
	files     source = iota // benchmark text
	ownRun                  // the comparisons of a run
	revisions               // two runs, or two files, that one command made
)

// A Table holds cells that were measured under the same conditions.
type Table struct {
	Base   string  `json:"base"`
	Head   string  `json:"head"`
	Config []Pair  `json:"config"`
	Paired bool    `json:"paired"`
	Why    string  `json:"why"` // why it is paired or not
	Cells  []*Cell `json:"cells"`

	base, head string // the sides as a reader calls them, if that is shorter
}

// A Pair is a key and its value.
type Pair struct {
	Key   string `json:"key"`
	Value string `json:"value"`
}

// A Cell is one benchmark in one unit, in benchstat's form. Unknown values are nil.
type Cell struct {
	Name string `json:"name"`
	Unit string `json:"unit"`
	Base Side   `json:"base"`
	Head Side   `json:"head"`
	// Shift, Low and High are shares of the base, or amounts in the unit if Absolute is set.
	Shift      *float64           `json:"shift"`
	Low        *float64           `json:"low"`
	High       *float64           `json:"high"`
	Confidence *float64           `json:"confidence"`
	Absolute   bool               `json:"absolute"`
	P          *float64           `json:"p"`
	Adjusted   *float64           `json:"p_holm"`
	Better     string             `json:"better"` // lower, higher or neither
	Exact      bool               `json:"exact"`
	Margin     string             `json:"margin"`
	Verdict    comparison.Verdict `json:"verdict"`
	Why        string             `json:"why,omitempty"`
	Doubt      string             `json:"doubt,omitempty"` // see comparison.Figure
	// Exploratory means that the cell is not in the family. Marked means that it differs by more than
	// chance explains, among all exploratory cells.
	Exploratory bool `json:"exploratory"`
	Marked      bool `json:"marked"`

	group string  // what a reader calls the cell without its unit; Name if it is ""
	rate  float64 // of a run: calls per second, or 0 if there is no one rate
	need  int     // the rounds that could show a difference, if there were too few of them

	Result *comparison.Result `json:"-"` // what the cell was made from, with the values of all rounds
}

// A Side holds what was measured of a base or a head.
type Side struct {
	Median *float64 `json:"median"`
	Rounds int      `json:"rounds"`
}

// newCell returns the cell of a result.
func newCell(r *comparison.Result) *Cell {
	known := func(x float64) *float64 {
		if math.IsNaN(x) || math.IsInf(x, 0) {
			return nil
		}
		return &x
	}
	c := &Cell{Name: r.Name, Unit: r.Rule.Unit,
		Base: Side{known(r.BaseMedian), len(r.Base)}, Head: Side{known(r.HeadMedian), len(r.Head)},
		Shift: known(r.Shift), Low: known(r.Low), High: known(r.High), Absolute: r.Absolute, P: known(r.P),
		Better: r.Rule.Better.String(), Exact: r.Rule.Exact, Margin: r.Rule.Margin.String(),
		Verdict: r.Verdict, Why: r.Why, Exploratory: r.Exploratory, Marked: r.Marked}
	if r.TooFew {
		c.need = comparison.Need(r.Family, r.Paired)
	}
	c.Result = r
	if c.Shift != nil {
		c.Confidence = known(r.Confidence)
	}
	if c.P != nil {
		c.Adjusted = known(r.Adjusted)
	}
	return c
}

// add adds a cell to the table of the report that equals t except for its cells, or to t itself if there is none.
func (r *Report) add(t *Table, c *Cell) {
	i := slices.IndexFunc(r.Tables, func(o *Table) bool {
		return o.Base == t.Base && o.Head == t.Head && o.Why == t.Why && slices.Equal(o.Config, t.Config)
	})
	if i < 0 {
		i = len(r.Tables)
		r.Tables = append(r.Tables, t)
	}
	r.Tables[i].Cells = append(r.Tables[i].Cells, c)
}

// count counts the verdicts and sets the exit code and the summary. It returns an error if nothing was judged, since
// that must not pass.
func (r *Report) count() error {
	r.Counts = map[comparison.Verdict]int{}
	judged := 0
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			r.Counts[c.Verdict]++
			if c.Verdict.Judged() {
				judged++
			}
		}
	}
	if judged == 0 {
		return errors.New("nothing was judged: the better direction of every unit that was compared and should be " +
			"judged is unknown: add --better UNIT=lower (or higher), or a line such as " +
			"'Unit widgets/op better=lower' to the input, or select other units with --units")
	}
	switch {
	case r.Counts[comparison.Regressed] > 0:
		r.Exit = 1
	case r.Strict && r.Undecided() > 0:
		r.Exit = 3
	}
	var parts []string
	for _, v := range comparison.Verdicts() {
		if n := r.Counts[v]; n > 0 || slices.Contains(always, v) {
			parts = append(parts, fmt.Sprintf("%d %s", n, v))
		}
	}
	r.Summary = fmt.Sprintf("%s; exit %d", strings.Join(parts, ", "), r.Exit)
	return nil
}

// Undecided returns the number of cells whose difference may or may not exceed the margin.
func (r *Report) Undecided() (n int) {
	for v, count := range r.Counts {
		if v.Undecided() {
			n += count
		}
	}
	return n
}

// baseName returns what a reader calls the base.
func (t *Table) baseName() string { return cmp.Or(t.base, t.Base) }

// headName returns what a reader calls the head.
func (t *Table) headName() string { return cmp.Or(t.head, t.Head) }

// rounds returns the smallest and the largest number of rounds of a side.
func (t *Table) rounds() (least, most int) {
	least = math.MaxInt
	for _, c := range t.Cells {
		if n, m := c.Base.Rounds, c.Head.Rounds; n > 0 && m > 0 { // cells without rounds cannot be compared
			least, most = min(least, n, m), max(most, n, m)
		}
	}
	return least, most
}

// title returns a sentence that says what the table compares.
func (t *Table) title() string {
	least, most := t.rounds()
	how := "unpaired"
	if t.Paired {
		how = "paired"
	}
	return fmt.Sprintf("%s against %s, %s, %s: %s", t.Head, t.Base, format.Between(least, most, "round"), how,
		t.Why)
}

// median returns the median of a side in the form of benchstat, with its own prefix.
func (c *Cell) median(s Side) string {
	if s.Median == nil {
		return format.None
	}
	return format.Scaled(*s.Median, c.Unit)
}

// margin returns the margin, or format.None if the cell is not judged.
func (c *Cell) margin() string {
	if !c.Verdict.Judged() {
		return format.None
	}
	return c.Margin
}
