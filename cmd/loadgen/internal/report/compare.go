package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A quantity says how sentences name a unit.
type quantity struct {
	unit       string
	per        float64 // size of a printed unit, in unit
	printed    string  // name of the printed unit
	less, more string  // "fewer bytes", "more bytes"
	name       string
	taken      bool // whether a call takes it, as it takes CPU
}

// latencyUnit is the unit of latency that sentences mention.
const latencyUnit = "p99-latency-ns"

// quantities are the units that sentences mention even if they are exploratory.
var quantities = []quantity{
	{"B/op", 1, "B/op", "fewer bytes", "more bytes", "bytes", true},
	{"allocs/op", 1, "allocs/op", "fewer allocations", "more allocations", "allocations", true},
	{"cpu-ns/op", 1e3, "us/op", "less CPU", "more CPU", "CPU", true},
	{"p50-service-ns", 1e3, "us", "less service time at p50", "more service time at p50", "service time at p50",
		true},
	{latencyUnit, 1e3, "us", "lower p99 latency", "higher p99 latency", "p99 latency", false},
}

// quantityOf returns the quantity of a unit.
func quantityOf(unit string) quantity {
	if i := slices.IndexFunc(quantities, func(q quantity) bool { return q.unit == unit }); i >= 0 {
		return quantities[i]
	}
	return quantity{unit, 1, unit, "lower " + unit, "higher " + unit, unit, false}
}

// comparisons returns a sentence for every contest.
func comparisons(run *results.Run, cells []*view, contests []*comparison.Contest) (sentences []string) {
	for _, c := range contests {
		what := fmt.Sprintf("%[1]s=%[2]s vs %[1]s=%[3]s at %[4]s", c.Dimension, c.A, c.B, load(c.CellA.Level))
		what = strings.Join(append([]string{what}, c.Beside(run.Scenario)...), ", ")
		doubt := doubtOf(find(cells, c.CellB), find(cells, c.CellA))
		sentences = append(sentences, what+": "+compare(c)+doubt.String()+".")
	}
	return sentences
}

// A doubt is how many visits of a comparison are not valid, and why.
type doubt struct {
	NotValid int      `json:"not_valid"`
	Visits   int      `json:"visits"` // of both sides
	Reasons  []string `json:"reasons"`
}

func doubtOf(base, other *view) doubt {
	d, reasons := doubt{Reasons: []string{}}, map[string]uint64{}
	visits := slices.Concat(base.visits, other.visits)
	for _, v := range visits {
		if len(v.Verdict) > 0 {
			d.NotValid++
		}
		for _, r := range v.Verdict {
			reasons[r.Name]++
		}
	}
	d.Visits, d.Reasons = len(visits), append(d.Reasons, sortedByCount(reasons)...)
	return d
}

func (d doubt) String() string {
	if d.NotValid == 0 {
		return ""
	}
	return fmt.Sprintf("; in doubt: %d of %s (%s)", d.NotValid, format.Plural(d.Visits, "visit"),
		strings.Join(d.Reasons, ", "))
}

// find returns the view of a cell.
func find(cells []*view, c scenarios.Cell) *view {
	return cells[slices.IndexFunc(cells, func(v *view) bool { return v.cell == c })]
}

// compare returns the verdicts of a contest as text: in which quantities the head differs from the base, in which no
// difference was shown, and which cannot be compared.
func compare(c *comparison.Contest) string {
	if n := len(c.Rounds); n < comparison.MinPairs {
		return fmt.Sprintf("cannot be judged: a 95%% interval needs %d rounds, but there are only %d",
			comparison.MinPairs, n)
	}
	var clauses clauses
	for _, f := range mentioned(c) {
		q := quantityOf(f.Unit)
		switch {
		case f.Exploratory && math.IsNaN(f.Shift):
		case f.Exploratory:
			clauses.add("exploratory: ", fmt.Sprintf("%s (%s, %s)%s", q.name, q.medians(c, f), q.shift(f), marked(f)))
		case f.Incomparable != "":
			clauses.add(q.name+" cannot be compared: ", f.Why)
		case f.Verdict.Differs():
			clauses.add(format.Verdict(f.Verdict).Text+": ",
				fmt.Sprintf("%s (%s, %s)", q.difference(f), q.medians(c, f),
					q.interval(f)))
		default:
			clauses.add(format.Verdict(f.Verdict).Text+": ", fmt.Sprintf("%s (%s, %s)", q.name, q.medians(c, f),
				q.shift(f)))
		}
	}
	return clauses.String()
}

// marked returns a mark if an exploratory figure differs by more than chance explains.
func marked(f *comparison.Figure) string {
	if f.Marked {
		return " *"
	}
	return ""
}

// mentioned returns the figures that a sentence mentions, the most important first: all judged figures, and the
// quantities.
func mentioned(c *comparison.Contest) (figures []*comparison.Figure) {
	for _, q := range quantities {
		if f := c.Figure(q.unit); f != nil {
			figures = append(figures, f)
		}
	}
	for _, f := range c.Figures {
		if !f.Exploratory && !slices.Contains(figures, f) {
			figures = append(figures, f)
		}
	}
	slices.SortStableFunc(figures, func(a, b *comparison.Figure) int { return weight(a) - weight(b) })
	return figures
}

