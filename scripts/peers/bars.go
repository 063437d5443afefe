package main

import (
	"bytes"
	"fmt"
	"io"
	"text/tabwriter"
)

// A bar is a value that a section promises.
type bar struct {
	name   string
	values func(round []figures) float64 // the value of a round; missing if it was not measured
	// Every round must have least or more, and the median of the rounds most or less: other load on the machine makes
	// values larger, and nothing makes them smaller.
	least, most float64
}

// A verdict says whether a bar is met.
type verdict int

// Verdicts, from best to worst. Their values are exit codes.
const (
	met verdict = iota
	missed
	notMeasured
)

func (v verdict) String() string { return [...]string{"met", "missed", "not measured"}[v] }

// code returns the exit code of a check whose worst verdict is v.
func (v verdict) code() int { return int(v) }

// judge returns the values of a bar in the rounds, and whether it is met.
func (b bar) judge(rounds [][]figures) (spread, verdict) {
	var values []float64
	for _, round := range rounds {
		values = append(values, b.values(round))
	}
	s, ok := spreadOf(values)
	switch {
	case !ok:
		return s, notMeasured
	case s.min < b.least || s.median > b.most:
		return s, missed
	}
	return s, met
}

// want returns what the bar allows.
func (b bar) want() string {
	if b.least > 0 {
		return fmt.Sprintf("%s or more, median at most %s", number(b.least), number(b.most))
	}
	return "at most " + number(b.most)
}

// A judged bar is one whose rounds are over.
type judged struct {
	section string
	bar
	spread
	verdict
}

// judgeAll judges the bars of a section.
func (s *section) judgeAll(rounds [][]figures) (all []judged) {
	for _, b := range s.bars {
		values, v := b.judge(rounds)
		all = append(all, judged{s.name, b, values, v})
	}
	return all
}

// worst returns the worst verdict of bars: what could not be measured, before what was missed.
func worst(all []judged) verdict {
	v := met
	for _, j := range all {
		v = max(v, j.verdict)
	}
	return v
}

// printBars writes a table of bars.
func printBars(w io.Writer, all []judged) error {
	var b bytes.Buffer
	fmt.Fprintf(&b, "\ncheck: medians of rounds\n\n")
	t := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
	for _, j := range all {
		got := "-"
		if j.verdict != notMeasured {
			got = j.spread.String()
		}
		fmt.Fprintf(t, "%v\t%s: %s\t%s\twant %s\n", j.verdict, j.section, j.name, got, j.want())
	}
	_ = t.Flush() // cannot fail: it writes to memory
	if _, err := w.Write(b.Bytes()); err != nil {
		return fmt.Errorf("writing the check: %w", err)
	}
	return nil
}
