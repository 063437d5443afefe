package selftest

import (
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// titles are the headings of groups of checks.
var titles = map[string]string{
	Oracle: "The stall oracle: every call stops for a while, and what latency must be follows from arithmetic, by " +
		"the service time that the target measured itself",
	Companions: "Its companions: nothing is corrected that was right",
	Pacing:     "Pacing: calls begin when they are due, by the clock of the target",
	Accounting: "Accounting: every call is accounted for once, however it ends",
	Arrivals:   "Arrivals: random calls have the requested distribution",
	Service: "The stall of a server: a server in another process is stopped for a while, and what latency must be " +
		"follows from arithmetic, by how fast the server catches up by its own clock",
}

// Text returns the report for a screen: a line for each check, the figures of those that failed, and the ending.
func (r *Report) Text(s *terminal.Screen, d terminal.Detail) string {
	ending := r.ending(s, d)
	if d.Quiet {
		return ending
	}
	var b strings.Builder
	e := &r.Environment
	b.WriteString(s.Wrap(fmt.Sprintf("loadgen %s, %s, %s/%s, GOMAXPROCS=%d, %s", e.Version, e.GoVersion, e.GOOS,
		e.GOARCH, e.GOMAXPROCS, e.CPU), "  ") + "\n")
	switch {
	case d.All:
		for _, group := range Groups() {
			if list := r.of(group); len(list) > 0 {
				b.WriteString(s.Wrap(titles[group], "  ") + "\n" + figures(s, list) + "\n")
			}
		}
	case len(r.Checks) > 0:
		b.WriteString(r.table(s) + "\n")
	}
	return b.String() + ending
}

// of returns the checks of a group.
func (r *Report) of(group string) (list []*Result) {
	for i := range r.Checks {
		if r.Checks[i].Group == group {
			list = append(list, &r.Checks[i])
		}
	}
	return list
}

// table returns the table of the checks, in which those that failed have their figures below them.
func (r *Report) table(s *terminal.Screen) string {
	t := terminal.NewTable(terminal.Column{Title: "check"}, terminal.Column{Title: "figures"},
		terminal.Column{Title: "verdict", Left: true}, terminal.Column{Left: true, Drop: 1})
	for _, group := range Groups() {
		for _, c := range r.of(group) {
			failed := len(c.Failed())
			beside, below := c.notes(), ""
			if group == Service { // its note is what a generator that measures wrongly would have said
				beside, below = "", beside
			}
			t.Row(c.Group+", "+c.Name, fmt.Sprintf("%d of %d", len(c.Findings)-failed, len(c.Findings)),
				styled(s, c.Passed), s.Dim(beside))
			for _, f := range c.Failed() {
				for _, line := range wrapped(s, f.sentence()) {
					t.Line(line)
				}
			}
			if below != "" {
				for _, line := range wrapped(s, below) {
					t.Line(s.Dim(line))
				}
			}
		}
	}
	return s.Table(t)
}

// wrapped returns the lines of a text below a row of a table.
func wrapped(s *terminal.Screen, text string) []string {
	return strings.Split(strings.TrimSuffix(s.Wrap("    "+text, "      "), "\n"), "\n")
}

// styled returns pass or FAIL in its colour.
func styled(s *terminal.Screen, ok bool) string {
	if ok {
		return s.Better("✓ pass")
	}
	return s.Worse("✗ FAIL")
}

// figures returns a table of the figures of checks, with the notes of each check below them.
func figures(s *terminal.Screen, checks []*Result) string {
	t := terminal.NewTable(terminal.Column{Title: "check"}, terminal.Column{Title: "verdict", Left: true},
		terminal.Column{Title: "figure", Left: true}, terminal.Column{Title: "expected", Left: true},
		terminal.Column{Title: "measured", Left: true})
	for _, c := range checks {
		name := c.Name
		for _, f := range c.Findings {
			t.Row(name, styled(s, f.Passed), f.What, f.Expected(), f.Measured())
			name = ""
		}
		if note := c.notes(); note != "" {
			t.Line(s.Dim("  " + note))
		}
	}
	return s.Blocks(t)
}

// ending returns the last lines of the text: how many checks passed, what failed, and what to do.
func (r *Report) ending(s *terminal.Screen, d terminal.Detail) string {
	failed := r.failed()
	e := terminal.Ending{Doubt: r.doubt(failed)}
	if !d.All && len(r.Checks) > 0 {
		e.More = "--all shows every figure, --format json what is expected of it"
	}
	checks := format.Plural(len(r.Checks), "check")
	switch {
	case r.Interrupted && len(r.Checks) == 0:
		e.Answer, e.Exit = "Interrupted before a check was made.", 130
		return s.Ending(e)
	case len(failed) > 0:
		e.Exit = 1
		r.blame(&e, failed)
		if r.Interrupted {
			e.Exit = 130
			e.Answer = fmt.Sprintf("Interrupted after %d of %s. ", len(r.Checks), format.Plural(r.Planned, "check")) +
				e.Answer
		}
		return s.Ending(e)
	case r.Interrupted:
		e.Answer = fmt.Sprintf("%d of %s were made before the interruption, and passed.", len(r.Checks),
			format.Plural(r.Planned, "check"))
		e.Exit = 130
		return s.Ending(e)
	}
	e.Answer = fmt.Sprintf("All %s passed.", checks)
	e.Next, e.Why = "loadgen selftest --aa 12", "how much an arm differs from itself here"
	return s.Ending(e)
}

// blame adds to an ending what failed, what to do, and why. Figures that depend on the machine say nothing against
// loadgen, but then no latency is valid here.
func (r *Report) blame(e *terminal.Ending, failed []*Result) {
	timing := true
	var groups []string
	for _, c := range failed {
		if !slices.Contains(groups, c.Group) {
			groups = append(groups, c.Group)
		}
		for _, f := range c.Failed() {
			timing = timing && f.Timing
		}
	}
	count := fmt.Sprintf("%d of %s failed", len(failed), format.Plural(len(r.Checks), "check"))
	if !timing {
		e.Answer = count + ", and not all of it depends on the machine: that is a fault of loadgen. Please report it."
		e.Next, e.Why = "loadgen selftest --format json > selftest.json", "the file to report"
		return
	}
	e.Answer = "NOT VALID: " + count +
		", which depend on the machine. Believe no latency that was measured here until " +
		"it passes; bytes and allocations may still be read."
	e.Advice = "close other programs, or use a machine of its own, then"
	e.Next = "loadgen selftest --only " + strings.Join(groups, ",")
	if r.Quick {
		e.Next = "loadgen selftest --quick --only " + strings.Join(groups, ",")
	}
}

// doubt returns how busy the machine was during the checks that failed or were tried again, or "".
func (r *Report) doubt(failed []*Result) string {
	worst := (*Result)(nil)
	for i := range r.Checks {
		c := &r.Checks[i]
		if !c.Machine.Known || !slices.Contains(failed, c) && c.Tries < 2 {
			continue
		}
		if worst == nil || c.Machine.Others+c.Machine.Stolen > worst.Machine.Others+worst.Machine.Stolen {
			worst = c
		}
	}
	tries := 0
	for i := range r.Checks {
		if r.Checks[i].Tries > 1 {
			tries++
		}
	}
	var parts []string
	if worst != nil {
		m := &worst.Machine
		was := "was not busy"
		if m.Stolen >= busyStolen || m.Others >= busyOthers {
			was = "was busy"
		}
		parts = append(parts, fmt.Sprintf("the machine %s: %s of its CPU time was stolen, other programs used %s", was,
			format.Rough(m.Stolen), format.Rough(m.Others)))
	}
	if tries > 0 {
		parts = append(parts, format.Plural(tries, "check")+" took several tries")
	}
	return strings.Join(parts, "; ")
}