// weight returns the order of a figure, by verdict. Of one verdict, figures that cannot be compared come last.
func weight(f *comparison.Figure) int {
	w := 2 * slices.Index(comparison.Verdicts(), f.Verdict)
	if f.Incomparable != "" {
		w++
	}
	return w
}

// clauses groups items by the words that introduce them.
type clauses []struct {
	words string
	items []string
}

// add adds an item to the clause with these words.
func (c *clauses) add(words, item string) {
	for i := range *c {
		if (*c)[i].words == words {
			(*c)[i].items = append((*c)[i].items, item)
			return
		}
	}
	*c = append(*c, struct {
		words string
		items []string
	}{words, []string{item}})
}

// String returns the clauses as one sentence, without a full stop.
func (c clauses) String() string {
	var parts []string
	for _, clause := range c {
		parts = append(parts, clause.words+strings.Join(clause.items, ", "))
	}
	return strings.Join(parts, "; ")
}

// medians returns the medians of both sides.
func (q *quantity) medians(c *comparison.Contest, f *comparison.Figure) string {
	text := fmt.Sprintf("%s -> %s %s", format.Number(f.InUnit(f.BaseMedian)/q.per),
		format.Number(f.InUnit(f.HeadMedian)/q.per), q.printed)
	if q.unit == latencyUnit && generators(c) {
		text += ", mostly the generator's own lag"
	}
	return text
}

// shift returns the shift with its interval.
func (q *quantity) shift(f *comparison.Figure) string {
	return q.change(f, f.Shift) + " " + q.interval(f)
}

// interval returns the interval of the shift.
func (q *quantity) interval(f *comparison.Figure) string {
	return format.Interval(f.Low, f.High, func(x float64) string { return q.change(f, x) })
}

// change returns a shift, or an end of its interval.
func (q *quantity) change(f *comparison.Figure, x float64) string {
	if !f.Absolute {
		return format.Signed(x, format.Rough)
	}
	return format.Signed(f.InUnit(x)/q.per, format.Number)
}

// difference returns how the head differs, in words.
func (q *quantity) difference(f *comparison.Figure) string {
	words := q.less
	if f.Shift > 0 {
		words = q.more
	}
	switch {
	case f.Absolute:
		return fmt.Sprintf("%s %s", format.Number(math.Abs(f.InUnit(f.Shift))/q.per), words)
	case f.Shift >= 0.995: // printed as 2.00 times or more
		return fmt.Sprintf("%s times the %s", format.Number(1+f.Shift), q.name)
	}
	return share(math.Abs(f.Shift)) + " " + words
}

// degree returns how much lower or higher the head is than the base, which is not named if it is "".
func (q *quantity) degree(f *comparison.Figure, base string) string {
	way, as := "lower", " as high"
	if f.Shift > 0 {
		way = "higher"
	}
	if base != "" {
		way, as = way+" than "+base, as+" as "+base
	}
	switch {
	case f.Absolute:
		return fmt.Sprintf("%s %s %s", format.Number(math.Abs(f.InUnit(f.Shift))/q.per), q.printed, way)
	case f.Shift >= 0.995:
		return format.Number(1+f.Shift) + " times" + as
	}
	return share(math.Abs(f.Shift)) + " " + way
}

// generators reports whether generator lag makes up most of the p99 latency on both sides.
func generators(c *comparison.Contest) bool {
	lag, latency := c.Figure("p99-generator-lag-us"), c.Figure(latencyUnit)
	if lag == nil || latency == nil {
		return false
	}
	most := func(lag, latency float64) bool { return 1e3*lag > latency/2 }
	return most(lag.BaseMedian, latency.InUnit(latency.BaseMedian)) &&
		most(lag.HeadMedian, latency.InUnit(latency.HeadMedian))
}

// family returns the numbers of verdicts of all contests, which are one family.
func family(contests []*comparison.Contest) string {
	counts, all := map[format.Word]int{}, 0
	for _, r := range comparison.Results(contests) {
		if !r.Exploratory {
			counts[format.Verdict(r.Verdict)]++
			all++
		}
	}
	var parts []string
	for _, v := range comparison.Verdicts() {
		if word := format.Verdict(v); counts[word] > 0 {
			parts = append(parts, fmt.Sprintf("%d %s", counts[word], word.Text))
			counts[word] = 0
		}
	}
	return fmt.Sprintf("Of %s, judged as one family: %s. Exploratory numbers are not judged; "+
		"* marks those that differ by more than chance explains.", format.Plural(all, "number"),
		strings.Join(parts, ", "))
}

// share returns a difference in per cent that is not 0.
func share(x float64) string {
	if s := format.Rough(x); s != "0%" {
		return s
	}
	return "under 0.01%"
}
