package page

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A comparePage holds what the template of a comparison shows.
type comparePage struct {
	head
	Answer          string
	Counts, Believe []chip
	Cards           []card
	Next            []step
	Tables          []compareTable
	Remarks         []string
}

// A compareTable holds what was measured under the same conditions: a chart of what is judged, and all numbers.
type compareTable struct {
	Title, How, Config string
	Forest             *forest
	Left               string // how many changes the chart leaves out
	Judged, Others     table
}

// Compare writes the page of a comparison.
func Compare(w io.Writer, r *gate.Report) error {
	var all []*change
	p := &comparePage{}
	by := make([][]*change, len(r.Tables))
	for i, t := range r.Tables {
		for _, c := range t.Cells {
			x := &change{Result: c.Result, name: readable(c.Name), unit: c.Unit, per: 1, doubt: c.Doubt,
				revision: !r.Arms()}
			by[i] = append(by[i], x)
			if x.Verdict.Judged() {
				all = append(all, x)
			}
		}
	}
	p.Answer, p.Counts = verdictsOf(all, r.Arms())
	if void := r.NotValid(); void != "" {
		p.Answer = void
	}
	p.Believe = believeReport(r, all)
	p.Next = []step{{Why: nextOf(all) + fmt.Sprintf("Exit code %d", r.Exit)}}
	slices.SortStableFunc(all, mostImportant)
	for _, x := range all[:min(len(all), mostCards)] {
		k := x.card(nil)
		k.Name = nameOf(x.unit) + ", " + x.name
		p.Cards = append(p.Cards, k)
	}
	var ratios []float64
	for _, x := range all {
		ratios = append(ratios, x.ratios()...)
	}
	axis := ratioScale(ratios)
	for i, t := range r.Tables {
		p.Tables = append(p.Tables, compareTableOf(t, by[i], axis))
	}
	for _, n := range r.Notes {
		p.Remarks = append(p.Remarks, "note: "+n)
	}
	for _, n := range r.Warnings {
		p.Remarks = append(p.Remarks, "warning: "+n)
	}
	p.head = head{Title: r.Summary, Name: "loadgen compare"}
	if len(r.Tables) > 0 {
		p.Meta = bare(r.Tables[0].Head) + " against " + bare(r.Tables[0].Base)
		if more := len(r.Tables) - 1; more > 0 {
			p.Meta += fmt.Sprintf(", and %d more", more)
		}
	}
	return write(w, "compare.html", p)
}

// readable returns the name of a benchmark with its rate, if it ends with one, as people write it: Load/spans=sdk at
// 50,000/s.
func readable(name string) string {
	of, rate, ok := strings.Cut(name, "/qps=")
	if qps, err := strconv.ParseFloat(rate, 64); ok && err == nil {
		return of + " at " + format.GivenRate(qps)
	}
	return name
}

// kindOf returns the word that a change is counted by.
func (c *change) kindOf() string {
	if c.Verdict == comparison.Expected {
		return "expected"
	}
	_, word, _ := strings.Cut(c.word().Text, " ")
	return word
}

// A kind is a kind of verdicts that are counted together.
type kind struct{ word, symbol, tone string }

// verdictsOf returns the answer of a comparison, and how many changes have each verdict.
func verdictsOf(all []*change, arms bool) (answer string, counts []chip) {
	bad := "regressed"
	if arms {
		bad = "worse"
	}
	kinds := []kind{{bad, "✗", "bad"}, {"better", "✓", "good"}, {"same", "=", "flat"}, {"in doubt", "!", "doubt"},
		{"not shown", "?", "doubt"}, {"expected", "✗", "doubt"}}
	if !arms {
		kinds = slices.Insert(kinds, 1, kind{"worse", "✗", "bad"})
	}
	number := map[string]int{}
	for _, c := range all {
		number[c.kindOf()]++
	}
	var parts []string
	for i, k := range kinds {
		n := number[k.word]
		if n > 0 || i == 0 || slices.Contains([]string{"better", "same", "not shown"}, k.word) {
			c := chip{Tone: k.tone, Text: fmt.Sprintf("%s %d %s", k.symbol, n, k.word)}
			if n == 0 {
				c.Tone = "flat"
			}
			counts = append(counts, c)
		}
		if n > 0 && i > 0 {
			text := fmt.Sprintf("%d %s", n, k.word)
			if len(parts) == 0 && number[bad] == 0 {
				text = fmt.Sprintf("%d of %s are %s", n, format.Plural(len(all), "number"),
					strings.Replace(k.word, "same", "the same", 1))
			}
			parts = append(parts, text)
		}
	}
	rest := strings.Join(parts, ", ")
	if n := number[bad]; n > 0 {
		worst := slices.MinFunc(all, mostImportant)
		shift, _ := worst.texts()
		what := bad
		if arms {
			what = "are " + bad
		}
		answer = fmt.Sprintf("%d of %s %s, most of all %s of %s: %s", n, format.Plural(len(all), "number"), what,
			nameOf(worst.unit), worst.name, shift)
		if rest != "" {
			answer += "; " + rest
		}
		return answer, counts
	}
	nothing := "Nothing regressed: "
	if arms {
		nothing = "Nothing is worse: "
	}
	if number["not shown"] == len(all) {
		return fmt.Sprintf("Nothing is shown: %s, and each may be better or worse",
			format.Plural(len(all), "number")), counts
	}
	return nothing + rest, counts
}

// importance orders verdicts as readers want to see them.
var importance = []comparison.Verdict{comparison.Regressed, comparison.Worse, comparison.Inconclusive,
	comparison.Improved, comparison.Better, comparison.Expected, comparison.Equivalent}

