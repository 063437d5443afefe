package page

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// The sizes of charts that have a row for each of something.
const (
	rowHeight   = 20
	nameRoom    = 240 // left of the rows
	verdictRoom = 290 // right of them
	nameLength  = 32  // characters
)

// ratioScale is one of ratios around 1: even steps if they are near it, and even
// factors if not.
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

// ratio writes one as a change in per cent, and a great one as a factor.
func ratio(r float64) string {
	if r >= 2 {
		return "×" + report.Number(r)
	}
	return strings.Replace(report.Change(r), "-", "−", 1)
}

// ratioTick writes a ratio on an axis.
func ratioTick(s *scale) func(float64) string {
	return func(r float64) string {
		if s.log {
			return fmt.Sprintf("×%g", r)
		}
		return ratio(math.Round(r*1e6) / 1e6)
	}
}

// rowsChart begins a chart of n rows around the ratios.
func rowsChart(c *chart, n int, ratios []float64) {
	c.Wide = true
	c.Width, c.Height = wideWidth, px(topMargin+rowHeight*n+axisMargin)
	c.Left, c.Top = nameRoom, topMargin
	c.Right, c.Bottom = c.Width-verdictRoom, c.Height-axisMargin
	s := ratioScale(ratios, float64(c.Left), float64(c.Right))
	c.X = axis{Ticks: s.ticks(ratioTick(s), across), Scale: s, Per: 1}
	one := s.at(1)
	c.Shapes = append(c.Shapes, shape{Kind: "mark", Class: "one", X: one, Y: c.Top, X2: one, Y2: c.Bottom, Label: "no difference"})
}

// row draws a cell: its margin, its interval, and its verdict.
func (c *chart) row(i int, j *judged, name string) (middle px) {
	s := c.X.Scale
	middle = c.Top + px(rowHeight*i) + rowHeight/2
	class := strings.ReplaceAll(string(j.verdict()), " ", "-")
	r := j.result
	if low, high, ok := j.margin(); ok {
		c.Shapes = append(c.Shapes, shape{Kind: "zone", Class: "margin", X: s.at(1 + low), Y: middle - 8, X2: s.at(1 + high), Y2: middle + 8,
			Label: "margin " + ratio(1+low) + " to " + ratio(1+high)})
	}
	change := fmt.Sprintf("%s [%s, %s]", ratio(1+r.Shift), ratio(1+r.Low), ratio(1+r.High))
	c.Shapes = append(c.Shapes,
		shape{Kind: "bar", Class: class, X: s.at(1 + r.Low), Y: middle, X2: s.at(1 + r.High), Y2: middle, Label: name + ": " + change},
		shape{Kind: "dot", Class: class, X: s.at(1 + r.Shift), Y: middle, Square: true, Label: name + ": " + change})
	c.Texts = append(c.Texts,
		label{c.Left - 10, middle + 4, "end", "", cut(name, nameLength), name},
		label{c.Right + 10, middle + 4, "start", class, cut(string(j.verdict())+" "+change, 38), string(j.verdict()) + ", " + change})
	return middle
}

// name is what is compared in a cell, and where.
func (j *judged) name() string {
	name := j.unit + " at " + report.Load(j.level)
	if j.among != "" {
		name += ", " + j.among
	}
	return name
}

// drawable tells whether a cell can be drawn among ratios.
func (j *judged) drawable() bool { return !j.nothing() && !j.result.Absolute }

// forest is all cells of a comparison.
func forest(id string, of *contest) *chart {
	c := &chart{ID: id, Title: fmt.Sprintf("All cells of %v", of.Pair), Table: verdicts(of.cells)}
	var rows []*judged
	var ratios []float64
	same := 0
	for _, j := range of.cells {
		switch {
		case j.drawable():
			rows = append(rows, j)
			ratios = append(ratios, 1+j.result.Low, 1+j.result.High)
			if low, high, ok := j.margin(); ok {
				ratios = append(ratios, 1+low, 1+high)
			}
		case j.result != nil && j.result.Low == 0 && j.result.High == 0:
			same++
		}
	}
	slices.SortStableFunc(rows, func(a, b *judged) int { return cmp.Compare(b.harm(), a.harm()) })
	if len(rows) == 0 {
		c.Missing = "No cell of this comparison has an interval that is a ratio: see the table."
		if len(of.cells) == 0 {
			c.Missing = "Nothing was measured of both arms in the same round."
		}
		return c
	}
	c.Caption = fmt.Sprintf("%s against %s, paired by round: the shift with its 95%% interval, the most harmful first; the margin shaded. "+
		"Verdicts are corrected for all %d cells of this comparison (Holm). %s the same in both, and %d cannot be drawn as a ratio: they are in the table.",
		of.A, of.B, len(of.cells), are(same), len(of.cells)-same-len(rows))
	rowsChart(c, len(rows), ratios)
	c.X.Title = fmt.Sprintf("%s, as a ratio or change to %s", cut(of.A, 30), cut(of.B, 30))
	for i, j := range rows {
		c.row(i, j, j.name())
	}
	return c
}

func are(n int) string {
	if n == 1 {
		return "1 is"
	}
	return fmt.Sprintf("%d are", n)
}

