package quantiles

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// size returns the limit of the size as text, or "".
func (l *Limits) size() string {
	if l.MaxBytes == 0 {
		return ""
	}
	return fmt.Sprintf(", %s of state", format.Bytes(float64(l.MaxBytes)))
}

// title returns the name of a data set, its size and its origin.
func (s *Set) title() string {
	title := fmt.Sprintf("%s, %s", s.Name, format.Plural(s.N, "value"))
	if s.About != "" {
		title += ": " + s.About
	}
	return title
}

// costs returns the table of what the estimators cost.
func (r *Report) costs(s *Set) table.Writer {
	header := []any{"estimator", "insert ns", "min..max"}
	if r.Anchor != "" {
		header = append(header, "x "+r.Anchor)
	}
	t := format.Table(1, append(header, "first read us", "5 reads ns", "merge us/shard", "state", "encoded")...)
	for i := range s.Cells {
		c := &s.Cells[i]
		row := table.Row{c.Estimator, format.Number(c.Insert.Median),
			format.Number(c.Insert.Min) + ".." + format.Number(c.Insert.Max)}
		if r.Anchor != "" {
			row = append(row, c.times())
		}
		t.AppendRow(append(row, format.Micros(c.FirstRead.Median), format.Number(c.Query.Median), c.merge(),
			size(c.StateBytes), size(c.Serialized)))
	}
	return t
}

// times returns the ratio of the insertion time to the anchor's: the median and the range over rounds.
func (c *Cell) times() string {
	t := &c.TimesAnchor
	if t.Median == 0 {
		return format.None
	}
	return fmt.Sprintf("%s (%s..%s)", format.Number(t.Median), format.Number(t.Min), format.Number(t.Max))
}

// merge returns the time to merge a shard, in us.
func (c *Cell) merge() string {
	if c.MergeError != "" {
		return format.None
	}
	return format.Micros(c.Merge.Median)
}

// errors returns the table of errors. Percentiles without enough values are blank.
func (s *Set) errors(quantiles []float64) table.Writer {
	header := []any{"estimator"}
	for _, q := range quantiles {
		name := record.PercentileName(q)
		if i := s.point(q); i >= 0 {
			name += s.Points[i].mark()
		}
		header = append(header, name+" value", name+" rank", name+" of tail")
	}
	t := format.Table(1, header...)
	for _, c := range s.Cells {
		row := table.Row{c.Estimator}
		for _, q := range quantiles {
			if i := s.point(q); i >= 0 {
				a := &c.Answers[i]
				row = append(row, signed(a.Value), format.Percent(a.Rank), format.Percent(a.Tail))
			} else {
				row = append(row, "", "", "")
			}
		}
		t.AppendRow(row)
	}
	return t
}

// point returns the index of the point at q, or -1 if there is none.
func (s *Set) point(q float64) int {
	return slices.IndexFunc(s.Points, func(p Point) bool { return p.Q == q })
}

// mark returns the mark of a gap.
func (p *Point) mark() string {
	if p.Gap {
		return "*"
	}
	return ""
}

// notes returns the exact values, and notes about gaps and missing figures.
func (s *Set) notes() (lines []string) {
	var exact []string
	for _, p := range s.Points {
		exact = append(exact, record.PercentileName(p.Q)+" "+format.Duration(p.Exact))
		if p.Gap {
			lines = append(lines, fmt.Sprintf("* a gap: values %s of the tail's ranks before and after %s differ "+
				"by %s x the exact one, so that its value error is meaningless; it is judged by the smaller of value "+
				"and of tail",
				format.Given(gapWindow), record.PercentileName(p.Q), format.Number(p.Spread)))
		}
	}
	if len(exact) > 0 {
		lines = append([]string{"exact: " + strings.Join(exact, ", ")}, lines...)
	}
	for _, f := range s.Refused {
		lines = append(lines, fmt.Sprintf("%s is blank: it needs %s values, there are %s", record.PercentileName(f.Q),
			format.Count(f.Needs), format.Count(s.N)))
	}
	for i := range s.Cells {
		c := &s.Cells[i]
		if c.MergeError != "" {
			lines = append(lines, fmt.Sprintf("%s was not merged: %s", c.Estimator, c.MergeError))
		}
		if c.Draws > 0 {
			lines = append(lines, s.drawn(c))
		}
	}
	return lines
}

// drawn returns a note on how a random estimator is judged.
func (s *Set) drawn(c *Cell) string {
	var law []string
	for i, a := range c.Answers {
		law = append(law, record.PercentileName(s.Points[i].Q)+" "+format.Percent(a.Law))
	}
	return fmt.Sprintf("%s draws at random: this is the worst of %s, and %s of all draws are off by no "+
		"more than %s",
		c.Estimator, format.Plural(c.Draws, "draw"), format.Given(drawsWithin), format.And(law))
}

// place returns where the largest error is.
func (w *Worst) place() string {
	if w.Error == 0 {
		return format.None
	}
	s := record.PercentileName(w.Q)
	if w.AtGap {
		s += "*"
	}
	return s + " of " + w.Data
}

// verdict returns the verdict in words.
func (c *Candidate) verdict(recommended string) string {
	switch {
	case c.Estimator == recommended:
		return "recommended"
	case c.Meets() && c.MeasureOnly:
		return "meets, not for use"
	case c.Meets():
		return "meets"
	}
	return "misses"
}
