package format

import "strings"

// gap stands between the columns of a grid.
const gap = "  "

// Grid returns the lines of a table without rules: header lines, which are as many as header has rows, and rows.
// The first columns, left of them, are aligned to the left and the others to the right. Cells of a header that are
// equal and stand side by side above different ones share their text. A grid that is wider than width, in columns,
// continues in further blocks, each with the left columns and a blank line before it.
func Grid(header, rows [][]string, left, width int) (lines []string) {
	all := append(append([][]string{}, header...), rows...)
	columns := len(header[len(header)-1])
	widths := make([]int, columns)
	for _, row := range all[len(header)-1:] {
		for i, text := range row {
			widths[i] = max(widths[i], Width(text))
		}
	}
	for _, row := range header[:len(header)-1] {
		for from, to := range spans(row) {
			for i := 0; total(widths[from:to]) < Width(row[from]); i++ {
				widths[from+i%(to-from)]++
			}
		}
	}
	for from := left; from < columns || from == left; {
		to := from
		for to < columns && (to == from || total(widths[:left])+len(gap)+total(widths[from:to+1]) <= width) {
			to++
		}
		if from > left {
			lines = append(lines, "")
		}
		for i, row := range all {
			lines = append(lines, gridLine(row, i < len(header)-1, widths, left, from, to))
		}
		if from = to; from == left {
			break
		}
	}
	return lines
}

// total returns the width of columns with the gaps between them.
func total(widths []int) (sum int) {
	for i, w := range widths {
		if i > 0 {
			sum += len(gap)
		}
		sum += w
	}
	return sum
}

// spans yields the ranges of cells side by side that share a text.
func spans(row []string) func(func(from, to int) bool) {
	return func(yield func(from, to int) bool) {
		for from := 0; from < len(row); {
			to := from + 1
			for to < len(row) && row[to] == row[from] && row[from] != "" {
				to++
			}
			if !yield(from, to) {
				return
			}
			from = to
		}
	}
}

// gridLine returns a line of a grid: its left columns and those from one to another. Cells of a line that is shared
// span the columns with the same text.
func gridLine(row []string, shared bool, widths []int, left, from, to int) string {
	var parts []string
	pad := func(text string, width int, right bool) {
		blanks := strings.Repeat(" ", max(width-Width(text), 0))
		if right {
			parts = append(parts, blanks+text)
		} else {
			parts = append(parts, text+blanks)
		}
	}
	for i := range left {
		pad(row[i], widths[i], false)
	}
	if !shared {
		for i := from; i < to; i++ {
			pad(row[i], widths[i], true)
		}
		return strings.TrimRight(strings.Join(parts, gap), " ")
	}
	for a, b := range spans(row[from:to]) {
		pad(row[from+a], total(widths[from+a:from+b]), b == a+1)
	}
	return strings.TrimRight(strings.Join(parts, gap), " ")
}
