package main

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// print writes the table of s, with the medians of the rounds and their extremes.
func (s *section) print(w io.Writer, rounds [][]figures) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\n%s: %s\nmedian (min..max) of %d round%s\n\n", s.name, s.title, len(rounds), plural(len(rounds)))
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	fmt.Fprintln(t, strings.Join(slices.Concat(s.head, s.columns), "\t"))
	for i, c := range s.cells {
		row := slices.Clone(c.labels)
		for column := range s.columns {
			row = append(row, entry(rounds, i, column))
		}
		if note := note(rounds, i); note != "" {
			row = append(row, note)
		}
		fmt.Fprintln(t, strings.Join(row, "\t"))
	}
	_ = t.Flush() // cannot fail: it writes to memory
	for _, note := range s.notes {
		fmt.Fprintln(&b, "  "+note)
	}
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the table of %s: %w", s.name, err)
	}
	return nil
}

func entry(rounds [][]figures, cell, column int) string {
	var values []float64
	for _, round := range rounds {
		values = append(values, round[cell].values[column])
	}
	s, ok := spreadOf(values)
	if !ok {
		return "-"
	}
	return s.String()
}

// String returns the median and the extremes, or one number if they look the same.
func (s spread) String() string {
	least, most := number(s.min), number(s.max)
	if least == most {
		return least
	}
	return fmt.Sprintf("%s (%s..%s)", number(s.median), least, most)
}

// note returns what the row of a cell says besides its numbers.
func note(rounds [][]figures, cell int) string {
	for _, round := range rounds {
		if round[cell].note != "" {
			return round[cell].note
		}
	}
	return cutNote(rounds, cell)
}

// cutNote returns how often a cell was cut off, and after what time at the earliest.
func cutNote(rounds [][]figures, cell int) string {
	n, soonest := 0, time.Duration(math.MaxInt64)
	for _, round := range rounds {
		if cut := round[cell].cut; cut > 0 {
			n++
			soonest = min(soonest, cut)
		}
	}
	if n == 0 {
		return ""
	}
	return fmt.Sprintf("cut off after %v in %d of %d", soonest.Round(time.Millisecond), n, len(rounds))
}

// number formats x with three digits, or with all digits before the point if there are more.
func number(x float64) string {
	var s string
	switch size := math.Abs(x); {
	case size >= 99.95:
		return fmt.Sprintf("%.0f", x)
	case size >= 9.995:
		s = fmt.Sprintf("%.1f", x)
	case size >= 0.9995:
		s = fmt.Sprintf("%.2f", x)
	default:
		s = fmt.Sprintf("%.3f", x)
	}
	s = strings.TrimRight(strings.TrimRight(s, "0"), ".")
	if s == "-0" {
		return "0"
	}
	return s
}
