package gate

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// Formats returns the formats of a report.
func Formats() []string { return []string{"text", "markdown", "json"} }

// Format returns r as one of Formats. Text is for a screen. It has everything if all is set.
func (r *Report) Format(as string, s *terminal.Screen, all bool) (string, error) {
	switch as {
	case "text":
		return r.Text(s, all), nil
	case "markdown":
		return markdown(r), nil
	case "json":
		return encode(r)
	}
	return "", fmt.Errorf("format %q is unknown: want one of %s", as, strings.Join(Formats(), ", "))
}

// encode returns the report as JSON. Within one schema fields may be added, but never change.
func encode(r *Report) (string, error) {
	data, err := json.MarshalIndent(r, "", "  ")
	return string(data) + "\n", err
}

// Text returns the report for a screen: a table for each head and configuration, what was left out, and the ending.
// Unless all is set, it folds what is not worse, so that the text has few lines.
func (r *Report) Text(s *terminal.Screen, all bool) string {
	groups := r.groups()
	remarks := r.remarksFor(s, all)
	full := r.Ending(s, all, nil)
	room := max(mostLines-strings.Count(remarks+full, "\n"), 8)
	shown := r.folded(groups, all, func(shown map[*Cell]bool) bool {
		return strings.Count(r.body(s, groups, shown, all), "\n") < room
	})
	return r.body(s, groups, shown, all) + "\n" + remarks + r.Ending(s, all, shown)
}

// body returns the tables with the shown cells.
func (r *Report) body(s *terminal.Screen, groups []*group, shown map[*Cell]bool, all bool) string {
	var b strings.Builder
	var before *Table
	var hidden []*group
	for i := 0; i < len(groups); {
		t := groups[i].table
		n := i
		for n < len(groups) && groups[n].table == t {
			n++
		}
		visible := slices.DeleteFunc(slices.Clone(groups[i:n]), func(g *group) bool {
			return !slices.ContainsFunc(g.cells, func(c *Cell) bool { return shown[c] })
		})
		for _, g := range groups[i:n] {
			if !slices.Contains(visible, g) && len(judgedOf(g.cells)) > 0 {
				hidden = append(hidden, g)
			}
		}
		if len(visible) > 0 {
			if before != nil {
				b.WriteByte('\n')
			}
			b.WriteString(t.heading(s, before, all) + "\n")
			b.WriteString(r.table(s, visible, shown, all))
			before = t
		}
		i = n
	}
	if len(hidden) > 0 {
		b.WriteString(s.Dim(s.Wrap(r.others(hidden), "  ")))
	}
	return b.String()
}

// judgedOf returns the judged ones of cells.
func judgedOf(cells []*Cell) []*Cell {
	return slices.DeleteFunc(slices.Clone(cells), func(c *Cell) bool { return !c.Verdict.Judged() })
}

// others returns how many groups a text has no room for, and how their judged cells came out.
func (r *Report) others(groups []*group) string {
	var cells []*Cell
	for _, g := range groups {
		cells = append(cells, judgedOf(g.cells)...)
	}
	what := "more benchmark"
	if r.source == ownRun {
		what = "more comparison"
	}
	return fmt.Sprintf("%s (%s): %s", format.Plural(len(groups), what), format.Plural(len(cells), "number"),
		r.tally(cells))
}

// heading returns the title of a table, and the configuration that the table before it does not have.
func (t *Table) heading(s *terminal.Screen, before *Table, all bool) string {
	var b strings.Builder
	if before == nil || before.title() != t.title() {
		b.WriteString(s.Wrap(t.titleFor(s, all), "  "))
	}
	var config []string
	for _, p := range t.Config {
		if before == nil || !slices.Contains(before.Config, p) {
			config = append(config, p.Key+": "+p.Value)
		}
	}
	if len(config) > 0 {
		b.WriteString(s.Dim(s.Wrap(strings.Join(config, ", "), "  ")))
	}
	return b.String()
}

// titleFor returns what a table compares. How it is paired stands in full where it may surprise.
func (t *Table) titleFor(s *terminal.Screen, all bool) string {
	how := "unpaired: " + t.Why
	if t.Paired {
		how = "paired by round"
		if all {
			how = "paired: " + t.Why
		}
	}
	least, most := t.rounds()
	return fmt.Sprintf("%s vs %s: %s, %s", t.headName(), t.baseName(), format.Between(least, most, "round"), how)
}

// table returns the table of groups, each below its name.
func (r *Report) table(s *terminal.Screen, groups []*group, shown map[*Cell]bool, all bool) string {
	g := &grid{Report: r, screen: s, all: all, wide: s.Width >= wideScreen, reasons: map[string]bool{}}
	var visible []*Cell
	for _, group := range groups {
		group.unfold(shown, all)
		visible = append(visible, group.visible(shown)...)
	}
	g.axis = newAxis(visible)
	g.begin(groups[0].table)
	for _, group := range groups {
		g.write(group, shown)
	}
	return s.Table(g.Table)
}

