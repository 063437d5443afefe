package gate

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results/comparison"
)

// Ending returns the last lines of the text: the answer, what is in doubt, what to do next, and where the rest is.
// Shown are the cells that the text above has.
func (r *Report) Ending(s *terminal.Screen, all bool, shown map[*Cell]bool) string {
	next, why := r.next()
	e := terminal.Ending{Answer: r.Answer(), Doubt: r.doubt(), Next: next, Why: why, Exit: r.Exit}
	if !strings.HasPrefix(next, "loadgen ") && !strings.HasPrefix(next, "go ") { // words, and no command
		e.Advice, e.Next = next, ""
	}
	var more []string
	if folded, unasked := r.unseen(shown); !all && folded+unasked > 0 {
		var parts []string
		if unasked > 0 {
			parts = append(parts, format.Plural(unasked, "number")+" without a verdict")
		}
		if folded > 0 {
			parts = append(parts, format.Plural(folded, "folded number"))
		}
		how := "--all"
		if len(r.Paths) > 0 { // the command that wrote them has no such flag
			how = "--format json"
		}
		more = []string{how + " shows " + format.And(parts)}
	}
	e.More = strings.Join(append(more, r.Paths...), "; ")
	return s.Ending(e)
}

// unseen returns how many cells a text folds, and how many it leaves out because they are not judged.
func (r *Report) unseen(shown map[*Cell]bool) (folded, unasked int) {
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			switch {
			case !c.Verdict.Judged():
				unasked++
			case !shown[c]:
				folded++
			}
		}
	}
	return folded, unasked
}

// A finding is a cell with the table that it stands in.
type finding struct {
	*Cell
	table *Table
}

// findings returns the judged cells that are as asked, the worst first.
func (r *Report) findings(as func(c *Cell) bool) (list []finding) {
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Verdict.Judged() && as(c) {
				list = append(list, finding{c, t})
			}
		}
	}
	slices.SortStableFunc(list, func(a, b finding) int { return cmp.Compare(b.worsening(), a.worsening()) })
	return list
}

// Answer returns what the comparison shows in sentences. What is worse leads.
func (r *Report) Answer() string {
	var parts []string
	add := func(list []finding, before string) {
		if len(list) > 0 {
			parts = append(parts, before+r.clauses(list)+".")
		}
	}
	void := r.NotValid()
	if void != "" {
		void += " "
	}
	regressed := r.findings(func(c *Cell) bool { return c.Verdict == comparison.Regressed && !c.doubtful() })
	doubtful := r.findings(func(c *Cell) bool { return c.Verdict == comparison.Regressed && c.doubtful() })
	worse := r.findings(func(c *Cell) bool { return c.Verdict == comparison.Worse })
	add(regressed, "")
	add(doubtful, "In doubt, but "+r.byNumbersWord()+" by its numbers: ")
	add(worse, "Worse, but perhaps within the margin: ")
	if len(parts) == 0 {
		switch {
		case void != "":
		case r.Counts[comparison.Expected] > 0:
			parts = append(parts, "Nothing is worse that was not expected to be.")
		case r.decided() == 0:
			parts = append(parts, "Nothing is shown to be worse, better or the same.")
		default:
			parts = append(parts, "Nothing is worse.")
		}
	}
	return void + strings.Join(append(parts, r.counted()), " ")
}

// byNumbersWord returns the word for a cell that regressed.
func (r *Report) byNumbersWord() string {
	return r.byNumbers(&Cell{Verdict: comparison.Regressed}).Text
}

// decided returns the number of judged cells whose verdict is not inconclusive.
func (r *Report) decided() (n int) {
	for v, count := range r.Counts {
		if v.Judged() && v != comparison.Inconclusive {
			n += count
		}
	}
	return n
}

// clauses says of the worst cells how they differ, and how many more there are.
func (r *Report) clauses(list []finding) string {
	const most = 3
	several := slices.ContainsFunc(r.Tables, func(t *Table) bool { return t.Head != r.Tables[0].Head })
	var parts []string
	before := ""
	for _, f := range list[:min(most, len(list))] {
		subject := f.subject(several)
		if subject == before {
			parts[len(parts)-1] += " and " + f.differs()
			continue
		}
		parts, before = append(parts, subject+" "+f.differs()), subject
	}
	if more := len(list) - most; more > 0 {
		verb := "are"
		if more == 1 {
			verb = "is"
		}
		parts = append(parts, fmt.Sprintf("%s %s worse, too", format.Plural(more, "other number"), verb))
	}
	return strings.Join(parts, "; ")
}

// subject returns what a sentence about a cell is about. Several heads may have a cell of the name.
func (f *finding) subject(several bool) string {
	const longest = 60
	name := format.Middle(format.Printable(cmp.Or(f.group, f.Name), ""), longest)
	switch {
	case f.table.head != "":
		return f.table.head + " at " + name
	case several:
		return fmt.Sprintf("%s (%s)", name, format.Printable(f.table.Head, ""))
	}
	return name
}

