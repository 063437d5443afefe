package page

import (
	"fmt"
	"math"
	"slices"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// dots is a chart of a cost with a row for each arm: a dot at the median over rounds, and a bar over their range. It
// begins at 0, and has the same scale at all levels.
type dots struct {
	Title, Unit string
	Rows        []dot
	Ticks       []label
	Many        bool // rows are low
	Room        int  // pixels of the longest value, if that is long
}

// A dot is a row of dots. Positions are in per cent.
type dot struct {
	Name, Colour    string
	Strong          bool
	Left, Width, At px
	Missing         bool
	Value, Tip      string
}

// costTitles are the titles of the charts of costs.
var costTitles = map[string]string{"B/op": "Bytes allocated", "allocs/op": "Allocations",
	"cpu-ns/op": "CPU of the process", "peak-RSS-bytes": "Peak memory"}

// titleOf returns the title of the chart of a cost.
func titleOf(unit string, cells []*cell) string {
	started := slices.ContainsFunc(cells, func(c *cell) bool {
		return slices.ContainsFunc(c.visits, func(v *results.Visit) bool { return v.Service != nil })
	})
	if started && unit == "cpu-ns/op" {
		return "CPU of the service"
	}
	return costTitles[unit]
}

// costsOf returns the charts of costs at a level, of at most three units that any of the cells has.
func costsOf(all, level []*cell) (list []*dots) {
	const most = 3
	for _, unit := range costUnits {
		highest := math.Inf(-1)
		for _, c := range all {
			if _, _, x := c.spread(unit); finite(x) {
				highest = max(highest, x)
			}
		}
		if math.IsInf(highest, -1) || len(list) == most {
			continue
		}
		q := quantityOf(unit, highest)
		c := &dots{Title: titleOf(unit, all), Unit: q.unit + ", from 0", Many: len(level) > 8}
		s := linearScale([]float64{0, max(highest/q.per*1.02, 1e-9)}, 0, 100)
		for _, t := range s.ticks(plain, 4) {
			t.At *= extent / 100
			c.Ticks = append(c.Ticks, label{Style: t.place(), Text: t.Label})
		}
		for _, v := range level {
			r := dotOf(v, unit, q, s)
			c.Rows = append(c.Rows, r)
			if w := format.Width(r.Value); w > 8 {
				c.Room = max(c.Room, 8*w)
			}
		}
		list = append(list, c)
	}
	return list
}

// dotOf returns the row of a cell.
func dotOf(v *cell, unit string, q quantity, s *scale) dot {
	median, least, most := v.spread(unit)
	r := dot{Name: v.name, Colour: v.look.Colour(), Strong: v.look.Strong, Value: q.number(median)}
	if median != 0 && median < q.per/10 { // it has lost its digits
		own := quantityOf(unit, median)
		r.Value = own.text(median)
	}
	if math.IsNaN(median) {
		r.Missing, r.Tip = true, v.name+": not measured"
		return r
	}
	r.At, r.Left = s.at(median/q.per), s.at(least/q.per)
	r.Width = s.at(most/q.per) - r.Left
	r.Tip = fmt.Sprintf("%s: %s; %s, %s to %s", v.name, q.text(median), format.Plural(len(v.visits), "round"),
		q.number(least), q.number(most))
	return r
}
