package gate

import (
	"fmt"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// markdown returns the report as the comment of a pull request: the answer, the cells that are not the same, and what
// is in doubt. It folds the other cells.
func markdown(r *Report) string {
	var b strings.Builder
	fmt.Fprintf(&b, "**%s**\n", format.Markdown(r.Answer()))
	for _, t := range r.Tables {
		loud, quiet := t.split()
		fmt.Fprintf(&b, "\n%s\n", format.Markdown(t.title()))
		if len(loud) > 0 {
			b.WriteString("\n" + r.markdownTable(loud))
		}
		if len(quiet) > 0 {
			fmt.Fprintf(&b, "\n<details><summary>%s</summary>\n\n%s\n</details>\n", r.tally(quiet),
				r.markdownTable(quiet))
		}
	}
	next, why := r.next()
	if why != "" {
		next += " (" + why + ")"
	}
	b.WriteByte('\n')
	for _, line := range []struct{ label, text string }{{"In doubt", r.doubt()}, {"Next", next}} {
		if line.text != "" {
			fmt.Fprintf(&b, "- %s: %s\n", line.label, format.Markdown(line.text))
		}
	}
	for _, remark := range r.remarks() {
		b.WriteString("- " + format.Markdown(remark) + "\n")
	}
	fmt.Fprintf(&b, "- exit %d\n", r.Exit)
	return b.String()
}

// split separates the cells that a reader must see from those that are the same or not judged.
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

// markdownTable returns the table of cells.
func (r *Report) markdownTable(cells []*Cell) string {
	t := format.Table(2, "benchmark", "unit", "base", "head", "shift", "95% interval", "margin", "p", "verdict")
	for _, c := range cells {
		w, s := r.word(c), c.scale()
		verdict := w.Symbol + " " + w.Text
		if c.Verdict == comparison.Regressed {
			verdict = "**" + verdict + "**"
		}
		for _, more := range []string{r.detail(c), c.reason()} {
			if more != "" {
				verdict += ", " + format.Markdown(more)
			}
		}
		p := format.None
		if c.Adjusted != nil {
			p = format.P(*c.Adjusted)
		}
		t.AppendRow(table.Row{format.Markdown(c.Name), format.Markdown(s.label), s.number(c.Base.Median),
			s.number(c.Head.Median), c.change(), c.interval("%"), c.margin(), p, verdict})
	}
	return t.RenderMarkdown() + "\n"
}