// unfold shows the only folded cell of a group, which takes no more lines than saying that there is one.
func (g *group) unfold(shown map[*Cell]bool, all bool) {
	if folded := g.folded(shown); !all && len(folded) == 1 {
		shown[folded[0]] = true
	}
}

// visible returns the shown cells of a group.
func (g *group) visible(shown map[*Cell]bool) (cells []*Cell) {
	for _, c := range g.cells {
		if shown[c] {
			cells = append(cells, c)
		}
	}
	return cells
}

// folded returns the judged cells of a group that are not shown.
func (g *group) folded(shown map[*Cell]bool) (cells []*Cell) {
	for _, c := range g.cells {
		if !shown[c] && c.Verdict.Judged() {
			cells = append(cells, c)
		}
	}
	return cells
}

// A grid is a table that is being made.
type grid struct {
	*Report
	*terminal.Table
	screen    *terminal.Screen
	all, wide bool
	axis      *axis
	reasons   map[string]bool // that stand below a cell already
}

// begin makes the columns.
func (g *grid) begin(t *Table) {
	interval, plot := "95%", ""
	if g.wide {
		interval, plot = "95% interval", g.axis.header()
	}
	g.Table = terminal.NewTable(terminal.Column{}, terminal.Column{Title: sideTitle(t.baseName(), "base")},
		terminal.Column{Title: sideTitle(t.headName(), "head")}, terminal.Column{Title: "shift"},
		terminal.Column{Title: interval}, terminal.Column{Title: "margin", Drop: 1},
		terminal.Column{Title: "p", Drop: 4}, terminal.Column{Title: plot, Left: true, Drop: 2},
		terminal.Column{Title: "verdict", Left: true}, terminal.Column{Left: true, Drop: 3})
}

// write writes the shown cells of a group with their reasons, and how many are folded.
func (g *grid) write(group *group, shown map[*Cell]bool) {
	g.Line(g.screen.Bold(format.Printable(group.name, "")))
	for _, c := range group.visible(shown) {
		g.Row(g.cells(c)...)
		if why := c.reason(); why != "" && (g.all || !g.reasons[why]) {
			g.reasons[why] = true
			for line := range strings.Lines(g.screen.Wrap("    "+why, "    ")) {
				g.Line(g.screen.Dim(strings.TrimSuffix(line, "\n")))
			}
		}
	}
	folded := group.folded(shown)
	if len(folded) == 0 {
		return
	}
	tally := g.tally(folded)
	if len(tally.order) > 1 {
		g.Line(g.screen.Dim(fmt.Sprintf("  %d others: %s", len(folded), tally)))
		return
	}
	g.Row(fmt.Sprintf("  %d others", len(folded)), "", "", "", "", "", "", "", styled(g.screen, tally.order[0]), "")
}

// wideScreen is the width from which a text has margins and a plot.
const wideScreen = 110

// sideTitle returns the name of a side as the title of its column, or another one if it is long.
func sideTitle(name, instead string) string {
	const most = 10
	if format.Width(name) > most {
		return instead
	}
	return format.Printable(name, "")
}

// cells returns the row of a cell.
func (g *grid) cells(c *Cell) []string {
	scale, unit := c.scale(), ""
	margin, p, plot := "", "", ""
	if g.wide || g.all {
		margin = c.margin()
	}
	if g.all && c.Adjusted != nil {
		p = format.P(*c.Adjusted)
	}
	if g.wide {
		unit, plot = "%", g.axis.draw(c)
	}
	return []string{"  " + scale.label, scale.number(c.Base.Median), scale.number(c.Head.Median), c.change(),
		c.interval(unit), margin, p, plot, styled(g.screen, g.word(c)), g.screen.Dim(g.detail(c))}
}

// styled returns the word of a verdict in its colour.
func styled(s *terminal.Screen, w format.Word) string {
	text := w.Symbol + " " + w.Text
	switch w.Symbol {
	case "✓":
		return s.Better(text)
	case "✗":
		return s.Worse(text)
	case format.InDoubt.Symbol:
		return s.Doubt(text)
	}
	return text
}

// remarksFor returns notes and warnings, and a blank line below them. Unless all is set, it has those that change the
// answer, and the first of the others with their number.
func (r *Report) remarksFor(s *terminal.Screen, all bool) string {
	var b strings.Builder
	var minor []string
	for _, remark := range r.remarks() {
		_, text, _ := strings.Cut(remark, ": ")
		switch {
		case all || !slices.Contains(r.minor, text):
			b.WriteString(s.Wrap(remark, "  "))
		case text != exploratory && text != r.few: // the ending says so
			minor = append(minor, remark)
		}
	}
	if len(minor) > 0 {
		text := minor[0]
		if n := len(minor) - 1; n > 0 {
			text += fmt.Sprintf(" (and %s: --all)", format.Plural(n, "other note"))
		}
		b.WriteString(s.Wrap(text, "  "))
	}
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
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