// verdicts are cells as a table.
func verdicts(cells []*judged) (t table) {
	t.Header = []string{"cell", "base", "head", "shift", "95% interval", "margin", "p (Holm)", "rounds", "verdict"}
	for _, j := range cells {
		if j.result == nil {
			t.Rows = append(t.Rows, []string{j.name(), "-", "-", "-", "-", j.rule.Margin.String(), "-", fmt.Sprint(len(j.rounds)), "cannot be judged: " + j.why})
			continue
		}
		r := j.result
		back := 1.0 // of seconds to nanoseconds
		if r.Rule.Unit != j.unit {
			back = 1e9
		}
		shift, interval := "-", "-"
		switch {
		case math.IsNaN(r.Shift):
		case r.Absolute:
			shift, interval = report.Number(r.Shift*back), fmt.Sprintf("[%s, %s]", report.Number(r.Low*back), report.Number(r.High*back))
		default:
			shift, interval = ratio(1+r.Shift), fmt.Sprintf("[%s, %s]", ratio(1+r.Low), ratio(1+r.High))
		}
		p := "-"
		if !math.IsNaN(r.Adjusted) {
			p = fmt.Sprintf("%.3f", r.Adjusted)
		}
		verdict := string(r.Verdict)
		if r.Why != "" {
			verdict += ": " + r.Why
		}
		t.Rows = append(t.Rows, []string{j.name(), report.Number(r.BaseMedian * back), report.Number(r.HeadMedian * back),
			shift, interval, j.rule.Margin.String(), p, fmt.Sprint(len(r.Base)), verdict})
	}
	return t
}

// stripUnits are those of which the rounds are drawn one by one.
var stripUnits = []string{"p50-latency-ns", "p99-latency-ns", "p50-service-ns", "cpu-ns/op", "B/op", "allocs/op"}

// strip draws every round of a comparison at a level: the chart that explains the
// verdicts.
func strip(id string, of *contest, cells []*judged) *chart {
	c := &chart{ID: id, Title: fmt.Sprintf("Round by round: %v", of.Pair)}
	var rows []*judged
	var ratios []float64
	for _, j := range cells {
		if !slices.Contains(stripUnits, j.unit) || j.result == nil || slices.Min(slices.Concat(j.result.Base, j.result.Head)) <= 0 {
			continue
		}
		rows = append(rows, j)
		for i, b := range j.result.Base {
			ratios = append(ratios, j.result.Head[i]/b)
		}
		if low, high, ok := j.margin(); ok {
			ratios = append(ratios, 1+low, 1+high)
		}
		if j.drawable() {
			ratios = append(ratios, 1+j.result.Low, 1+j.result.High)
		}
	}
	c.Table.Header = []string{"round"}
	if len(rows) == 0 {
		c.Missing = fmt.Sprintf("No round has both %s and %s.", of.A, of.B)
		return c
	}
	rowsChart(c, len(rows), ratios)
	c.X.Title = fmt.Sprintf("%s, as a ratio or change to %s", cut(of.A, 30), cut(of.B, 30))
	c.Caption = fmt.Sprintf("A dot for each round, %s against %s; the bar is the shift with its 95%% interval, the margin is shaded.", of.A, of.B)
	if n := len(rows[0].rounds); n < comparison.MinPairs {
		c.Caption += fmt.Sprintf(" With %s there is no interval: want %d at least.", report.Plural(n, "round"), comparison.MinPairs)
	}
	for i, j := range rows {
		c.rounds(i, j)
	}
	c.Table = roundsTable(rows)
	return c
}

func (c *chart) rounds(i int, j *judged) {
	name := j.unit
	if j.among != "" {
		name += ", " + j.among
	}
	middle := c.Top + px(rowHeight*i) + rowHeight/2
	if j.drawable() {
		c.row(i, j, name)
	} else {
		c.Texts = append(c.Texts, label{c.Left - 10, middle + 4, "end", "", cut(name, nameLength), name},
			label{c.Right + 10, middle + 4, "start", "", cut(string(j.verdict()), 38), string(j.verdict()) + ": " + j.reason()})
	}
	for k, b := range j.result.Base {
		r := j.result.Head[k] / b
		// In three lines, or rounds that are alike hide one another.
		y := middle + px(k%3-1)*4
		c.Shapes = append(c.Shapes, shape{Kind: "dot", Class: "round", X: c.X.Scale.at(r), Y: y, Label: fmt.Sprintf("round %d: %s", j.rounds[k], ratio(r))})
	}
}

// roundsTable has a row for each round, and a column for each cell.
func roundsTable(rows []*judged) (t table) {
	t.Header = []string{"round"}
	by := map[int][]string{}
	var rounds []int
	for k, j := range rows {
		header := j.unit
		if j.among != "" {
			header += ", " + j.among
		}
		t.Header = append(t.Header, header)
		for i, round := range j.rounds {
			if by[round] == nil {
				by[round] = slices.Repeat([]string{"-"}, len(rows))
				rounds = append(rounds, round)
			}
			by[round][k] = ratio(j.result.Head[i] / j.result.Base[i])
		}
	}
	slices.Sort(rounds)
	for _, round := range rounds {
		t.Rows = append(t.Rows, append([]string{fmt.Sprint(round)}, by[round]...))
	}
	return t
}
