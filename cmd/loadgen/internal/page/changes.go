package page

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
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
		tone, w = "doubt", format.InDoubt
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

// changesOf returns the changes of a contest: all, or those that cards and rounds show.
func changesOf(c *comparison.Contest, answer *report.Answer, few bool) (list []*change) {
	for _, f := range c.Figures {
		if few && f.Exploratory && inOrder(f.Unit) == len(cardUnits) {
			continue
		}
		list = append(list, &change{Result: &f.Result, name: nameOf(f.Unit), unit: f.Unit, per: f.InUnit(1),
			doubt: f.Doubt, invalid: !answer.Reads(f.Unit)})
	}
	if few {
		slices.SortStableFunc(list, func(a, b *change) int { return inOrder(a.unit) - inOrder(b.unit) })
	}
	return list
}

// firstChanges returns the changes of the first comparison at a level.
func firstChanges(run *results.Run, contests []*comparison.Contest, l scenarios.Level,
	answer *report.Answer) []*change {
	for _, c := range contests {
		if c.Pair == contests[0].Pair && c.CellA.Level == l && run.Scenario.NameOf(c.CellA) ==
			run.Scenario.NameOf(contests[0].CellA) {
			return changesOf(c, answer, true)
		}
	}
	return nil
}

// A contestTable holds all numbers of the comparisons of a pair of arms: those that are judged, and the others.
type contestTable struct {
	ID, Title      string
	Judged, Others table
}

// changeHeader is the header of a table of changes.
var changeHeader = []string{"", "base", "head", "shift", "95% interval", "margin", "p (Holm)", "rounds", "verdict",
	"why"}

// contestTables returns all numbers of all comparisons.
func contestTables(run *results.Run, contests []*comparison.Contest, answer *report.Answer) (list []contestTable) {
	by := map[scenarios.Pair]int{}
	for _, c := range contests {
		i, ok := by[c.Pair]
		if !ok {
			i = len(list)
			by[c.Pair] = i
			list = append(list, contestTable{ID: fmt.Sprintf("contest-%d", i), Title: c.Pair.String(),
				Judged: table{Header: changeHeader}, Others: table{Header: changeHeader}})
		}
		place := strings.Join(append([]string{report.Load(c.CellA.Level)}, c.Beside(run.Scenario)...), ", ")
		for _, x := range changesOf(c, answer, false) {
			to := &list[i].Judged
			if x.Exploratory {
				to = &list[i].Others
			}
			to.Rows = append(to.Rows, x.line(x.unit+" at "+place))
		}
	}
	return list
}

// line returns the row of a change in a table of changes.
func (c *change) line(name string) line {
	margin := format.None
	if c.Verdict.Judged() {
		margin = c.Rule.Margin.String()
	}
	base, head, unit := c.medians()
	shift, interval := c.texts()
	text := c.word().Text
	if c.Marked {
		text += " *"
	}
	rounds := fmt.Sprint(len(c.Base))
	if !c.Paired {
		rounds += "+" + fmt.Sprint(len(c.Head))
	}
	list := fields(strings.TrimSpace(base+" "+unit), strings.TrimSpace(head+" "+unit), shift, interval, margin,
		format.P(c.Adjusted), rounds)
	return line{Name: name, Fields: append(list, field{Text: text, Verdict: c.Verdict},
		field{Text: c.reason(), Class: "why"})}
}
