package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// A change is how a head differs from a base in a unit.
type change struct {
	*comparison.Result
	name     string
	unit     string // of the values, as results.Units or benchstat has it
	per      float64
	doubt    string // why it says little although it differs, or ""
	invalid  bool   // of a run that is not valid
	revision bool   // base and head are versions of one thing, so that what is worse has regressed
}

// quantity returns the quantity of the values.
func (c *change) quantity() quantity {
	return quantityOf(c.unit, c.BaseMedian*c.per, c.HeadMedian*c.per)
}

// word returns what the change is called.
func (c *change) word() *chip {
	w := format.Verdict(c.Verdict)
	tone := "flat"
	switch c.Verdict {
	case comparison.Improved, comparison.Better:
		tone = "good"
	case comparison.Regressed, comparison.Worse:
		tone = "bad"
		if c.revision && c.Verdict == comparison.Regressed {
			w.Text = "regressed"
		}
	case comparison.Inconclusive, comparison.Expected:
		tone = "doubt"
	}
	switch {
	case c.invalid && c.Verdict.Judged():
		tone, w.Symbol, w.Text = "bad", "✗", "not valid"
	case c.doubt != "" && c.Verdict.Differs():
		tone, w.Symbol, w.Text = "doubt", "!", "in doubt"
	}
	return &chip{Tone: tone, Text: w.Symbol + " " + w.Text, More: c.reason()}
}

// reason returns why the change has its verdict, as far as anything is to be said.
func (c *change) reason() string {
	var parts []string
	for _, s := range []string{c.doubt, c.Why} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, "; ")
}

// texts returns the change and its interval.
func (c *change) texts() (shift, interval string) {
	if !c.Absolute {
		return format.Changes(c.Shift, c.Low, c.High)
	}
	if math.IsNaN(c.Shift) {
		return format.None, ""
	}
	q := c.quantity()
	write := func(x float64) string { return format.Signed(x*c.per, q.number) }
	return write(c.Shift), write(c.Low) + " to " + write(c.High)
}

// medians returns the medians of both sides with their unit.
func (c *change) medians() (base, head, unit string) {
	q := c.quantity()
	return q.number(c.BaseMedian * c.per), q.number(c.HeadMedian * c.per), q.unit
}

// drawable reports whether the change can be drawn as a ratio.
func (c *change) drawable() bool { return !math.IsNaN(c.Shift) && !c.Absolute && c.Low > -1 }

// ratios returns what is drawn of the change: its interval, its rounds and its margin.
func (c *change) ratios() (list []float64) {
	if !c.drawable() {
		return nil
	}
	list = append(c.rounds(), 1+c.Low, 1+c.High)
	if margin := c.margin(); margin > 0 {
		list = append(list, 1+margin, 1-margin)
	}
	return list
}

// rounds returns the ratio of each round, if base and head are paired.
func (c *change) rounds() (list []float64) {
	if !c.Paired {
		return nil
	}
	for i, b := range c.Base {
		if r := c.Head[i] / b; r > 0 && finite(r) {
			list = append(list, r)
		}
	}
	return list
}

// margin returns the margin as a share, or 0 if it is none of a judged change, or all of the base.
func (c *change) margin() float64 {
	if !c.Verdict.Judged() || c.Absolute {
		return 0
	}
	if m := c.Allowed(); m > 0 && m < 1 {
		return m
	}
	return 0
}

// tip returns the values of the change for a pointer and for the keyboard.
func (c *change) tip() string {
	var parts []string
	if n := len(c.Base); c.Paired {
		text := format.Plural(n, "round")
		if list := c.rounds(); len(list) > 0 && n <= 12 {
			var each []string
			for _, r := range list {
				one, _ := format.Changes(r-1, 0, 0)
				each = append(each, one)
			}
			text += ": " + strings.Join(each, ", ")
		}
		parts = append(parts, text)
	} else {
		parts = append(parts, fmt.Sprintf("%d and %d values, not paired", n, len(c.Head)))
	}
	if !math.IsNaN(c.Adjusted) && c.Verdict.Judged() {
		parts = append(parts, "p "+format.P(c.Adjusted))
	}
	if c.Verdict.Judged() {
		parts = append(parts, "margin "+c.Rule.Margin.String())
	}
	if reason := c.reason(); reason != "" {
		parts = append(parts, reason)
	}
	return c.name + ": " + strings.Join(parts, "; ")
}

// A forest is a chart of changes on one axis of ratios: left is less. Each row has a dot for each round, and below it
// the change with its interval.
type forest struct {
	Title, About string
	Rows         []*forestRow
	Ticks        []label
}

