package gate

import (
	"fmt"
	"strings"

	"github.com/loadgen-go/loadgen/results/comparison"
)

// markdown returns the report as the comment of a pull request. It shows the summary and the cells that are not
// equivalent, and folds the other cells.
func markdown(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n", r.Summary)
	for _, t := range r.Tables {
		loud, quiet := t.split()
		fmt.Fprintf(&b, "\n%s\n", escape(t.title()))
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
		b.WriteString("- " + escape(remark) + "\n")
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
	var b strings.Builder
	fmt.Fprintf(&b, "| benchmark | unit | %s |\n| --- | ---%s --- |\n", strings.Join(header, " | "),
		" |"+strings.Repeat(" ---: |", len(header)-1))
	for _, c := range cells {
		row := c.row()
		verdict := &row[len(row)-1]
		if c.Verdict == comparison.Regressed {
			*verdict = "**" + *verdict + "**"
		}
		if c.Why != "" && c.Verdict.Judged() {
			*verdict += ": " + escape(c.Why)
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", escape(c.Name), escape(c.Unit), strings.Join(row, " | "))
	}
	return b.String()
}

// escape escapes text of a file, so that it is not read as Markdown or HTML.
func escape(s string) string {
	return markdownSpecial.Replace(plain(s))
}

var markdownSpecial = strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "|", `\|`, "*", `\*`, "_", `\_`,
	"`", "\\`", "[", `\[`, "]", `\]`, "@", "&#64;", `\`, `\\`)
