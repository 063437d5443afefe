package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Formats returns the formats of a report.
func Formats() []string { return []string{"text", "markdown", "json", "html"} }

// Format returns r in one of Formats.
func (r *Report) Format(format string) (string, error) {
	switch format {
	case "text":
		return Text(r), nil
	case "markdown":
		return markdown(r), nil
	case "json":
		return encode(r)
	case "html":
		return html(r)
	}
	return "", fmt.Errorf("format %q is unknown: want one of %s", format, strings.Join(Formats(), ", "))
}

// encode returns the report as JSON. Within one schema fields may be added, but never change.
func encode(r *Report) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return string(data) + "\n", err
}

// Text returns the report for a terminal of 80 columns, with a table for each head and configuration. The last line is
// the summary.
func Text(r *Report) string {
	var b strings.Builder
	var shown []Pair
	for _, t := range r.Tables {
		b.WriteString(wrap(t.title(), "  "))
		for _, p := range t.Config {
			if !slices.Contains(shown, p) {
				b.WriteString(plain(p.Key+": "+p.Value) + "\n")
			}
		}
		shown = t.Config
		b.WriteByte('\n')
		t.write(&b)
		b.WriteByte('\n')
	}
	for _, remark := range r.remarks() {
		b.WriteString(wrap(remark, "  "))
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

// write writes the cells of a table, grouped by name.
func (t *Table) write(b *strings.Builder) {
	rows := [][]string{append([]string{"unit"}, header...)}
	for _, c := range t.Cells {
		rows = append(rows, append([]string{plain(c.Unit)}, c.row()...))
	}
	width := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			width[i] = max(width[i], utf8.RuneCountInString(cell))
		}
	}
	line := func(row []string) {
		text := pad(row[0], -width[0])
		for i, cell := range row[1 : len(row)-1] {
			text += "  " + pad(cell, width[i+1])
		}
		b.WriteString(text + "  " + row[len(row)-1] + "\n") // verdicts are not padded
	}
	line(rows[0])
	name := ""
	for i, c := range t.Cells {
		if i == 0 || c.Name != name {
			name = c.Name
			b.WriteString(plain(name) + "\n")
		}
		line(rows[i+1])
		if c.Why != "" && c.Verdict.Judged() {
			b.WriteString(wrap("    "+c.Why, "    "))
		}
	}
}

// pad fills s up to width with blanks before it, or after it if width is negative.
func pad(s string, width int) string {
	blanks := strings.Repeat(" ", max(0, max(width, -width)-utf8.RuneCountInString(s)))
	if width < 0 {
		return s + blanks
	}
	return blanks + s
}

// wrap breaks a text into lines of at most 80 columns, and begins all but the first with indent.
func wrap(s, indent string) string {
	const columns = 80
	s = plain(s)
	text := strings.TrimLeft(s, " ")
	line := s[:len(s)-len(text)]
	var b strings.Builder
	fresh := true
	for _, word := range strings.Fields(text) {
		if !fresh && utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) > columns {
			b.WriteString(line + "\n")
			line, fresh = indent, true
		}
		if !fresh {
			line += " "
		}
		line, fresh = line+word, false
	}
	return b.String() + line + "\n"
}

// plain replaces control characters in text of a file, which could move the cursor of a terminal.
func plain(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '?'
		}
		return r
	}, s)
}
