package terminal

import (
	"encoding/csv"
	"iter"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
)

// leastName is the width to which names are cut before a column is dropped.
const leastName = 20

// A Column is a column of a table.
type Column struct {
	Top   string // a heading above Title, which columns side by side share
	Title string
	Left  bool // aligned to the left, as the first column always is
	Key   bool // part of the name of a row, as the first column always is: each block has it
	// Drop says which columns a narrow screen lacks: the column with the largest Drop goes first. Columns with 0 stay.
	Drop int
}

// A Table is a table that fits a screen. Its first column has names, which are cut in the middle if they must be.
type Table struct {
	columns []Column
	lines   []tableLine
}

// A tableLine is a row, or a text across all columns.
type tableLine struct {
	cells []string
	text  string
}

// NewTable returns a table without rows.
func NewTable(columns ...Column) *Table { return &Table{columns: columns} }

// TableOf returns a table of go-pretty, whose first columns, left of them, are aligned to the left. Package format
// makes such tables for Markdown and HTML, too.
func TableOf(w table.Writer, left int) *Table {
	r := csv.NewReader(strings.NewReader(w.RenderTSV()))
	r.Comma, r.FieldsPerRecord, r.LazyQuotes = '\t', -1, true // rows end with their last cell that has a text
	rows, err := r.ReadAll()
	if err != nil || len(rows) == 0 {
		return &Table{columns: []Column{{}}, lines: []tableLine{{text: w.Render()}}}
	}
	t := &Table{}
	for i, title := range rows[0] {
		t.columns = append(t.columns, Column{Title: title, Left: i < left})
	}
	for _, row := range rows[1:] {
		t.Row(row[:min(len(row), len(t.columns))]...)
	}
	return t
}

// Row adds a row. Cells may have styles, except the first one, which may be any text of a file.
func (t *Table) Row(cells ...string) {
	cells = slices.Clone(cells)
	cells[0] = format.Printable(cells[0], "")
	t.lines = append(t.lines, tableLine{cells: cells})
}

// Line adds a line across all columns, such as the heading of the rows below it.
func (t *Table) Line(text string) { t.lines = append(t.lines, tableLine{text: text}) }

// Table returns the lines of a table. It cuts names and drops columns until no line is wider than the screen. If that
// is not enough, the columns that may not be dropped continue in further blocks.
func (s *Screen) Table(t *Table) string {
	shown := make([]bool, len(t.columns))
	for i := range shown {
		shown[i] = t.filled(i)
	}
	widths := t.widths()
	for {
		over := total(widths, shown) - s.Width
		if over <= 0 {
			break
		}
		if name := max(widths[0]-over, min(leastName, widths[0])); name < widths[0] {
			widths[0] = name
			continue
		}
		last := -1
		for i, c := range t.columns {
			if shown[i] && c.Drop > 0 && (last < 0 || c.Drop >= t.columns[last].Drop) {
				last = i
			}
		}
		if last < 0 {
			return s.blocks(t, shown) // numbers are not cut
		}
		shown[last] = false
		widths[0] = t.widths()[0]
	}
	return s.block(t, widths, shown)
}

// Blocks returns the lines of a table that lacks no column: if the screen is too narrow, the columns that do not fit
// follow in further blocks, each with the first column and a blank line before it.
func (s *Screen) Blocks(t *Table) string {
	all := make([]bool, len(t.columns))
	for i := range all {
		all[i] = t.filled(i)
	}
	return s.blocks(t, all)
}

// blocks returns the lines of some columns of a table, as Blocks does.
func (s *Screen) blocks(t *Table, wanted []bool) string {
	widths := t.widths()
	var blocks []string
	keys := 1
	for keys < len(t.columns) && t.columns[keys].Key {
		keys++
	}
	for from := keys; from < len(t.columns) || from == keys; {
		shown := make([]bool, len(t.columns))
		for i := range keys {
			shown[i] = true
		}
		name := widths[0]
		for ; from < len(t.columns); from++ {
			if !wanted[from] {
				continue
			}
			shown[from] = true
			first := !slices.Contains(shown[keys:from], true)
			if over := total(widths, shown) - s.Width; over > 0 && first {
				if cut := max(name-over, min(leastName, name)); cut < name {
					widths[0], name = cut, cut
				}
			}
			if total(widths, shown) > s.Width && !first {
				shown[from] = false
				break
			}
		}
		blocks = append(blocks, s.block(t, widths, shown))
		if len(t.columns) == keys {
			break
		}
	}
	return strings.Join(blocks, "\n")
}

