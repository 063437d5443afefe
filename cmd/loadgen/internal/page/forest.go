package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// The sizes of charts with one row per item, in pixels unless noted.
const (
	rowHeight   = 20
	nameRoom    = 240 // to the left of the rows
	verdictRoom = 290 // to the right of the rows
	nameLength  = 32  // characters
)

// ratioScale returns a scale of ratios that includes 1. It is linear if the ratios are near 1, and logarithmic
// otherwise.
func ratioScale(ratios []float64, from, to float64) *scale {
	lo, hi := 0.97, 1.03
	for _, r := range ratios {
		if r > 0 {
			lo, hi = min(lo, r), max(hi, r)
		}
	}
	if lo > 0.5 && hi < 2 {
		room := (hi - lo) / 40
		return linearScale([]float64{lo - room, hi + room}, from, to)
	}
	return logScale([]float64{lo, hi}, from, to)
}

// ratioTick returns a function that returns the label of a ratio on an axis.
func ratioTick(s *scale) func(float64) string {
	return func(r float64) string {
		if s.log {
			return "x" + format.Digits(r, 3)
		}
		return format.Signed(math.Round(1e6*(r-1))/1e6, format.Given)
	}
}

// rowsChart sets the size and the x axis of a chart of n rows.
func rowsChart(c *chart, n int, ratios []float64) {
	c.Wide = true
	c.Width, c.Height = wideWidth, px(topMargin+rowHeight*n+axisMargin)
	c.Left, c.Top = nameRoom, topMargin
	c.Right, c.Bottom = c.Width-verdictRoom, c.Height-axisMargin
	s := ratioScale(ratios, float64(c.Left), float64(c.Right))
	c.X = axis{Ticks: s.ticks(ratioTick(s), across), Scale: s, Per: 1}
	one := s.at(1)
	c.Shapes = append(c.Shapes, shape{Kind: "mark", Class: "one", X: one, Y: c.Top, X2: one, Y2: c.Bottom,
		Label: "no difference"})
}

// row draws a figure, with its margin, interval and verdict.
func (c *chart) row(i int, r *row, name string) (middle px) {
	s := c.X.Scale
	middle = c.Top + px(rowHeight*i) + rowHeight/2
	class := strings.ReplaceAll(string(r.Verdict), " ", "-")
	if low, high, ok := r.margin(); ok {
		c.Shapes = append(c.Shapes, shape{Kind: "zone", Class: "margin", X: s.at(1 + low), Y: middle - 8,
			X2: s.at(1 + high), Y2: middle + 8,
			Label: "margin " + format.Signed(low, format.Given) + " to " + format.Signed(high, format.Given)})
	}
	change := format.Change(r.Shift) + " " + format.Interval(r.Low, r.High, format.Change)
	c.Shapes = append(c.Shapes,
		shape{Kind: "bar", Class: class, X: s.at(1 + r.Low), Y: middle, X2: s.at(1 + r.High), Y2: middle,
			Label: name + ": " + change},
		shape{Kind: "dot", Class: class, X: s.at(1 + r.Shift), Y: middle, Square: true, Label: name + ": " + change})
	c.Texts = append(c.Texts,
		label{c.Left - 10, middle + 4, "end", "", format.Cut(name, nameLength), name},
		label{c.Right + 10, middle + 4, "start", class, format.Cut(r.verdict()+" "+change, 38),
			r.verdict() + ", " + change})
	return middle
}

// name returns the unit, the level and the other arms of a row.
func (r *row) name() string { return r.besides(r.Unit + " at " + report.Load(r.level)) }

// besides adds the arms in other dimensions to a name.
func (r *row) besides(name string) string {
	if r.beside != "" {
		name += ", " + r.beside
	}
	return name
}

// verdict returns the verdict of the row, with a mark if it is exploratory and marked.
func (r *row) verdict() string {
	if r.Marked {
		return string(r.Verdict) + " *"
	}
	return string(r.Verdict)
}

// judgedFirst orders rows that are judged before exploratory rows, and the most harmful rows first.
func judgedFirst(a, b *row) int {
	switch {
	case a.Exploratory == b.Exploratory:
		return cmp.Compare(b.harm(), a.harm())
	case a.Exploratory:
		return 1
	}
	return -1
}

// forest returns a chart of all rows of a contest.
func forest(id string, pair *contest) *chart {
	c := &chart{ID: id, Title: fmt.Sprintf("All cells of %v", pair.Pair), Table: verdicts(pair.rows)}
	var rows []*row
	var ratios []float64
	same := 0
	for _, r := range pair.rows {
		switch {
		case r.drawable():
			rows = append(rows, r)
			ratios = append(ratios, 1+r.Low, 1+r.High)
			if low, high, ok := r.margin(); ok {
				ratios = append(ratios, 1+low, 1+high)
			}
		case r.same():
			same++
		}
	}
	slices.SortStableFunc(rows, judgedFirst)
	if len(rows) == 0 {
		c.Missing = "No cell of this comparison has an interval that can be drawn as a ratio: see the table."
		if !slices.ContainsFunc(pair.rows, func(r *row) bool { return len(r.Rounds) > 0 }) {
			c.Missing = "No round measured both arms."
		}
		return c
	}
	c.Caption = fmt.Sprintf("%s against %s, paired by round: the shift with its 95%% interval, the most harmful "+
		"first, and the margin shaded. "+
		"Verdicts are corrected for all judged cells of the run (Holm). Exploratory cells have no verdict, and an "+
		"uncorrected interval; "+
		"* marks those that differ by more than chance explains (Benjamini-Hochberg, 5%%). %s the same in both, "+
		"and %d cannot be drawn as a ratio: see the table.",
		pair.A, pair.B, are(same), len(pair.rows)-same-len(rows))
	rowsChart(c, len(rows), ratios)
	c.X.Title = fmt.Sprintf("%s, as a ratio or change to %s", format.Cut(pair.A, 30), format.Cut(pair.B, 30))
	for i, r := range rows {
		c.row(i, r, r.name())
	}
	return c
}

