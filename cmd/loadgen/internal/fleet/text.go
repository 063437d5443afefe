package fleet

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
)

// Formats returns the formats of a plan.
func Formats() []string { return []string{"text", "markdown", "json"} }

// Format writes p in one of Formats.
func (p *Plan) Format(format string) (string, error) {
	switch format {
	case "text":
		return p.write(text80{}), nil
	case "markdown":
		return p.write(markdown{}), nil
	case "json":
		data, err := json.MarshalIndent(p, "", "  ")
		return string(data) + "\n", err
	}
	return "", fmt.Errorf("--format: %q is unknown: want one of %s", format, strings.Join(Formats(), ", "))
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
		lost = "after " + report.Plural(p.Failures, "instance") + " are lost"
	}
	where := ""
	if e := p.Environment; e != nil {
		where = fmt.Sprintf(": an instance is a process with GOMAXPROCS=%d on %s, %s/%s, %s", e.GOMAXPROCS,
			report.Plural(e.NumCPU, "processor"), e.GOOS, e.GOARCH, e.GoVersion)
		if e.CPU != "" {
			where += ", " + e.CPU
		}
	}
	return fmt.Sprintf("A fleet that carries %s/s at its peak, with %s of headroom left %s. Capacities are from %s%s.",
		rate(p.Peak), percent(p.Headroom), lost, p.Source, where)
}

// needed returns the table of the instances that each arm needs.
func (p *Plan) needed(s style) table.Writer {
	t := report.NewTable(1, "arm", "plan/s", "capacity/s", "instances", "normal", "failure", "busiest")
	for _, a := range p.Arms {
		interval := rate(a.Low) + " to " + rate(a.High)
		if a.Bound {
			interval = rate(a.Holds) + " or more"
		}
		t.AppendRow(table.Row{s.name(a.Arm), rate(a.Told), interval, a.show(a.Instances),
			percent(a.Utilisation), percent(a.UtilisationInFailure), percent(a.Busiest)})
	}
	return t
}

// utilisation returns an explanation of the table's columns.
func (p *Plan) utilisation() string {
	shortest, longest := p.Arms[0].Visit, p.Arms[0].Visit
	for _, a := range p.Arms {
		shortest, longest = min(shortest, a.Visit), max(longest, a.Visit)
	}
	visits := shortest.Round(time.Millisecond).String()
	if longest > shortest {
		visits += " or longer"
	}
	return fmt.Sprintf("plan/s is the rate at which visits held, and capacity/s the 95%% interval of the capacity. "+
		"Utilisations are shares of plan/s: the mean normally, the mean after the failures, and the busiest instance "+
		"after the failures. The plan assumes that calls reach instances at random: in %s of visits of %s no "+
		"instance is offered more than the busiest.", percent(plannedShare), visits)
}

// show returns a number of instances, as an upper bound if an instance of the arm may carry more.
func (a *ArmPlan) show(instances int) string {
	if a.Bound {
		return "up to " + report.Count(instances)
	}
	return report.Count(instances)
}

// cost returns the table of what each arm costs.
func (p *Plan) cost(s style) table.Writer {
	t := report.NewTable(1, "arm", "instances", "more", "cores per million calls/s", "more")
	base := &p.Arms[0]
	for i := range p.Arms {
		a := &p.Arms[i]
		row := table.Row{s.name(a.Arm), a.show(a.Instances), "", "", ""}
		if i > 0 && !a.Bound && !base.Bound {
			row[2] = fmt.Sprintf("%+d", a.More)
		}
		if a.CPU > 0 {
			row[3] = report.Number(a.Cores())
			if i > 0 && base.CPU > 0 {
				row[4] = signed(a.Cores() - base.Cores())
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
	t := report.NewTable(1, header...)
	for i := range p.Arms {
		name := s.name(p.Arms[i].Arm)
		for row := range slices.Chunk(p.Arms[i].WhatIf, len(losses)) {
			cells := table.Row{name, percent(row[0].Headroom)}
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
	s := fmt.Sprintf("%s/s alone (%s), sigma %s, kappa %s, over %.4g to %.4g %s; the farthest median is %+.1f%% off",
		rate(f.Lambda), rates(f.LambdaInterval), within(f.Sigma, f.SigmaInterval),
		within(f.Kappa, f.KappaInterval), least, most, c.Of, 100*f.Worst)
	top := fmt.Sprintf("%s/s (%s)", rate(f.Greatest.X), rates(f.GreatestInterval))
	if f.PeakInterval != nil {
		return fmt.Sprintf("%s; the peak is %s at %s", s, top, within(f.Greatest.N, *f.PeakInterval))
	}
	return fmt.Sprintf("%s; the most up to %.4g %s is %s", s, most, c.Of, top)
}

// rates returns an interval of rates, in calls per second.
func rates(i usl.Interval) string { return rate(i.Low) + " to " + rate(i.High) }

// within returns a number and its interval, with three digits.
func within(x float64, i usl.Interval) string {
	return strings.ReplaceAll(fmt.Sprintf("%.3g (%.3g to %.3g)", x, i.Low, i.High), "+Inf", "no end")
}

// rate returns a rate in calls per second with all digits, since intervals may be narrow.
func rate(x float64) string {
	if x < 1000 {
		return fmt.Sprintf("%.4g", x)
	}
	return report.Count(math.Round(x))
}

// percent returns a share in per cent, with at most one decimal.
func percent(x float64) string {
	return strings.TrimSuffix(fmt.Sprintf("%.1f", 100*x), ".0") + "%"
}

// signed returns a number with its sign.
func signed(x float64) string {
	if x >= 0 {
		return "+" + report.Number(x)
	}
	return report.Number(x)
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
	if title != "" {
		b.WriteString(text.WrapSoft(title, columns) + "\n\n")
	}
	for _, s := range sentences {
		if title == "" {
			b.WriteString(trimmed(text.WrapSoft(s, columns)) + "\n")
			continue
		}
		b.WriteString("- " + strings.ReplaceAll(trimmed(text.WrapSoft(s, columns-2)), "\n", "\n  ") + "\n")
	}
	if len(sentences) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// trimmed removes the blanks that wrapping leaves at the ends of lines.
func trimmed(s string) string {
	lines := strings.Split(s, "\n")
	for i := range lines {
		lines[i] = strings.TrimRight(lines[i], " ")
	}
	return strings.Join(lines, "\n")
}

// markdown is a style for Markdown.
type markdown struct{}

// table returns a table.
func (markdown) table(t table.Writer) string { return t.RenderMarkdown() + "\n\n" }

// name returns s, escaped.
func (markdown) name(s string) string { return escape(s) }

// asked returns s in bold.
func (markdown) asked(s string) string { return "**" + s + "**" }

// sentences returns paragraphs or, below a title, list items.
func (markdown) sentences(title string, sentences []string) string {
	var b strings.Builder
	mark := ""
	if title != "" {
		b.WriteString("### " + escape(title) + "\n\n")
		mark = "- "
	}
	for _, s := range sentences {
		b.WriteString(mark + escape(s) + "\n")
	}
	if len(sentences) > 0 {
		b.WriteString("\n")
	}
	return b.String()
}

// escape escapes text of a file, so that it is not read as Markdown.
func escape(s string) string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;", "*", `\*`, "_", `\_`, "`", "\\`",
		"[", `\[`, "]", `\]`, "@", "&#64;", `\`, `\\`).Replace(s)
}
