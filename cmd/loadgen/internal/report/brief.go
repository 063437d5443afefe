package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// wide is the width from which lines say more, in columns.
const wide = 110

// Brief returns what a run shows, in some 24 lines: a table of arms and loads, the verdicts of the first comparison,
// and at its end the [Conclusion]. With details, all comparisons, objectives and warnings stand before it.
func Brief(run *results.Run, contests []*comparison.Contest, place Place, screen *terminal.Screen,
	details bool) string {
	var b strings.Builder
	b.WriteString(headline(run, screen) + "\n\n")
	switch {
	case sends(run):
		b.WriteString(sendingTable(run, views(run), screen) + "\n")
	case measured(run) > 0:
		b.WriteString(newGrid(run, screen.Width).text(screen) + "\n")
	}
	if matches := matchesOf(contests); len(matches) > 0 &&
		len(matches[0].contests[0].Rounds) >= comparison.MinPairs {
		reads := AnswerOf(run, contests, place).Reads
		b.WriteString(verdictTable(run.Scenario, matches[0], reads, screen))
	}
	if details {
		b.WriteString(strings.TrimPrefix(written(run, contests, screen), "\n") + "\n")
	}
	b.WriteString(Conclusion(run, contests, place, screen))
	return b.String()
}

// headline returns what was run, where and for how long.
func headline(run *results.Run, screen *terminal.Screen) string {
	s, e := run.Scenario, &run.Environment
	var parts []string
	if arms := armsOf(s); len(arms) > 1 {
		parts = append(parts, format.Plural(len(arms), "arm"))
	}
	switch levels := s.Levels(); {
	case s.Closed:
		parts = append(parts, "CLOSED LOOP")
	case s.AlsoClosed:
		parts = append(parts, "CLOSED LOOP", format.Plural(len(levels)-1, "rate"))
	case len(levels) == 1:
		parts = append(parts, load(levels[0]))
	default:
		parts = append(parts, format.Plural(len(levels), "rate"))
	}
	parts = append(parts, format.Plural(s.Rounds, "round")+lasting(s))
	text := s.Name + ": " + strings.Join(parts, ", ") + fmt.Sprintf("; %s, %s", e.GoVersion,
		format.Plural(e.NumCPU, "CPU"))
	if screen.Width >= wide {
		text += fmt.Sprintf("; %s; seed %d", Arrivals(s), s.Seed)
	}
	return strings.TrimSuffix(format.Wrap(text, screen.Width, "  "), "\n")
}

