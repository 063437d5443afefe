package history

import (
	"fmt"
	"math"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// A series is one cell on one machine, over commits.
type series struct {
	name, unit, machine string
	points              []point
}

// A point is a cell of a record.
type point struct {
	*Record
	Cell
}

// split returns the series in records, in the order in which they first appear.
func split(records []Record) (list []*series) {
	type key struct{ name, unit, machine string }
	found := map[key]*series{}
	for i := range records {
		r := &records[i]
		for _, c := range r.Cells {
			k := key{c.Name, c.Unit, r.Machine}
			if found[k] == nil {
				found[k] = &series{c.Name, c.Unit, r.Machine, nil}
				list = append(list, found[k])
			}
			found[k].points = append(found[k].points, point{r, c})
		}
	}
	return list
}

// draw draws each cell, at most width columns wide, with a line for each commit, the newest last. A line has the
// median, by how much its interval extends beyond it, the number of values, the difference from the previous commit,
// and a bar that begins at 0.
func draw(records []Record, width int) string {
	several := len(machines(records)) > 1
	var b strings.Builder
	for i, s := range split(records) {
		if i > 0 {
			b.WriteByte('\n')
		}
		fmt.Fprintln(&b, format.Tail(format.Printable(s.name+"  "+s.unit, ""), width))
		if several {
			fmt.Fprintln(&b, format.Tail(format.Printable("on "+s.machine, ""), width))
		}
		s.draw(&b, width)
	}
	return b.String()
}

// draw draws a series.
func (s *series) draw(b *strings.Builder, width int) {
	most := 0.0
	for _, p := range s.points {
		most = max(most, p.Median)
	}
	for i, p := range s.points {
		since := ""
		if i > 0 {
			since = change(s.points[i-1].Median, p.Median)
		}
		line := fmt.Sprintf("  %s  %-10s  %9s %6s  n=%-3d %7s  ", p.Time.UTC().Format(time.DateOnly), short(p.Commit),
			format.Scaled(p.Median, s.unit), p.reach(), p.N, since)
		line += bar(p.Median, most, width-format.Width(line))
		fmt.Fprintln(b, format.Cut(strings.TrimRight(line, " "), width))
	}
}

// short returns a commit in ten columns, the last of which is + if there were changes.
func short(commit string) string {
	if id, ok := strings.CutSuffix(commit, changes); ok {
		return fmt.Sprintf("%.9s+", id)
	}
	return fmt.Sprintf("%.10s", commit)
}

// reach returns by how much the interval extends beyond the median,.
func (c *Cell) reach() string {
	switch {
	case c.Low == nil || c.High == nil:
		return "" // n shows why
	case *c.Low == *c.High:
		return "±0%"
	case c.Median == 0:
		return "±?"
	}
	return format.Within(max(c.Median-*c.Low, *c.High-c.Median)/math.Abs(c.Median), format.Rough)
}

// change returns a change in per cent. It returns "=" if there is none, and "from 0" if it has no percentage.
func change(from, to float64) string {
	switch from {
	case to:
		return "="
	case 0:
		return "from 0"
	}
	return format.Change((to - from) / math.Abs(from))
}

// bar returns a bar of length x/most of the width, to an eighth of a column.
func bar(x, most float64, width int) string {
	if !(x > 0) || width < 1 {
		return ""
	}
	eighths := int(math.Round(x / most * float64(8*width)))
	full := strings.Repeat("█", eighths/8)
	if eighths%8 == 0 {
		return full
	}
	return full + string([]rune("▏▎▍▌▋▊▉")[eighths%8-1])
}
