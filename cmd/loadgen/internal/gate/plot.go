package gate

import (
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// An axis shows ratios of the head to the base on a logarithmic scale, with a column for each step.
type axis struct {
	low, high float64 // logarithms of ratios
	ticks     []tick
}

// A tick is a labelled column of an axis.
type tick struct {
	column int
	label  string
}

// plotWidth is the width of an axis, in columns.
const plotWidth = 30

// mostPlotted is the logarithm of the largest ratio that an axis shows. Others are drawn at its ends.
var mostPlotted = math.Log(100)

// newAxis returns the axis of the cells that have a ratio, or nil if none has.
func newAxis(cells []*Cell) *axis {
	a := &axis{low: math.Inf(1), high: math.Inf(-1)}
	for _, c := range cells {
		if c.Shift != nil && !c.Absolute {
			a.low, a.high = min(a.low, logRatio(*c.Low)), max(a.high, logRatio(*c.High))
		}
	}
	if a.low > a.high {
		return nil
	}
	const least = 0.02 // so that the axis of equal values has a length
	reach := max(a.high-a.low, least)
	a.low, a.high = min(a.low, 0)-reach/20, max(a.high, 0)+reach/20
	a.place(1, "same")
	for _, ratio := range []float64{0.1, 10, 0.2, 5, 0.5, 2, 0.8, 1.5, 0.9, 1.2, 0.95, 1.1, 0.98, 1.05, 0.99, 1.02,
		1.01} {
		a.place(ratio, format.Digits(ratio, 3))
	}
	slices.SortFunc(a.ticks, func(x, y tick) int { return x.column - y.column })
	return a
}

// logRatio returns the logarithm of the ratio of which share is the change, within what an axis can show.
func logRatio(share float64) float64 {
	return min(max(math.Log1p(max(share, -1)), -mostPlotted), mostPlotted)
}

// place adds a tick, unless its label would touch another one.
func (a *axis) place(ratio float64, label string) {
	x := math.Log(ratio)
	if x < a.low || x > a.high {
		return
	}
	t := tick{a.column(x), label}
	for _, other := range a.ticks {
		if from, to := t.label, other.label; abs(t.column-other.column) < (len(from)+len(to))/2+2 {
			return
		}
	}
	if from := t.column - len(label)/2; from < 0 || from+len(label) > plotWidth {
		return
	}
	a.ticks = append(a.ticks, t)
}

// abs returns the size of n.
func abs(n int) int { return max(n, -n) }

// column returns the column of the logarithm of a ratio.
func (a *axis) column(x float64) int {
	return int(math.Round((x - a.low) / (a.high - a.low) * (plotWidth - 1)))
}

// header returns the labels of the ticks, or "" if there is no axis.
func (a *axis) header() string {
	if a == nil {
		return ""
	}
	line := []rune(spaces)
	for _, t := range a.ticks {
		copy(line[t.column-len(t.label)/2:], []rune(t.label))
	}
	return string(line)
}

// spaces is an empty axis.
const spaces = "                              "

// draw returns the interval of a cell, or "" if it has no ratio.
func (a *axis) draw(c *Cell) string {
	if a == nil || c.Shift == nil || c.Absolute {
		return ""
	}
	line := []rune(spaces)
	for _, t := range a.ticks {
		line[t.column] = '·'
		if t.label == "same" {
			line[t.column] = '│'
		}
	}
	from, to := a.column(logRatio(*c.Low)), a.column(logRatio(*c.High))
	for i := from; i <= to; i++ {
		line[i] = '─'
	}
	if from < to {
		line[from], line[to] = '├', '┤'
	}
	line[a.column(logRatio(*c.Shift))] = '●'
	return string(line)
}