// mostImportant orders changes by their verdict, those without a doubt first, and by their size.
func mostImportant(a, b *change) int {
	size := func(c *change) float64 {
		if !c.drawable() || c.Shift <= -1 {
			return 0
		}
		return math.Abs(math.Log(1 + c.Shift))
	}
	doubtful := func(c *change) int {
		if c.doubt != "" && c.Verdict.Differs() {
			return 1
		}
		return 0
	}
	return cmp.Or(cmp.Compare(slices.Index(importance, a.Verdict), slices.Index(importance, b.Verdict)),
		cmp.Compare(doubtful(a), doubtful(b)), cmp.Compare(size(b), size(a)))
}

// believeReport returns the reasons to believe or to doubt a comparison.
func believeReport(r *gate.Report, all []*change) (chips []chip) {
	paired, unpaired, rounds := 0, 0, math.MaxInt
	for _, c := range all {
		if n := len(c.Base); c.Paired {
			paired++
			rounds = min(rounds, n)
		} else {
			unpaired++
			rounds = min(rounds, n, len(c.Head))
		}
	}
	if r.NotValid() != "" {
		chips = append(chips, chip{Tone: "bad", Text: "✗ not valid"})
	} else if doubt := r.Doubtful(); doubt != "" {
		chips = append(chips, chip{Tone: "doubt", Text: "! " + doubt})
	}
	switch {
	case len(all) == 0:
	case unpaired == 0:
		chips = append(chips, chip{Tone: "good", Text: "✓ " + format.Plural(rounds, "round") + ", paired"})
	default:
		chips = append(chips, chip{Tone: "doubt", Text: fmt.Sprintf("! %d of %s not paired: what slowed one side "+
			"alone counts as a change", unpaired, format.Plural(unpaired+paired, "number"))})
	}
	chips = append(chips, chip{Tone: "flat", Text: format.Plural(len(all), "number") + " judged as one family"})
	if n, paired, _ := agreement(all); paired > 0 && n > 0 {
		chips = append(chips, chip{Tone: "good", Text: fmt.Sprintf("✓ all rounds agree on %d of %d", n, paired)})
	}
	for i, w := range r.Warnings {
		if i == mostDoubts && len(r.Warnings) > mostDoubts+1 {
			chips = append(chips, chip{Tone: "doubt", Text: fmt.Sprintf("! and %d more, below", len(r.Warnings)-i)})
			break
		}
		chips = append(chips, chip{Tone: "doubt", Text: "! " + format.Cut(w, 80), More: w})
	}
	return chips
}

// nextOf returns why the most important of the numbers that are not shown is not, or "".
func nextOf(all []*change) string {
	for _, c := range all {
		if c.Verdict == comparison.Inconclusive && c.Why != "" {
			return fmt.Sprintf("%s of %s is not shown: %s. ", nameOf(c.unit), c.name, strings.TrimSuffix(c.Why, "."))
		}
	}
	return ""
}

// mostRows is the number of rows in a chart.
const mostRows = 120

// compareTableOf returns a table of a report.
func compareTableOf(t *gate.Table, all []*change, axis *scale) compareTable {
	c := compareTable{Title: bare(t.Head) + " against " + bare(t.Base),
		How:    how(t),
		Judged: table{Header: changeHeader}, Others: table{Header: changeHeader}}
	var config []string
	for _, pair := range t.Config {
		config = append(config, pair.Key+": "+pair.Value)
	}
	c.Config = strings.Join(config, ", ")
	var judged []*change
	for _, x := range all {
		if x.Verdict.Judged() {
			judged = append(judged, x)
			c.Judged.Rows = append(c.Judged.Rows, x.line(x.name+" "+x.unit))
		} else {
			c.Others.Rows = append(c.Others.Rows, x.line(x.name+" "+x.unit))
		}
	}
	if more := len(judged) - mostRows; more > 0 {
		slices.SortStableFunc(judged, mostImportant)
		judged = judged[:mostRows]
		c.Left = fmt.Sprintf("The chart has the %d numbers that matter most. The table has %d more.", mostRows, more)
	}
	c.Forest = grouped(judged, axis)
	return c
}

// how returns how many rounds there are of a table, and how they are paired.
func how(t *gate.Table) string {
	least, most := math.MaxInt, 0
	for _, c := range t.Cells {
		if n, m := c.Base.Rounds, c.Head.Rounds; n > 0 && m > 0 {
			least, most = min(least, n, m), max(most, n, m)
		}
	}
	paired := "not paired"
	if t.Paired {
		paired = "paired"
	}
	return fmt.Sprintf("%s, %s: %s", format.Between(least, most, "round"), paired, t.Why)
}

// grouped returns a forest of changes below the names of what was measured: what is worse first.
func grouped(changes []*change, axis *scale) *forest {
	var groups []string
	by := map[string][]*change{}
	for _, c := range changes {
		if by[c.name] == nil {
			groups = append(groups, c.name)
		}
		by[c.name] = append(by[c.name], c)
	}
	harmful := func(name string) int {
		if slices.ContainsFunc(by[name], func(c *change) bool { return c.Verdict == comparison.Regressed }) {
			return 0
		}
		return 1
	}
	slices.SortStableFunc(groups, func(a, b string) int { return harmful(a) - harmful(b) })
	var ordered []*change
	for _, name := range groups {
		slices.SortStableFunc(by[name], func(a, b *change) int { return inOrder(a.unit) - inOrder(b.unit) })
		ordered = append(ordered, by[name]...)
	}
	f := newForest("", "", ordered, axis)
	for i, r := range f.Rows {
		if i == 0 || ordered[i].name != ordered[i-1].name {
			r.Group = ordered[i].name
		}
		r.Name = nameOf(ordered[i].unit)
	}
	return f
}
