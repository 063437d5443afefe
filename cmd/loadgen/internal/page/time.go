package page

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

// mostColumns is the number of windows in a row. If a visit has more, successive windows are drawn as one.
const mostColumns = 60

// A window is what is drawn of a part of a visit.
type window struct {
	longest time.Duration
	median  time.Duration // 0 if it is unknown
	gcs     uint64
	known   bool // whether the collections of the target are known
}

// windowsOf returns the windows of a visit, and the length of each.
func windowsOf(v *results.Visit) (list []window, length time.Duration) {
	windows := v.Record.Windows
	per := (len(windows) + mostColumns - 1) / mostColumns
	for i := range windows {
		if i%per == 0 {
			list = append(list, window{})
		}
		w, to := &windows[i], &list[len(list)-1]
		if to.longest = max(to.longest, w.Max); per == 1 {
			to.median = w.P50
		}
		if r := w.Runtime; r != nil && v.Connections == nil { // or it is the runtime of the client of a service
			to.known, to.gcs = true, to.gcs+r.GCCycles
		}
	}
	if len(windows) > 0 {
		length = windows[0].Length * time.Duration(per)
	}
	return list, length
}

// heatSteps are the bounds of the colours of windows, in ns. They are by thirds of decades.
type heatSteps []float64

// newHeatSteps returns the bounds for latencies of which this is the longest: the last bound is the greatest that it
// reaches.
func newHeatSteps(longest time.Duration) heatSteps {
	all := heatSteps{}
	for x := 1.0; x <= 1e13; x *= 10 {
		all = append(all, x, 3*x)
	}
	n := len(all)
	for n > 5 && all[n-1] > float64(longest) {
		n--
	}
	return all[n-5 : n]
}

// of returns the step of a latency.
func (h heatSteps) of(d time.Duration) (step int) {
	for _, x := range h {
		if float64(d) >= x {
			step++
		}
	}
	return step
}

// names returns the names of the steps.
func (h heatSteps) names() (list []string) {
	list = append(list, "under "+roundTime(h[0]))
	for i, x := range h[1:] {
		list = append(list, roundTime(h[i])+" to "+roundTime(x))
	}
	return append(list, "over "+roundTime(h[len(h)-1]))
}

// A heat is a chart over time: a row for each round, and in it a window of time for each column, with the longest
// latency as its colour, and marks where garbage was collected.
type heat struct {
	Names []string // of the colours
	Arms  []*strip
	Ticks []label
	Table []table // windows of the typical visit of each arm
}

// A strip holds the rounds of an arm.
type strip struct {
	Name, Colour  string
	Notes         []string
	Columns, Rows int
	Height, Width int // pixels; width is that of a line
	Paths         []path
	// Longest, Medians and Collections are what the script shows: rows by ";", windows by ",".
	Longest, Medians, Collections string
	Rounds                        string // numbers of the rounds
	Length                        string // of a window, in ms
}

// Tall returns the height of the view box.
func (s *strip) Tall() int { return 10 * s.Rows }

// heatOf returns the chart of a level, or nil if no visit has windows.
func heatOf(level []*cell, steps heatSteps) *heat {
	h := &heat{Names: steps.names()}
	for _, c := range level {
		if s := stripOf(c, steps); s != nil {
			h.Arms = append(h.Arms, s)
			h.Table = append(h.Table, windowTable(c))
		}
	}
	if len(h.Arms) == 0 {
		return nil
	}
	h.Ticks = timeTicks(level)
	return h
}

// longestOf returns the longest latency of any window.
func longestOf(cells []*cell) (longest time.Duration) {
	for _, c := range cells {
		for _, v := range c.visits {
			for i := range v.Record.Windows {
				longest = max(longest, v.Record.Windows[i].Max)
			}
		}
	}
	return longest
}

// stripOf returns the strip of a cell, or nil if its visits have no windows.
func stripOf(c *cell, steps heatSteps) *strip {
	s := &strip{Name: c.name, Colour: c.look.Colour(), Rows: len(c.visits)}
	var rows [][]window
	for _, v := range c.visits {
		list, length := windowsOf(v)
		rows = append(rows, list)
		s.Columns = max(s.Columns, len(list))
		s.Length = format.Digits(max(float64(length)/1e6, 0), 4)
	}
	if s.Columns == 0 {
		return nil
	}
	pitch := 8
	if len(rows) > 12 {
		pitch = 5
	}
	s.Height, s.Width = pitch*len(rows), pitch-3
	s.draw(rows, steps)
	s.note(rows, steps)
	s.values(c.visits, rows)
	return s
}

