package capacity

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/usl"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// A Reading says how the answer of a search is printed.
type Reading struct {
	terminal.Detail
	Dir  string // the directory of the search
	Exit int    // the exit code of the command
}

// Text returns the answer of the search for a screen: a table of the arms, the probes of those without an answer, and
// the ending.
func (f *File) Text(s *terminal.Screen, r Reading) string {
	ending := f.ending(s, r)
	if r.Quiet {
		return ending
	}
	var b strings.Builder
	b.WriteString(s.Wrap(f.title(r.All), "  ") + "\n")
	strips := f.strips(s)
	if len(f.Answer.Arms) > 0 {
		b.WriteString(f.table(s, strips == "" && s.Width >= stripped) + "\n")
	}
	if strips != "" {
		b.WriteString(strips + "\n")
	}
	if r.All {
		b.WriteString(f.everything(s, r.Dir) + "\n")
	}
	if text := f.scaling(s, r.All); text != "" {
		b.WriteString(text + "\n")
	}
	return b.String() + ending
}

// title returns what was searched for, and at what cost.
func (f *File) title(all bool) string {
	var objectives []string
	for _, o := range f.Scenario.SLOs {
		objectives = append(objectives, o.String())
	}
	name := f.Scenario.Name
	if targets := f.Scenario.Arms(scenarios.Target); len(targets) == 1 && targets[0] != scenarios.MapTarget &&
		targets[0] != name {
		name += ", target " + targets[0]
	}
	text := fmt.Sprintf("%s: the capacity at which %s; %s", name, strings.Join(objectives, ", "),
		format.Plural(len(f.Probes), "probe"))
	if f.Search != nil {
		text += " in " + format.Duration(f.Search.Spent().Round(time.Second/10))
	}
	if n := f.Environment.NumCPU; n > 0 {
		text += ", " + format.Plural(n, "CPU")
	}
	if all {
		text += fmt.Sprintf("; seed %d", f.Scenario.Seed)
	}
	return text
}

// names returns the title of the column of arms, and what readers call each arm.
func (f *File) names() (title string, names map[string]string) {
	names = map[string]string{}
	varied := f.Scenario.Varied()
	if title = strings.Join(varied, "/"); len(varied) > 0 || len(f.Answer.Arms) == 1 {
		for _, c := range f.Scenario.Cells() {
			names[c.Arm()] = f.Scenario.NameOf(c)
		}
	}
	for _, a := range f.Answer.Arms {
		if names[a.Arm] == "" { // the search had other arms than the scenario, of one dimension
			title, names[a.Arm], _ = strings.Cut(a.Arm, "=")
		}
	}
	return title, names
}

// stripped is the width from which a table has a strip of probes.
const stripped = 110

// table returns the table of the arms, with their probes if strip is set.
func (f *File) table(s *terminal.Screen, strip bool) string {
	title, names := f.names()
	first := ""
	if len(f.Answer.Arms) > 1 {
		first = "of " + names[f.Answer.Arms[0].Arm]
		if format.Width(first) > 12 {
			first = "of first"
		}
	}
	t := terminal.NewTable(terminal.Column{Title: title}, terminal.Column{Title: "holds/s"},
		terminal.Column{Title: "95% interval"}, terminal.Column{Title: "fails/s"},
		terminal.Column{Title: "ran out", Left: true, Drop: 2}, terminal.Column{Title: first, Drop: 1},
		terminal.Column{Title: "usable probes", Drop: 3},
		terminal.Column{Title: "probes by rate", Left: true, Drop: 4})
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		holds, interval, fails, share, marks := format.None, format.None, format.None, "", ""
		if a.Told > 0 {
			holds = format.PerSecond(a.Told)
		}
		if a.Verdict == Found {
			interval = format.PerSecond(a.Low) + " .. " + format.PerSecond(a.High)
			if !a.Fitted {
				interval += "?" // a bracket, as the ending says
			}
		}
		if x := f.failsAt(a); x > 0 {
			fails = format.PerSecond(x)
		}
		if len(f.Answer.Arms) > 1 {
			share = format.None
			if a.Taken != nil {
				share = format.Rough(1 - a.Taken.Share)
			}
		}
		if strip {
			const most = 30
			marks = format.Middle(f.marks(a.Arm), most)
		}
		t.Row(names[a.Arm], holds, interval, fails, f.ranOut(a), share, fmt.Sprintf("%s of %s",
			format.Count(a.Probes-a.Silent.Probes), format.Count(a.Probes)), marks)
	}
	return s.Table(t)
}

// failsAt returns the lowest rate above every rate that held at which an arm failed, or 0 if it never failed there.
func (f *File) failsAt(a *Arm) float64 {
	if a.Fails > 0 {
		return a.Fails
	}
	held, fails := a.Told, math.Inf(1)
	for _, e := range f.evidence(a.Arm) {
		if e.Held() {
			held = max(held, e.Rate)
		}
	}
	for _, e := range f.evidence(a.Arm) {
		if e.Failed() && e.Rate > held {
			fails = min(fails, e.Rate)
		}
	}
	if math.IsInf(fails, 1) {
		return 0
	}
	return fails
}