// differs returns in words how the head differs, such as is 12% slower in ns/op. Of a run it says than which arm.
func (f *finding) differs() string {
	text := f.Cell.differs()
	switch {
	case f.table.base == "":
		return text
	case strings.Contains(text, " times the "):
		return text + " of " + f.table.base
	}
	return text + " than " + f.table.base
}

// counted returns how many numbers came out how.
func (r *Report) counted() string {
	var cells []*Cell
	for _, t := range r.Tables {
		cells = append(cells, judgedOf(t.Cells)...)
	}
	t := r.tally(cells)
	if len(cells) == 1 {
		return fmt.Sprintf("The only number %s.", are(t.order[0], 1))
	}
	parts := []string{format.Count(t.counts[t.order[0]]) + " " + are(t.order[0], t.counts[t.order[0]])}
	for _, w := range t.order[1:] {
		parts = append(parts, format.Count(t.counts[w])+" "+strings.TrimPrefix(are(w, 2), "are "))
	}
	return fmt.Sprintf("Of %s %s.", format.Plural(len(cells), "number"), strings.Join(parts, ", "))
}

// are returns the verb of a sentence about n numbers with a verdict: are better, regressed.
func are(w format.Word, n int) string {
	switch {
	case strings.HasPrefix(w.Text, "regressed"):
		return w.Text
	case w == format.Verdict(comparison.Equivalent):
		return map[bool]string{true: "is the ", false: "are the "}[n == 1] + w.Text
	}
	return map[bool]string{true: "is ", false: "are "}[n == 1] + w.Text
}

// doubt returns what makes the answer doubtful, or "".
func (r *Report) doubt() string {
	var parts []string
	if lag := r.findings((*Cell).doubtful); len(lag) > 0 {
		var places []string
		for _, f := range lag {
			if name := cmp.Or(f.group, f.Name); !slices.Contains(places, name) {
				places = append(places, name)
			}
		}
		parts = append(parts, fmt.Sprintf("%s (%s)", lag[0].Doubt, format.Printable(format.FewNames(places), "")))
	}
	if text := r.visits.String(); text != "" && !r.visits.void() {
		parts = append(parts, text)
	}
	if few := r.findings(func(c *Cell) bool { return c.need > 0 }); len(few) > 0 {
		most := 0
		for _, f := range few {
			most = max(most, f.need)
		}
		parts = append(parts, fmt.Sprintf("%s too few rounds to show any difference, however large: need %d, or "+
			"fewer numbers, by --units", map[bool]string{true: "1 number has",
			false: format.Plural(len(few), "number") + " have"}[len(few) == 1], most))
	}
	if r.Strict && r.Undecided() > 0 && r.Exit == 3 {
		parts = append(parts, format.Plural(r.Undecided(), "number")+" not decided, which --strict fails")
	}
	return strings.Join(parts, "; ")
}

// next returns what settles the doubts, or what to do with the result, and why.
func (r *Report) next() (command, why string) {
	open := r.findings(func(c *Cell) bool { return c.Verdict.Undecided() && !c.doubtful() })
	worse := r.findings(func(c *Cell) bool { return c.Verdict == comparison.Regressed })
	switch {
	case r.visits.void():
		return "loadgen selftest --quick", "what this machine can do"
	case len(worse) > 0 && worse[0].doubtful(), len(worse) == 0 && len(r.findings((*Cell).doubtful)) > 0:
		if r.source == ownRun {
			return "loadgen compare --units p50-service-ns " + format.Argument(r.run), "service time has no lag"
		}
		return "measure both at a lower --qps", "lag is the generator's"
	case len(worse) > 0 && r.source == files:
		return "loadgen run --compare REF --bench PKG", "measures both in turn"
	case len(worse) > 0 && r.source == revisions:
		return "run it again with --confirm", "measures what regressed a second time"
	case len(worse) > 0:
		return "loadgen report " + format.Argument(r.run), "a page with every round"
	case len(open) > 0:
		return r.rounds(open), format.Plural(len(open), "number") + " not decided"
	}
	return "", ""
}

// rounds returns what measures more rounds: as many as could show a difference, or twice as many as there are.
func (r *Report) rounds(open []finding) string {
	need, have := 0, 0
	for _, f := range open {
		need, have = max(need, f.need), max(have, f.Base.Rounds, f.Head.Rounds)
	}
	n := cmp.Or(need, 2*have, comparison.MinPairs)
	switch r.source {
	case ownRun:
		return fmt.Sprintf("loadgen run %s --rounds %d", format.Argument(r.run), n)
	case revisions:
		return fmt.Sprintf("run it again with --rounds %d", n)
	}
	return fmt.Sprintf("go test -bench . -count %d", n)
}