// draw draws rows of windows. Successive windows of one colour are one line.
func (s *strip) draw(rows [][]window, steps heatSteps) {
	var lines [6]strings.Builder
	var marks strings.Builder
	for r, row := range rows {
		y, below := px(10*r)+4, px(10*r)+9
		for i := 0; i < len(row); {
			k, j := steps.of(row[i].longest), i
			for j < len(row) && steps.of(row[j].longest) == k {
				j++
			}
			fmt.Fprintf(&lines[k], "M%d %vh%d", i, y, j-i)
			i = j
		}
		for i, w := range row {
			if w.gcs > 0 {
				fmt.Fprintf(&marks, "M%d %vh1", i, below)
			}
		}
	}
	for k := range lines {
		if lines[k].Len() > 0 {
			s.Paths = append(s.Paths, path{Class: fmt.Sprintf("w%d", k), D: lines[k].String()})
		}
	}
	if marks.Len() > 0 {
		s.Paths = append(s.Paths, path{Class: "gc", D: marks.String()})
	}
}

// note says how often garbage was collected, and how many windows had a long latency.
func (s *strip) note(rows [][]window, steps heatSteps) {
	gcs, known, over := uint64(0), false, 0
	bound := steps[len(steps)-2]
	for _, row := range rows {
		for _, w := range row {
			gcs, known = gcs+w.gcs, known || w.known
			if float64(w.longest) >= bound {
				over++
			}
		}
	}
	s.Notes = append(s.Notes, "collections unknown")
	if known {
		s.Notes[0] = format.Plural(gcs, "collection")
	}
	s.Notes = append(s.Notes, format.Plural(over, "window")+" over "+roundTime(bound))
}

// values sets what the script shows, in µs.
func (s *strip) values(visits []*results.Visit, rows [][]window) {
	var longest, medians, collections, rounds []string
	for r, row := range rows {
		var l, m, g []string
		for i, w := range row {
			l = append(l, format.Exact(rounded(float64(w.longest)/1e3)))
			m = append(m, format.Exact(rounded(float64(w.median)/1e3)))
			if w.gcs > 0 {
				g = append(g, fmt.Sprint(i))
			}
		}
		longest, medians = append(longest, strings.Join(l, ",")), append(medians, strings.Join(m, ","))
		collections = append(collections, strings.Join(g, ","))
		rounds = append(rounds, fmt.Sprint(visits[r].Round))
	}
	s.Longest, s.Medians = strings.Join(longest, ";"), strings.Join(medians, ";")
	s.Collections, s.Rounds = strings.Join(collections, ";"), strings.Join(rounds, ",")
}

// rounded returns x with three digits.
func rounded(x float64) float64 {
	if !(x > 0) {
		return 0
	}
	unit := math.Pow(10, math.Floor(math.Log10(x))-2)
	if unit < 1 {
		return math.Round(x/unit) / math.Round(1/unit)
	}
	return math.Round(x/unit) * unit
}

// timeTicks returns the ticks of the time of visits.
func timeTicks(level []*cell) (list []label) {
	end := 0.0
	for _, c := range level {
		for _, v := range c.visits {
			if n := len(v.Record.Windows); n > 0 {
				w := v.Record.Windows[n-1]
				end = max(end, float64(w.From+w.Length))
			}
		}
	}
	u := format.TimeUnit(end)
	s := linearScale([]float64{0, end / u.NS}, 0, extent)
	for _, t := range s.ticks(plain, 4) {
		l := label{Style: place("left", t.At), Text: t.Label + " " + u.Name}
		switch {
		case t.At < 20:
			l.Class = "first"
		case t.At > extent-20:
			l.Class = "last"
		}
		list = append(list, l)
	}
	return list
}

// windowTable returns the windows of the visit of a cell that has the median p99.
func windowTable(c *cell) table {
	v := c.typical()
	t := table{Header: []string{fmt.Sprintf("%s, round %d: from, ms", c.name, v.Round), "calls", "p50 µs", "p99 µs",
		"max µs", "GCs", "GC pause µs"}}
	show := func(d time.Duration) string {
		if d == 0 {
			return format.None
		}
		return format.Micros(d)
	}
	for _, w := range tableWindows(v.Record.Windows) {
		cycles, pause := format.None, format.None
		if w.Runtime != nil {
			cycles, pause = format.Count(w.Runtime.GCCycles), format.Micros(w.Runtime.GCPause)
		}
		t.Rows = append(t.Rows, line{Name: format.Digits(float64(w.From)/1e6, 6),
			Fields: fields(format.Count(w.Offered), show(w.P50), show(w.P99), show(w.Max), cycles, pause)})
	}
	return t
}

// tableWindows returns the windows of a table, or the longest of each few windows if there are very many.
func tableWindows(windows []record.Window) (list []record.Window) {
	const most = 200
	per := (len(windows) + most - 1) / most
	for i, w := range windows {
		switch last := len(list) - 1; {
		case i%per == 0:
			list = append(list, w)
		case w.Max > list[last].Max:
			list[last] = w
		}
	}
	return list
}