// are returns a number with "is" or "are".
func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// verdicts returns the table of rows, with the judged rows first.
func verdicts(rows []*row) (t table) {
	t.Header = []string{"cell", "base", "head", "shift", "95% interval", "margin", "p (Holm)", "rounds", "verdict"}
	for _, exploratory := range []bool{false, true} {
		for _, r := range rows {
			if r.Exploratory == exploratory {
				t.Rows = append(t.Rows, r.cells())
			}
		}
	}
	return t
}

// cells returns the cells of the row in a table.
func (r *row) cells() []string {
	shift, interval, margin, verdict := format.None, format.None, format.None, r.verdict()
	if !math.IsNaN(r.Shift) {
		shift, interval = r.change(r.Shift), format.Interval(r.Low, r.High, r.change)
	}
	if r.Verdict.Judged() {
		margin = r.Rule.Margin.String()
	}
	if r.Why != "" {
		verdict += ": " + r.Why
	}
	return []string{r.name(), r.number(r.BaseMedian), r.number(r.HeadMedian), shift, interval, margin,
		format.P(r.Adjusted), fmt.Sprint(len(r.Base)), verdict}
}

// change returns a shift, or an end of its interval.
func (r *row) change(x float64) string {
	if r.Absolute {
		return format.Signed(r.InUnit(x), format.Number)
	}
	return format.Change(x)
}

// number returns a value in the unit of the row.
func (r *row) number(x float64) string {
	return format.Number(r.InUnit(x))
}

// stripUnits are the units whose rounds are drawn, in addition to the judged units.
var stripUnits = []string{"p50-latency-ns", "p99-latency-ns", "p50-service-ns", "cpu-ns/op", "B/op", "allocs/op"}

// strip returns a chart of every round of a contest at a level, which explains the verdicts.
func strip(id string, pair *contest, all []*row) *chart {
	c := &chart{ID: id, Title: fmt.Sprintf("Round by round: %v", pair.Pair)}
	var rows []*row
	var ratios []float64
	for _, r := range all {
		if r.Exploratory && !slices.Contains(stripUnits, r.Unit) || len(r.Base) == 0 ||
			slices.Min(slices.Concat(r.Base, r.Head)) <= 0 {
			continue
		}
		rows = append(rows, r)
		for i, b := range r.Base {
			ratios = append(ratios, r.Head[i]/b)
		}
		if low, high, ok := r.margin(); ok {
			ratios = append(ratios, 1+low, 1+high)
		}
		if r.drawable() {
			ratios = append(ratios, 1+r.Low, 1+r.High)
		}
	}
	c.Table.Header = []string{"round"}
	if len(rows) == 0 {
		c.Missing = fmt.Sprintf("No round has both %s and %s.", pair.A, pair.B)
		return c
	}
	rowsChart(c, len(rows), ratios)
	c.X.Title = fmt.Sprintf("%s, as a ratio or change to %s", format.Cut(pair.A, 30), format.Cut(pair.B, 30))
	c.Caption = fmt.Sprintf("A dot for each round, %s against %s; the bar is the shift with its 95%% interval, and "+
		"the margin is shaded.", pair.A, pair.B)
	if n := len(rows[0].Rounds); n < comparison.MinPairs {
		c.Caption += fmt.Sprintf(" With %s there is no interval: want at least %d.", format.Plural(n, "round"),
			comparison.MinPairs)
	}
	for i, r := range rows {
		c.rounds(i, r)
	}
	c.Table = roundsTable(rows)
	return c
}

// rounds draws a row with a dot for each round.
func (c *chart) rounds(i int, r *row) {
	name := r.besides(r.Unit)
	middle := c.Top + px(rowHeight*i) + rowHeight/2
	if r.drawable() {
		c.row(i, r, name)
	} else {
		c.Texts = append(c.Texts, label{c.Left - 10, middle + 4, "end", "", format.Cut(name, nameLength), name},
			label{c.Right + 10, middle + 4, "start", "", format.Cut(r.verdict(), 38), r.verdict() + ": " + r.Why})
	}
	for k, b := range r.Base {
		change := r.Head[k] / b
		// Dots are in three lines, since rounds with equal values would hide each other.
		y := middle + px(k%3-1)*4
		c.Shapes = append(c.Shapes, shape{Kind: "dot", Class: "round", X: c.X.Scale.at(change), Y: y,
			Label: fmt.Sprintf("round %d: %s", r.Rounds[k], format.Change(change-1))})
	}
}

// roundsTable returns a table with a row for each round and a column for each figure.
func roundsTable(rows []*row) (t table) {
	t.Header = []string{"round"}
	by := map[int][]string{}
	var rounds []int
	for k, r := range rows {
		t.Header = append(t.Header, r.besides(r.Unit))
		for i, round := range r.Rounds {
			if by[round] == nil {
				by[round] = slices.Repeat([]string{format.None}, len(rows))
				rounds = append(rounds, round)
			}
			by[round][k] = format.Change(r.Head[i]/r.Base[i] - 1)
		}
	}
	slices.Sort(rounds)
	for _, round := range rounds {
		t.Rows = append(t.Rows, append([]string{fmt.Sprint(round)}, by[round]...))
	}
	return t
}
