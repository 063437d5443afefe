package fleet

import (
	"fmt"
	"math"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// text returns the plan for a screen: a table of the arms, and the ending.
func (p *Plan) text(s *terminal.Screen, d terminal.Detail) string {
	ending := p.ending(s, d)
	switch {
	case d.Quiet:
		return ending
	case d.All:
		return p.write(screenStyle{s}) + "\n" + ending
	}
	return s.Wrap(p.asked(), "  ") + "\n" + s.Table(p.needs(s)) + "\n" + ending
}

// asked returns the question in a few words.
func (p *Plan) asked() string {
	lost := "none lost"
	if p.Failures > 0 {
		lost = format.Plural(p.Failures, "instance") + " lost"
	}
	return fmt.Sprintf("%s at the peak, %s of headroom with %s; capacities from %s", format.GivenRate(p.Peak),
		format.Given(p.Headroom), lost, p.Source)
}

// needs returns the table of the instances that each arm needs, and of how they are used.
func (p *Plan) needs(s *terminal.Screen) *terminal.Table {
	columns := []terminal.Column{{Title: "arm"}, {Title: "instances"}, {Title: "more", Drop: 1},
		{Title: "plan/s"}, {Title: "capacity/s, 95%", Drop: 3}, {Title: "normal", Drop: 4},
		{Title: "failure", Drop: 5},
		{Title: "busiest", Drop: 2}, {Title: "cores per 1M/s", Drop: 6}}
	for i, lost := range p.losses() {
		if lost != p.Failures {
			columns = append(columns, terminal.Column{Title: fmt.Sprintf("if %d lost", lost), Drop: 7 + i})
		}
	}
	t := terminal.NewTable(columns...)
	base := &p.Arms[0]
	for i := range p.Arms {
		a := &p.Arms[i]
		more, interval, cores := "", format.PerSecond(a.Low)+" .. "+format.PerSecond(a.High), ""
		if len(p.Arms) > 1 {
			more = format.None
		}
		if i > 0 && !a.Bound && !base.Bound {
			more = fmt.Sprintf("%+d", a.More)
		}
		if a.Bound {
			interval = format.PerSecond(a.Holds) + " or more"
		}
		if a.CPU > 0 {
			cores = format.Number(a.Cores())
		}
		row := []string{a.Arm, s.Bold(a.show(a.Instances)), more, format.PerSecond(a.Told), interval,
			format.Percent(a.Utilisation), format.Percent(a.UtilisationInFailure), format.Percent(a.Busiest), cores}
		for _, w := range a.WhatIf {
			if math.Abs(w.Headroom-p.Headroom) < 1e-9 && w.Failures != p.Failures {
				row = append(row, a.show(w.Instances))
			}
		}
		t.Row(row...)
	}
	return t
}

// ending returns the last lines of the text.
func (p *Plan) ending(s *terminal.Screen, d terminal.Detail) string {
	_, answer := p.Headline()
	e := terminal.Ending{Answer: answer, Doubt: strings.Join(p.Warnings, "; "),
		Next: p.again("--format html -o plan.html"), Why: "a page to share"}
	bound := false
	for i := range p.Arms {
		bound = bound || p.Arms[i].Bound
	}
	switch {
	case p.Environment == nil:
		e.Next, e.Why = "loadgen capacity --slo 'p99<1ms'", "measures what an instance carries"
	case bound:
		e.Next, e.Why = "loadgen capacity --resume "+format.Argument(strings.TrimSuffix(p.Source,
			"/capacity.json"))+" --budget 15m",
			"finds where an arm fails"
	}
	if !d.All {
		e.Rest = p.again("--all")
	}
	return s.Ending(e)
}

// again returns the command for the same plan with other flags.
func (p *Plan) again(flags string) string {
	peak := strings.NewReplacer(",", "", "/s", "").Replace(format.GivenRate(p.Peak))
	command := fmt.Sprintf("loadgen capacity plan --peak %s", peak)
	if math.Abs(p.Headroom-0.3) > 1e-9 {
		command += " --headroom " + format.Given(p.Headroom)
	}
	if p.Failures != 1 {
		command += fmt.Sprintf(" --failures %d", p.Failures)
	}
	if p.Environment == nil {
		return fmt.Sprintf("%s %s --capacity %s", command, flags, interval(p.Arms[0].Low, p.Arms[0].High))
	}
	return fmt.Sprintf("%s %s %s", command, flags, format.Argument(p.Source))
}

// interval returns the value of --capacity.
func interval(low, high float64) string {
	if low == high {
		return format.Exact(low)
	}
	return format.Exact(low) + ".." + format.Exact(high)
}

// screenStyle is a style for a screen.
type screenStyle struct{ *terminal.Screen }

// table returns a table with all columns, in blocks if the screen is narrow.
func (s screenStyle) table(t table.Writer) string { return s.Blocks(terminal.TableOf(t, 1)) + "\n" }

// name returns s.
func (screenStyle) name(s string) string { return format.Printable(s, "") }

// asked returns s in brackets.
func (screenStyle) asked(s string) string { return "[" + s + "]" }

// sentences returns paragraphs or, below a title, list items.
func (s screenStyle) sentences(title string, sentences []string) string {
	var b strings.Builder
	mark, indent := "", ""
	if title != "" {
		b.WriteString(s.Wrap(title, "") + "\n")
		mark, indent = "- ", "  "
	}
	for _, sentence := range sentences {
		b.WriteString(s.Wrap(mark+sentence, indent))
	}
	if len(sentences) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}