// block returns the lines of a table with the shown columns.
func (s *Screen) block(t *Table, widths []int, shown []bool) string {
	var b strings.Builder
	titles := make([]string, len(t.columns))
	for i, c := range t.columns {
		titles[i] = c.Title
	}
	if tops := t.tops(widths, shown); tops != "" {
		b.WriteString(s.Dim(cutStyled(tops, s.Width)) + "\n")
	}
	if header := t.line(titles, widths, shown, s.Width); header != "" {
		b.WriteString(s.Dim(header) + "\n")
	}
	for _, l := range t.lines {
		if l.cells == nil {
			b.WriteString(cutStyled(l.text, s.Width) + "\n")
			continue
		}
		b.WriteString(t.line(l.cells, widths, shown, s.Width) + "\n")
	}
	return b.String()
}

// filled reports whether a column has any text besides its title.
func (t *Table) filled(i int) bool {
	text := func(l tableLine) bool { return i < len(l.cells) && l.cells[i] != "" }
	return i == 0 || slices.ContainsFunc(t.lines, text)
}

// widths returns the width of each column.
func (t *Table) widths() []int {
	widths := make([]int, len(t.columns))
	for i, c := range t.columns {
		widths[i] = format.Width(c.Title)
	}
	for _, l := range t.lines {
		for i, cell := range l.cells {
			widths[i] = max(widths[i], format.Width(cell))
		}
	}
	for from, to := range t.spans() {
		for i := 0; span(widths[from:to]) < format.Width(t.columns[from].Top); i++ {
			widths[from+i%(to-from)]++
		}
	}
	return widths
}

// spans yields the ranges of columns that share a heading.
func (t *Table) spans() iter.Seq2[int, int] {
	return func(yield func(from, to int) bool) {
		for from := 0; from < len(t.columns); {
			to := from + 1
			for to < len(t.columns) && t.columns[to].Top == t.columns[from].Top && t.columns[from].Top != "" {
				to++
			}
			if !yield(from, to) {
				return
			}
			from = to
		}
	}
}

// span returns the width of columns side by side.
func span(widths []int) (sum int) {
	for _, w := range widths {
		sum += w + len(gap)
	}
	return sum - len(gap)
}

// tops returns the line of headings that columns share, or "" if there are none.
func (t *Table) tops(widths []int, shown []bool) string {
	var parts []string
	for from, to := range t.spans() {
		var visible []int
		for i := from; i < to; i++ {
			if shown[i] {
				visible = append(visible, widths[i])
			}
		}
		if visible == nil {
			continue
		}
		top := format.Middle(t.columns[from].Top, span(visible))
		blanks := strings.Repeat(" ", span(visible)-format.Width(top))
		if to == from+1 && !t.columns[from].Left && from > 0 {
			parts = append(parts, blanks+top)
		} else {
			parts = append(parts, top+blanks)
		}
	}
	return strings.TrimRight(strings.Join(parts, gap), " ")
}

// total returns the width of the shown columns, with the gaps between them.
func total(widths []int, shown []bool) (sum int) {
	for i, w := range widths {
		if shown[i] {
			sum += w + len(gap)
		}
	}
	return sum - len(gap)
}

// gap stands between columns.
const gap = "  "

// line returns a row.
func (t *Table) line(cells []string, widths []int, shown []bool, width int) string {
	var parts []string
	for i, cell := range cells {
		if !shown[i] {
			continue
		}
		if i == 0 {
			cell = format.Middle(cell, widths[0])
		}
		blanks := strings.Repeat(" ", max(widths[i]-format.Width(cell), 0))
		if t.columns[i].Left || i == 0 {
			parts = append(parts, cell+blanks)
		} else {
			parts = append(parts, blanks+cell)
		}
	}
	return cutStyled(strings.TrimRight(strings.Join(parts, gap), " "), width)
}

// cutStyled cuts text in the middle if it is wider than width. Text that it cuts loses its styles.
func cutStyled(text string, width int) string {
	if format.Width(text) <= width {
		return text
	}
	return format.Middle(format.Unstyled(text), width)
}