// armsOf returns the names of the arms of a scenario, in its order.
func armsOf(s *scenarios.Scenario) (names []string) {
	for _, c := range s.Cells() {
		if name := s.NameOf(c); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

// Conclusion returns the end of what is said of a run: the answer, what is in doubt, what to do next and where there
// is more.
func Conclusion(run *results.Run, contests []*comparison.Contest, place Place, screen *terminal.Screen) string {
	a := AnswerOf(run, contests, place)
	var b strings.Builder
	for _, lead := range a.Leads {
		b.WriteString(screen.Worse(screen.Wrap(lead, "")))
	}
	end := terminal.Ending{Answer: a.Text, Doubt: inDoubt(run, a.Doubts, screen),
		Rest: place.Program + " show --all " + format.Quoted(place.Run) + "  # or report", Exit: place.Exit}
	if !a.Valid { // the reasons of visits stand below the answer
		b.WriteString(screen.Worse(screen.Wrap(a.Text, "")) + misled(a.Doubts, screen))
		rest := slices.DeleteFunc(slices.Clone(a.Doubts), func(d Doubt) bool { return record.Misleads(d.Name) })
		end.Answer, end.Doubt = "", ""
		if len(rest) > 0 {
			end.Doubt = inDoubt(run, rest, screen)
		}
	}
	if len(a.Next) > 0 {
		end.Next, end.Why = a.Next[0].Line(), a.Next[0].Why
	}
	return b.String() + screen.Ending(end)
}

// inDoubt returns the most important doubts in a line or two. Visits that are not valid are one of them.
func inDoubt(run *results.Run, doubts []Doubt, screen *terminal.Screen) string {
	var clauses, reasons, named []string
	place := -1 // of the clause about visits
	for _, d := range doubts {
		if !slices.ContainsFunc(run.Visits, func(v *results.Visit) bool { return v.Usable() && isReason(v, d.Name) }) {
			clauses = append(clauses, d.Text)
			continue
		}
		if place < 0 {
			place = len(clauses)
			clauses = append(clauses, "")
		}
		named = append(named, d.Name)
		reasons = append(reasons, fmt.Sprintf("%d %s", d.Visits, d.Name))
	}
	if place >= 0 {
		n := 0
		for _, v := range run.Visits {
			if v.Usable() && slices.ContainsFunc(named, func(name string) bool { return isReason(v, name) }) {
				n++
			}
		}
		clauses[place] = fmt.Sprintf("%d of %s (%s)", n, format.Plural(len(run.Visits), "visit"),
			strings.Join(reasons, ", "))
	}
	const lines = 2
	for most := 3; ; most-- {
		text := strings.Join(format.Few(clauses, most), "; ")
		if most == 1 || strings.Count(screen.Wrap("In doubt: "+text+".", "  "), "\n") <= lines {
			return cmp.Or(text, "nothing")
		}
	}
}

// misled returns a line for each reason why visits did not measure the target, with what to do about it.
func misled(doubts []Doubt, screen *terminal.Screen) string {
	var b strings.Builder
	for _, d := range doubts {
		if !record.Misleads(d.Name) {
			continue
		}
		line := fmt.Sprintf("%4d %s: %s: %s", d.Visits, d.Name, d.Evidence, d.Remedy)
		if format.Width(line) > screen.Prose() {
			line = format.Cut(fmt.Sprintf("%4d %s: %s", d.Visits, d.Name, d.Remedy), screen.Prose())
		}
		b.WriteString(line + "\n")
	}
	return b.String()
}

// verdictTable returns the verdicts of a match and an empty line, with a row for each figure whose unit can be read
// and a column for each load. It returns "" if there is none.
func verdictTable(s *scenarios.Scenario, m *match, reads func(unit string) bool, screen *terminal.Screen) string {
	var units []string
	for _, c := range m.contests {
		for _, f := range mentioned(c) {
			if !slices.Contains(units, f.Unit) && reads(f.Unit) {
				units = append(units, f.Unit)
			}
		}
	}
	if len(units) == 0 {
		return ""
	}
	slices.SortStableFunc(units, func(a, b string) int { return cmp.Compare(orderOf(a), orderOf(b)) })
	contests, rows := m.contests, [][]string(nil)
	for {
		rows = [][]string{{""}}
		for _, c := range contests {
			rows[0] = append(rows[0], "  "+load(c.CellA.Level))
		}
		for _, unit := range units {
			row := []string{quantityOf(unit).title()}
			for _, c := range contests {
				row = append(row, verdictCell(c.Figure(unit), screen))
			}
			rows = append(rows, row)
		}
		if len(contests) == 1 || widest(alignLeft(rows)) <= screen.Width {
			break
		}
		contests = contests[1:]
	}
	title := m.name(s) + ", paired by round: " + strings.Join(legend(contests, units), ", ")
	lines := alignLeft(rows)
	lines[0] = screen.Dim(lines[0])
	text := screen.Wrap(title, "  ") + strings.Join(lines, "\n") + "\n"
	if left := len(m.contests) - len(contests); left > 0 {
		text += screen.Dim(format.Plural(left, "lower rate")+": show --all") + "\n"
	}
	return text + "\n"
}

// wordOf returns the word for what a figure shows.
func wordOf(f *comparison.Figure) format.Word {
	if f.Doubt != "" && f.Verdict.Differs() {
		return format.InDoubt
	}
	return format.Verdict(f.Verdict)
}

// legend returns the symbols in the verdicts of contests in these units, each with its word.
func legend(contests []*comparison.Contest, units []string) (symbols []string) {
	used := map[format.Word]bool{}
	for _, c := range contests {
		for _, f := range judged(c) {
			if slices.Contains(units, f.Unit) {
				used[wordOf(f)] = true
			}
		}
	}
	var words []format.Word
	for _, v := range comparison.Verdicts() {
		words = append(words, format.Verdict(v))
	}
	for _, w := range append(words, format.InDoubt) {
		if used[w] {
			used[w] = false
			symbols = append(symbols, w.Symbol+" "+w.Text)
		}
	}
	return symbols
}

// orderOf returns the order of a unit in tables of verdicts: that of the quantities.
func orderOf(unit string) int {
	if i := slices.IndexFunc(quantities, func(q quantity) bool { return q.unit == unit }); i >= 0 {
		return i
	}
	return len(quantities)
}

// title returns the name of a quantity at the beginning of a line of a table.
func (q quantity) title() string {
	switch q.unit {
	case "p50-service-ns":
		return "Service p50"
	case "B/op", "allocs/op":
		return strings.ToUpper(q.name[:1]) + q.name[1:]
	}
	return q.name
}

// verdictCell returns the verdict of a figure in one load: a symbol, the shift and its interval.
func verdictCell(f *comparison.Figure, screen *terminal.Screen) string {
	if f == nil {
		return "  " + format.None
	}
	q, word := quantityOf(f.Unit), wordOf(f)
	if math.IsNaN(f.Shift) {
		return screen.Dim(fmt.Sprintf("%s %5s", word.Symbol, format.None))
	}
	if f.Exploratory {
		word.Symbol = " "
	}
	paint := screen.Dim
	switch word {
	case format.InDoubt:
		paint = screen.Doubt
	case format.Verdict(comparison.Improved):
		paint = screen.Better
	case format.Verdict(comparison.Regressed):
		paint = screen.Worse
	}
	end := func(x float64) string { return strings.TrimSuffix(q.multiple(f, x), "%") }
	return paint(word.Symbol+" "+fmt.Sprintf("%5s", q.multiple(f, f.Shift))) + " " +
		screen.Dim(format.Interval(f.Low, f.High, end))
}

// multiple returns a shift, or an end of its interval: from twice the base on as a multiple of it.
func (q *quantity) multiple(f *comparison.Figure, x float64) string {
	if !f.Absolute {
		return format.Shift(x, 0, "%")
	}
	return q.change(f, x)
}

// alignLeft returns rows as lines, with columns that are aligned to the left.
func alignLeft(rows [][]string) (lines []string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, text := range row {
			widths[i] = max(widths[i], format.Width(text))
		}
	}
	for _, row := range rows {
		var b strings.Builder
		for i, text := range row {
			b.WriteString(text + strings.Repeat(" ", widths[i]-format.Width(text)+2))
		}
		lines = append(lines, strings.TrimRight(b.String(), " "))
	}
	return lines
}

// widest returns the width of the widest line, in columns.
func widest(lines []string) (w int) {
	for _, line := range lines {
		w = max(w, format.Width(line))
	}
	return w
}

// A timeUnit is the unit of latencies in a table.
type timeUnit struct {
	name string
	ns   float64
}

// timeUnitOf returns milliseconds if all medians of latency are of that order, and else microseconds.
func timeUnitOf(cells []*view) timeUnit {
	least := math.Inf(1)
	for _, v := range cells {
		if p50 := v.latency(0.5); !math.IsNaN(p50) {
			least = min(least, p50)
		}
	}
	if least >= 1e6 && !math.IsInf(least, 1) {
		return timeUnit{"ms", 1e6}
	}
	return timeUnit{"us", 1e3}
}

// number returns a time as a number of the unit.
func (u timeUnit) number(ns float64) string { return format.Number(ns / u.ns) }

// lagMark marks a p99 of which more than half is generator lag.
const lagMark = "!"

// marksLag reports whether more than half of a cell's p99 is generator lag.
func marksLag(v *view) bool {
	lag := 1e3 * v.median("p99-generator-lag-us")
	return lag > v.latency(0.99)/2
}

// failedOf returns how many calls of a cell failed or were dropped.
func failedOf(v *view) uint64 {
	return v.sum(func(r *record.Record) uint64 { return r.Failed + r.Dropped })
}