// ranOut returns what an arm ran out of, in a word or two.
func (f *File) ranOut(a *Arm) string {
	name, _, _ := strings.Cut(format.Printable(a.Resource, ""), ":")
	switch {
	case name != "":
		return name
	case a.Verdict == GeneratorLimited && a.machineBusy():
		return "machine"
	case a.Verdict == GeneratorLimited:
		return "generator"
	}
	return format.None
}

// evidence returns the evidence of an arm, by rate.
func (f *File) evidence(arm string) (list []*Evidence) {
	for _, p := range f.Probes {
		if p.Evidence.Arm == arm {
			list = append(list, &p.Evidence)
		}
	}
	slices.SortStableFunc(list, func(a, b *Evidence) int { return cmp.Compare(a.Rate, b.Rate) })
	return list
}

// mark returns the symbol of a probe: it held, it did not, or it says nothing of the target.
func (e *Evidence) mark() string {
	switch {
	case e.Held():
		return "●"
	case e.Telling():
		return "○"
	}
	return "×"
}

// marks returns the symbols of an arm's probes, by rate.
func (f *File) marks(arm string) (text string) {
	for _, e := range f.evidence(arm) {
		text += e.mark()
	}
	return text
}

// strips returns the probes of each arm without an answer, by rate, and what the symbols mean. It is "" if every arm
// has an answer.
func (f *File) strips(s *terminal.Screen) string {
	_, names := f.names()
	t := terminal.NewTable(terminal.Column{}, terminal.Column{Left: true})
	n := 0
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		if a.Unanswered() == "" || a.Probes == 0 || a.Verdict == Found {
			continue
		}
		const name = 24 // columns for names, with the gap
		t.Row(names[a.Arm], f.strip(a.Arm, s.Width-name))
		n++
	}
	if n == 0 {
		return ""
	}
	return s.Table(t) + s.Dim("● held  ○ missed  × machine or generator at its limit") + "\n"
}

// strip returns the rates of an arm's probes, with the symbols of the probes, in at most width columns.
func (f *File) strip(arm string, width int) string {
	var parts []string
	for _, probes := range f.byRate(arm) {
		const most = 4
		marks := ""
		for _, e := range probes[:min(most, len(probes))] {
			marks += e.mark()
		}
		if len(probes) > most {
			marks += fmt.Sprintf(" (%d)", len(probes))
		}
		parts = append(parts, format.Rate(probes[0].Rate)+" "+marks)
		if text := strings.Join(parts, "  "); format.Width(text) > width-2 {
			return strings.Join(parts[:len(parts)-1], "  ") + " …"
		}
	}
	return strings.Join(parts, "  ")
}

// byRate returns the evidence of an arm, by rates that are equal when printed.
func (f *File) byRate(arm string) (groups [][]*Evidence) {
	for _, e := range f.evidence(arm) {
		last := len(groups) - 1
		if last >= 0 && format.Rate(groups[last][0].Rate) == format.Rate(e.Rate) {
			groups[last] = append(groups[last], e)
			continue
		}
		groups = append(groups, []*Evidence{e})
	}
	return groups
}

// everything returns a sentence and the notes of each arm, the shares of capacity with their intervals, and the cost
// of the search.
func (f *File) everything(s *terminal.Screen, dir string) string {
	var b strings.Builder
	for i := range f.Answer.Arms {
		a := &f.Answer.Arms[i]
		b.WriteString(s.Wrap(a.Arm+" "+a.sentence(), "  "))
		for _, note := range a.notes() {
			b.WriteString(s.Wrap("    "+note, "    "))
		}
	}
	for _, a := range f.Answer.Arms {
		if a.Taken != nil {
			b.WriteString(s.Wrap(fmt.Sprintf("%s takes %s of the capacity of %s (95%% interval %s to %s)", a.Arm,
				sharePercent(a.Taken.Share), f.Answer.Arms[0].Arm, sharePercent(a.Taken.Low),
				sharePercent(a.Taken.High)), "  "))
		}
	}
	if f.Search != nil {
		b.WriteString(s.Wrap(fmt.Sprintf("%s, %v of %v, in %s", format.Plural(len(f.Probes), "probe"),
			format.Duration(f.Search.Spent()), f.Search.Options().Budget, dir), "  "))
	}
	return b.String()
}

// scaling returns how the arms scale, or "" if no throughput was measured.
func (f *File) scaling(s *terminal.Screen, all bool) string {
	if len(f.Scaling) == 0 {
		return ""
	}
	var b strings.Builder
	b.WriteString(s.Wrap("How throughput scales with workers, in closed loops: the Universal Scalability Law, with "+
		"95% intervals", "  "))
	for i := range f.Scaling {
		c := &f.Scaling[i]
		b.WriteString(s.Wrap("  "+c.Scales(), "    "))
		if !all {
			continue
		}
		var points []string
		for _, p := range usl.Medians(c.Points) {
			points = append(points, fmt.Sprintf("%s with %s", format.Rate(p.X), format.Count(p.N)))
		}
		b.WriteString(s.Wrap(fmt.Sprintf("    medians of %s: %s", format.Plural(len(c.Points), "visit"),
			strings.Join(points, ", ")), "      "))
	}
	return b.String()
}

// partial reports whether the search has not ended.
func (f *File) partial() bool { return f.Status == results.Partial }
