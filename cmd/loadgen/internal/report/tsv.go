package report

import (
	"fmt"
	"strconv"
	"strings"
	"unicode"

	"github.com/loadgen-go/loadgen/results"
)

// TSV writes rows, the first of which is the header, with tabs between fields. Control characters in a field become
// blanks.
func TSV(rows [][]string) string {
	var b strings.Builder
	for _, row := range rows {
		for i, field := range row {
			if i > 0 {
				b.WriteByte('\t')
			}
			b.WriteString(strings.Map(func(r rune) rune {
				if unicode.IsControl(r) {
					return ' '
				}
				return r
			}, field))
		}
		b.WriteByte('\n')
	}
	return b.String()
}

// Exact writes a number with all of its digits.
func Exact(x float64) string { return strconv.FormatFloat(x, 'f', -1, 64) }

// Rows returns a row for each cell of a run, below a header: its arms and load, its visits, whether they are valid,
// its calls, and the median over rounds of each unit that any cell has. What is not known is "".
func (d *Document) Rows() [][]string {
	dimensions := d.Scenario.Dimensions()
	header := append(append([]string{"cell"}, dimensions...), "load", "visits", "valid", "offered", "failed",
		"dropped")
	has := map[string]bool{}
	for _, c := range d.Cells {
		for _, f := range c.Figures {
			has[f.Unit] = true
		}
	}
	var units []string
	for _, u := range results.Units() {
		if has[u.Name] {
			units = append(units, u.Name)
		}
	}
	rows := [][]string{append(header, units...)}
	for _, c := range d.Cells {
		row := []string{c.Name}
		for _, dimension := range dimensions {
			row = append(row, c.Cell.Value(dimension))
		}
		row = append(row, c.Cell.Level.Name(), fmt.Sprint(c.Visits.Measured), fmt.Sprint(c.Valid),
			fmt.Sprint(c.Calls.Offered), fmt.Sprint(c.Calls.Failed), fmt.Sprint(c.Calls.Dropped))
		medians := map[string]string{}
		for _, f := range c.Figures {
			if f.Median != nil {
				medians[f.Unit] = Exact(*f.Median)
			}
		}
		for _, unit := range units {
			row = append(row, medians[unit])
		}
		rows = append(rows, row)
	}
	return rows
}
