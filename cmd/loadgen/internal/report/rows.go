package report

import (
	"fmt"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
)

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
				medians[f.Unit] = format.Exact(*f.Median)
			}
		}
		for _, unit := range units {
			row = append(row, medians[unit])
		}
		rows = append(rows, row)
	}
	return rows
}