// A forestRow is a row of a forest. Lines are nil if the change cannot be drawn as a ratio, and None says why.
type forestRow struct {
	Group                 string // a title above the row, or ""
	Name, Medians         string
	Lines                 []path
	None                  string
	Word                  *chip
	Change, Interval, Tip string
}

// ratioScale returns the axis of ratios of a page, which reaches at least from −10% to +10%.
func ratioScale(ratios []float64) *scale {
	lo, hi := 0.9, 1.1
	for _, r := range ratios {
		if r > 0 && finite(r) {
			lo, hi = min(lo, r), max(hi, r)
		}
	}
	room := math.Pow(hi/lo, 0.04)
	return &scale{lo: max(lo/room, 1e-12), hi: min(hi*room, 1e12), from: 0, to: extent, log: true}
}

// ratioTicks returns the ticks of an axis of ratios: "same", and the same factors to both sides.
func ratioTicks(s *scale) []tick {
	steps := []float64{1.01, 1.02, 1.05, 1.1, 1.2, 1.5}
	for n := 1; n <= 36; n++ { // 2, 5, 10, ...
		steps = append(steps, value125(n))
	}
	reach := max(s.hi, 1/s.lo)
	steps = slices.DeleteFunc(steps, func(x float64) bool { return x > reach })
	list := []tick{{s.at(1), "same"}}
	room := func(text string) float64 { return 25*float64(format.Width(text)) + 22 } // on a narrow screen
	last := [2]tick{list[0], list[0]}
	for _, x := range steps {
		for side, r := range []float64{1 / x, x} {
			text := "×" + plain(x)
			if side == 0 {
				text = "÷" + plain(x)
			}
			if x < 2 {
				r = [2]float64{2 - x, x}[side]
				text, _ = format.Changes(r-1, 0, 0)
				text = strings.Replace(text, ".0%", "%", 1)
			}
			t, before := tick{s.at(r), text}, last[side]
			apart := math.Abs(float64(t.At - before.At))
			if r < s.lo || r > s.hi || apart < (room(text)+room(before.Label))/2 {
				continue
			}
			last[side] = t
			list = append(list, t)
		}
	}
	return list
}

// newForest returns a forest of changes on an axis.
func newForest(title, about string, changes []*change, s *scale) *forest {
	f := &forest{Title: title, About: about}
	ticks := ratioTicks(s)
	var grid, same strings.Builder
	for _, t := range ticks {
		f.Ticks = append(f.Ticks, label{Style: place("left", t.At), Text: t.Label})
		to := &grid
		if t.Label == "same" {
			to = &same
		}
		to.WriteString("M" + t.At.String() + " 0V1000")
	}
	frame := []path{{Class: "g", D: grid.String()}, {Class: "ax", D: same.String()}}
	for _, c := range changes {
		f.Rows = append(f.Rows, c.row(s, frame))
	}
	return f
}

// row returns the row of a change.
func (c *change) row(s *scale, frame []path) *forestRow {
	base, head, unit := c.medians()
	r := &forestRow{Name: c.name, Word: c.word(), Tip: c.tip(), Medians: strings.TrimSpace(base + " → " + head + " " + unit)}
	r.Change, r.Interval = c.texts()
	switch {
	case c.Incomparable != "":
		r.None = "cannot be compared"
	case math.IsNaN(c.Shift):
		r.None = fmt.Sprintf("no interval: %s, want at least %d", format.Plural(len(c.Base), "round"),
			comparison.MinPairs)
	case !c.drawable():
		r.None = "no ratio: the base is 0, or may be"
	}
	if r.None != "" {
		return r
	}
	r.Lines = slices.Clone(frame)
	if m := c.margin(); m > 0 {
		from, to := s.at(1-m), s.at(1+m)
		r.Lines = append(r.Lines, path{Class: "margin",
			D: "M" + from.String() + " 0H" + to.String() + "V1000H" + from.String() + "Z"})
	}
	var dots strings.Builder
	for _, x := range c.rounds() {
		dots.WriteString(spot(point{s.at(x), 240}))
	}
	at := point{s.at(1 + c.Shift), 660}
	r.Lines = append(r.Lines, path{Class: "round", D: dots.String()},
		path{Class: "bar-i", D: d(point{s.at(1 + c.Low), 660}, point{s.at(1 + c.High), 660})},
		path{Class: "dot", D: spot(at)})
	return r
}

// agreement returns how many of the changes have the same direction in every round, among those that are paired.
func agreement(changes []*change) (agree, paired, rounds int) {
	for _, c := range changes {
		list := c.rounds()
		if len(list) == 0 {
			continue
		}
		paired++
		rounds = max(rounds, len(list))
		if slices.Max(list) < 1 || slices.Min(list) > 1 {
			agree++
		}
	}
	return agree, paired, rounds
}
