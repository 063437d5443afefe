package gate

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// markdown returns the report as the comment of a pull request. It shows the summary and the cells that are not
// equivalent, and folds the other cells.
func markdown(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n", r.Summary)
	for _, t := range r.Tables {
		loud, quiet := t.split()
		fmt.Fprintf(&b, "\n%s\n", format.Markdown(t.title()))
		if len(loud) > 0 {
			b.WriteString("\n" + markdownTable(loud))
		}
		if len(quiet) > 0 {
			fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n%s\n</details>\n", quietCells(quiet),
				markdownTable(quiet))
		}
	}
	for i, remark := range r.remarks() {
		if i == 0 {
			b.WriteByte('\n')
		}
		b.WriteString("- " + format.Markdown(remark) + "\n")
	}
	return b.String()
}

// split separates the cells that a reader must see from equivalent cells and cells that are not judged.
func (t *Table) split() (loud, quiet []*Cell) {
	for _, c := range t.Cells {
		if c.Verdict == comparison.Equivalent || !c.Verdict.Judged() {
			quiet = append(quiet, c)
		} else {
			loud = append(loud, c)
		}
	}
	return loud, quiet
}

// quietCells returns the numbers of equivalent cells and of cells that are not judged.
func quietCells(cells []*Cell) string {
	equivalent := 0
	for _, c := range cells {
		if c.Verdict == comparison.Equivalent {
			equivalent++
		}
	}
	return fmt.Sprintf("%d equivalent, %d not judged", equivalent, len(cells)-equivalent)
}

// markdownTable returns the table of cells.
func markdownTable(cells []*Cell) string {
	t := format.Table(2, append([]any{"benchmark", "unit"}, header...)...)
	for _, c := range cells {
		row := c.row()
		last := len(row) - 1
		if c.Verdict == comparison.Regressed {
			row[last] = fmt.Sprintf("**%v**", row[last])
		}
		if c.Why != "" && c.Verdict.Judged() {
			row[last] = fmt.Sprintf("%v: %s", row[last], format.Markdown(c.Why))
		}
		t.AppendRow(append(table.Row{format.Markdown(c.Name), format.Markdown(c.Unit)}, row...))
	}
	return t.RenderMarkdown() + "\n"
}
