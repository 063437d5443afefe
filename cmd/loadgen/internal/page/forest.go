package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results/comparison"
)

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
	decades := s.hi/s.lo > 1e4
	for n := 1; n <= 36; n++ { // 2, 5, 10, ...
		if n%3 == 0 || !decades {
			steps = append(steps, value125(n))
		}
	}
	reach := max(s.hi, 1/s.lo)
	steps = slices.DeleteFunc(steps, func(x float64) bool { return x > reach })
	list := []tick{{s.at(1), "same"}}
	room := func(text string) float64 { return labelChar*float64(format.Width(text)) + 22 } // on a narrow screen
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
			apart := math.Abs(float64(t.shown() - before.shown()))
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
		f.Ticks = append(f.Ticks, label{Style: t.place(), Text: t.Label})
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
	r := &forestRow{Name: c.name, Word: c.word(), Tip: c.tip()}
	r.Medians = strings.TrimSpace(base + " → " + head + " " + unit)
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
