package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// Formats returns the formats of a report.
func Formats() []string { return []string{"text", "markdown", "json"} }

// Format returns r as one of Formats.
func (r *Report) Format(as string) (string, error) {
	switch as {
	case "text":
		return Text(r), nil
	case "markdown":
		return markdown(r), nil
	case "json":
		return encode(r)
	}
	return "", fmt.Errorf("format %q is unknown: want one of %s", as, strings.Join(Formats(), ", "))
}

// encode returns the report as JSON. Within one schema fields may be added, but never change.
func encode(r *Report) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return string(data) + "\n", err
}

// columns is the width of a terminal.
const columns = 80

// Text returns the report for a terminal of 80 columns, with a table for each head and configuration. The last line is
// the summary.
func Text(r *Report) string {
	var b strings.Builder
	var shown []Pair
	for _, t := range r.Tables {
		b.WriteString(format.Wrap(t.title(), columns, "  "))
		for _, p := range t.Config {
			if !slices.Contains(shown, p) {
				b.WriteString(format.Printable(p.Key+": "+p.Value, "") + "\n")
			}
		}
		shown = t.Config
		b.WriteByte('\n')
		b.WriteString(t.text() + "\n")
	}
	for _, remark := range r.remarks() {
		b.WriteString(format.Wrap(remark, columns, "  "))
	}
	if len(r.remarks()) > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(r.Summary + "\n")
	return b.String()
}

// remarks returns notes and warnings.
func (r *Report) remarks() (list []string) {
	for _, n := range r.Notes {
		list = append(list, "note: "+n)
	}
	for _, w := range r.Warnings {
		list = append(list, "warning: "+w)
	}
	return list
}

// text returns the cells of a table, grouped by name.
func (t *Table) text() string {
	w := format.Table(1, append([]any{"unit"}, header...)...)
	for _, c := range t.Cells {
		w.AppendRow(append(table.Row{format.Printable(c.Unit, "")}, c.row()...))
	}
	return format.Annotated(w, func(row int) (note string) {
		if row >= 0 {
			if c := t.Cells[row]; c.Why != "" && c.Verdict.Judged() {
				note = format.Wrap("    "+c.Why, columns, "    ")
			}
		}
		if next := row + 1; next < len(t.Cells) && (next == 0 || t.Cells[next].Name != t.Cells[row].Name) {
			note += format.Printable(t.Cells[next].Name, "") + "\n"
		}
		return note
	})
}
