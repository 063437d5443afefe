package fleet

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

// Formats returns the formats of a plan.
func Formats() []string { return []string{"text", "markdown", "json"} }

// Format returns p as one of Formats.
func (p *Plan) Format(as string) (string, error) {
	switch as {
	case "text":
		return p.write(text80{}), nil
	case "markdown":
		return p.write(markdown{}), nil
	case "json":
		data, err := json.MarshalIndent(p, "", "  ")
		return string(data) + "\n", err
	}
	return "", fmt.Errorf("--format: %q is unknown: want one of %s", as, strings.Join(Formats(), ", "))
}

// A style writes the parts of a plan.
type style interface {
	table(t table.Writer) string
	sentences(title string, sentences []string) string
	name(s string) string
	asked(s string) string // marks the cell that answers the question
}

// write writes the plan: the instances, their cost, other headrooms and failures, how an instance scales, and
// warnings.
func (p *Plan) write(s style) string {
	var b strings.Builder
	_, answer := p.Headline()
	b.WriteString(s.sentences("", []string{answer}))
	b.WriteString(s.sentences("", []string{p.question()}))
	b.WriteString(s.table(p.needed(s)))
	b.WriteString(s.sentences("", []string{p.utilisation()}))
	if len(p.Arms) > 1 || p.Arms[0].CPU > 0 {
		b.WriteString(s.sentences("What an arm costs, and how much more than "+p.Arms[0].Arm, nil))
		b.WriteString(s.table(p.cost(s)))
	}
	b.WriteString(s.sentences("What if: instances for other headrooms and numbers of lost instances", nil))
	b.WriteString(s.table(p.whatIf(s)))
	if laws := p.laws(); len(laws) > 0 {
		b.WriteString(s.sentences("How an instance scales: the Universal Scalability Law, with 95% intervals", laws))
	}
	if len(p.Warnings) > 0 {
		b.WriteString(s.sentences("Warnings", p.Warnings))
	}
	b.WriteString(s.sentences("What this leaves out", p.LeftOut))
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// question returns the question in a sentence.
func (p *Plan) question() string {
	lost := "with none lost"
	switch {
	case p.Failures == 1:
		lost = "after 1 instance is lost"
	case p.Failures > 1:
		lost = "after " + format.Plural(p.Failures, "instance") + " are lost"
	}
	where := ""
	if e := p.Environment; e != nil {
		where = fmt.Sprintf(": an instance is a process with GOMAXPROCS=%d on %s, %s/%s, %s", e.GOMAXPROCS,
			format.Plural(e.NumCPU, "processor"), e.GOOS, e.GOARCH, e.GoVersion)
		if e.CPU != "" {
			where += ", " + e.CPU
		}
	}
	return fmt.Sprintf("A fleet that carries %s at its peak, with %s of headroom left %s. Capacities are from %s%s.",
		format.GivenRate(p.Peak), format.Given(p.Headroom), lost, p.Source, where)
}

// needed returns the table of the instances that each arm needs.
func (p *Plan) needed(s style) table.Writer {
	t := format.Table(1, "arm", "plan/s", "capacity/s", "instances", "normal", "failure", "busiest")
	for _, a := range p.Arms {
		interval := rates(usl.Interval{Low: a.Low, High: a.High})
		if a.Bound {
			interval = format.PerSecond(a.Holds) + " or more"
		}
		t.AppendRow(table.Row{s.name(a.Arm), format.PerSecond(a.Told), interval, a.show(a.Instances),
			format.Percent(a.Utilisation), format.Percent(a.UtilisationInFailure), format.Percent(a.Busiest)})
	}
	return t
}

// utilisation returns an explanation of the table's columns.
func (p *Plan) utilisation() string {
	shortest, longest := p.Arms[0].Visit, p.Arms[0].Visit
	for _, a := range p.Arms {
		shortest, longest = min(shortest, a.Visit), max(longest, a.Visit)
	}
	visits := format.Duration(shortest)
	if longest > shortest {
		visits += " or longer"
	}
	return fmt.Sprintf("plan/s is the rate at which visits held, and capacity/s the 95%% interval of the capacity. "+
		"Utilisations are shares of plan/s: the mean normally, the mean after the failures, and the busiest instance "+
		"after the failures. The plan assumes that calls reach instances at random: in %s of visits of %s no "+
		"instance is offered more than the busiest.", format.Given(plannedShare), visits)
}

// show returns a number of instances, as an upper bound if an instance of the arm may carry more.
func (a *ArmPlan) show(instances int) string {
	if a.Bound {
		return "up to " + format.Count(instances)
	}
	return format.Count(instances)
}

// cost returns the table of what each arm costs.
func (p *Plan) cost(s style) table.Writer {
	t := format.Table(1, "arm", "instances", "more", "cores per million calls/s", "more")
	base := &p.Arms[0]
	for i := range p.Arms {
		a := &p.Arms[i]
		row := table.Row{s.name(a.Arm), a.show(a.Instances), "", "", ""}
		if i > 0 && !a.Bound && !base.Bound {
			row[2] = fmt.Sprintf("%+d", a.More)
		}
		if a.CPU > 0 {
			row[3] = format.Number(a.Cores())
			if i > 0 && base.CPU > 0 {
				row[4] = format.Signed(a.Cores()-base.Cores(), format.Number)
			}
		}
		t.AppendRow(row)
	}
	return t
}

// whatIf returns the table of instances for other headrooms and numbers of failures.
func (p *Plan) whatIf(s style) table.Writer {
	losses := p.losses()
	header := []any{"arm", "headroom"}
	for _, n := range losses {
		header = append(header, fmt.Sprintf("%d lost", n))
	}
	t := format.Table(1, header...)
	for i := range p.Arms {
		name := s.name(p.Arms[i].Arm)
		for row := range slices.Chunk(p.Arms[i].WhatIf, len(losses)) {
			cells := table.Row{name, format.Given(row[0].Headroom)}
			for _, w := range row {
				cell := p.Arms[i].show(w.Instances)
				if math.Abs(w.Headroom-p.Headroom) < 1e-9 && w.Failures == p.Failures {
					cell = s.asked(cell)
				}
				cells = append(cells, cell)
			}
			t.AppendRow(cells)
			name = ""
		}
	}
	return t
}

// laws returns the text about the law of each arm whose concurrency was varied.
func (p *Plan) laws() (texts []string) {
	for _, c := range p.Curves {
		if s := c.Scales(); s != "" {
			texts = append(texts, s)
		}
	}
	return texts
}

// Scales returns how the arm scales: the law with its intervals and warnings, or why there is no law. It is empty if
// no concurrency was varied.
func (c *Curve) Scales() string {
	switch {
	case c.Fit != nil:
		return c.Arm + ": " + strings.Join(append([]string{sentence(c)}, c.Warnings...), "; ") + "."
	case c.Refused != "":
		return c.Arm + ": no fit. " + strings.ReplaceAll(c.Refused, "\n", "; ") + "."
	}
	return ""
}

// sentence returns a fit in words.
func sentence(c *Curve) string {
	f := c.Fit
	least, most := f.Range()
	s := fmt.Sprintf("%s alone (%s), sigma %s, kappa %s, over %s to %s %s; the farthest median is %s off",
		format.Rate(f.Lambda), rates(f.LambdaInterval), within(f.Sigma, f.SigmaInterval),
		within(f.Kappa, f.KappaInterval), format.Digits(least, 4), format.Digits(most,
			4), c.Of, format.Change(f.Worst))
	top := fmt.Sprintf("%s (%s)", format.Rate(f.Greatest.X), rates(f.GreatestInterval))
	if f.PeakInterval != nil {
		return fmt.Sprintf("%s; the peak is %s at %s", s, top, within(f.Greatest.N, *f.PeakInterval))
	}
	return fmt.Sprintf("%s; the most up to %s %s is %s", s, format.Digits(most, 4), c.Of, top)
}

// rates returns an interval of rates, in calls per second.
func rates(i usl.Interval) string { return format.PerSecond(i.Low) + " to " + format.PerSecond(i.High) }

// within returns a number and its interval, with three digits.
func within(x float64, i usl.Interval) string {
	return fmt.Sprintf("%s (%s to %s)", format.Digits(x, 3), format.Digits(i.Low, 3), format.Digits(i.High, 3))
}

// columns is the width of text.
const columns = 80

// text80 is a style for a terminal of 80 columns.
type text80 struct{}

// table returns a table.
func (text80) table(t table.Writer) string { return t.Render() + "\n\n" }

// name breaks a long name, so that the numbers beside it fit.
func (text80) name(s string) string { return text.WrapHard(s, 16) }

// asked returns s in brackets.
func (text80) asked(s string) string { return "[" + s + "]" }

// sentences returns paragraphs or, below a title, list items.
func (text80) sentences(title string, sentences []string) string {
	var b strings.Builder
	mark, indent := "", ""
	if title != "" {
		b.WriteString(format.Wrap(title, columns, "") + "\n")
		mark, indent = "- ", "  "
	}
	for _, s := range sentences {
		b.WriteString(format.Wrap(mark+s, columns, indent))
	}
	if len(sentences) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// markdown is a style for Markdown.
type markdown struct{}

// table returns a table.
func (markdown) table(t table.Writer) string { return t.RenderMarkdown() + "\n\n" }

// name returns s, escaped.
func (markdown) name(s string) string { return format.Markdown(s) }

// asked returns s in bold.
func (markdown) asked(s string) string { return "**" + s + "**" }

// sentences returns paragraphs or, below a title, list items.
func (markdown) sentences(title string, sentences []string) string {
	var b strings.Builder
	mark := ""
	if title != "" {
		b.WriteString("### " + format.Markdown(title) + "\n\n")
		mark = "- "
	}
	for _, s := range sentences {
		b.WriteString(mark + format.Markdown(s) + "\n")
	}
	if len(sentences) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}
