package report

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// An Answer is what a run shows. Text, page and JSON show the same.
type Answer struct {
	// Leads are what a reader must see before the answer, a sentence each: failed calls, missed objectives, and what
	// is worse elsewhere than in the comparison that the answer is about.
	Leads []string         `json:"leads"`
	Text  string           `json:"text"`           // sentences
	Valid bool             `json:"valid"`          // whether the target was measured, and not the machine
	Head  string           `json:"head,omitempty"` // the arms that the answer compares, and their load
	Base  string           `json:"base,omitempty"`
	Level *scenarios.Level `json:"level,omitempty"`
	noisy bool             // the machine was busy with something else
	// Doubts are what may make the answer wrong, most important first, and Next what to do next.
	Doubts []Doubt `json:"-"`
	Next   []Step  `json:"-"`
}

// AnswerOf returns what a run shows: of its first comparison at the last load, which is the highest if loads ascend,
// or of its only arm.
func AnswerOf(run *results.Run, contests []*comparison.Contest, place Place) *Answer {
	cells, levels := views(run), run.Scenario.Levels()
	a := &Answer{Valid: valid(run), Doubts: doubtsOf(run, contests), Next: nextOf(run, contests, place)}
	if matches := matchesOf(contests); len(matches) > 0 {
		last := matches[0].contests[len(matches[0].contests)-1]
		a.Head, a.Base, a.Level = last.A, last.B, &last.CellA.Level
	}
	leads := []string{partial(run), failing(run), missing(run)}
	if a.Valid {
		leads = append(leads, worseElsewhere(run.Scenario, contests)...)
	}
	a.Leads = slices.DeleteFunc(leads, func(s string) bool { return s == "" })
	a.Text = answerAt(run, cells, contests, levels[len(levels)-1]) + kept(run)
	if !a.Valid {
		a.noisy = has(run.Visits, record.NoisyMachine)
		a.Text = notValid(run) + " " + a.readable(!tellsBytes(run))
	}
	return a
}

// AnswerAt returns what a run shows at one load, in a headline: it has at most two numbers, those that are worse
// if there are any.
func AnswerAt(run *results.Run, contests []*comparison.Contest, l scenarios.Level) string {
	const most = 2
	if matches := matchesOf(contests); len(matches) > 0 {
		for _, c := range matches[0].contests {
			worse, better, _, _ := sorted(c)
			figures := worse
			if len(worse) == 0 {
				figures = better
			}
			if c.CellA.Level == l && len(figures) > 0 {
				text := changes(c.A, c.B, at(l), figures[:min(most, len(figures))])
				return strings.TrimSuffix(text, ".")
			}
		}
	}
	return strings.TrimSuffix(answerAt(run, views(run), contests, l), ".")
}

func answerAt(run *results.Run, cells []*view, contests []*comparison.Contest, l scenarios.Level) string {
	if measured(run) == 0 {
		return "There is no answer: no visit was completed."
	}
	matches := matchesOf(contests)
	if len(matches) == 0 {
		return alone(run, cells, l)
	}
	for _, c := range matches[0].contests {
		if c.CellA.Level == l {
			return difference(run, c)
		}
	}
	return fmt.Sprintf("%s was not compared %s.", matches[0].name(run.Scenario), at(l))
}

// A match is one pair of arms at all levels of load.
type match struct{ contests []*comparison.Contest }

// matchesOf returns the matches of contests, in their order.
func matchesOf(contests []*comparison.Contest) (matches []*match) {
	type arms struct{ a, b scenarios.Cell }
	of := map[arms]*match{}
	for _, c := range contests {
		key := arms{c.CellA, c.CellB}
		key.a.Level, key.b.Level = scenarios.Level{}, scenarios.Level{}
		if of[key] == nil {
			of[key] = &match{}
			matches = append(matches, of[key])
		}
		of[key].contests = append(of[key].contests, c)
	}
	return matches
}

// name returns the arms of a match, such as pooled vs sdk, with those that both have beside them.
func (m *match) name(s *scenarios.Scenario) string {
	c := m.contests[0]
	return strings.Join(append([]string{c.A + " vs " + c.B}, c.Beside(s)...), ", ")
}

// difference returns how the head of a contest differs from its base, what is worse first.
func difference(run *results.Run, c *comparison.Contest) string {
	where := at(c.CellA.Level)
	if beside := c.Beside(run.Scenario); len(beside) > 0 {
		where += " with " + format.And(beside)
	}
	if n := len(c.Rounds); n < comparison.MinPairs {
		return fmt.Sprintf("%s and %s cannot be compared %s: a 95%% interval needs %d rounds, and %s "+
			"measured both.",
			c.A, c.B, where, comparison.MinPairs, format.Plural(n, "round"))
	}
	worse, better, doubtful, same := sorted(c)
	var sentences []string
	for _, figures := range [][]*comparison.Figure{worse, better} {
		if len(figures) == 0 {
			continue
		}
		subject := c.A
		if len(sentences) > 0 {
			subject = "It"
		}
		sentences = append(sentences, changes(subject, c.B, where, figures))
	}
	switch {
	case len(sentences) > 0:
	case len(same) > 0 && len(same) == len(judged(c)):
		sentences = append(sentences, fmt.Sprintf("%s and %s are the same %s, within the margins.", c.A, c.B, where))
	case len(doubtful) == 0:
		sentences = append(sentences, fmt.Sprintf("No difference between %s and %s was shown %s.", c.A, c.B, where))
	}
	for _, f := range doubtful {
		q := quantityOf(f.Unit)
		subject := fmt.Sprintf("The %s of %s", q.name, c.A)
		if len(sentences) > 0 {
			subject = "Its " + q.name
		}
		sentences = append(sentences, fmt.Sprintf("%s is %s, but in doubt (!).", subject, q.degree(f, "")))
	}
	return strings.Join(sentences, " ")
}

// judged returns the figures of a contest that have a verdict.
func judged(c *comparison.Contest) (figures []*comparison.Figure) {
	for _, f := range mentioned(c) {
		if !f.Exploratory {
			figures = append(figures, f)
		}
	}
	return figures
}

// sorted returns the judged figures of a contest by what they show.
func sorted(c *comparison.Contest) (worse, better, doubtful, same []*comparison.Figure) {
	for _, f := range judged(c) {
		switch {
		case f.Verdict == comparison.Equivalent:
			same = append(same, f)
		case !f.Verdict.Differs():
		case f.Doubt != "":
			doubtful = append(doubtful, f)
		case format.Verdict(f.Verdict) == format.Verdict(comparison.Improved):
			better = append(better, f)
		default:
			worse = append(worse, f)
		}
	}
	return worse, better, doubtful, same
}

// changes returns a sentence about figures that differ: what the head takes more or less of than the base, and which
// of its numbers are higher or lower.
func changes(head, base, where string, figures []*comparison.Figure) string {
	var takes, others []string
	for _, f := range figures {
		if q := quantityOf(f.Unit); q.taken {
			takes = append(takes, q.difference(f))
		} else {
			others = append(others, fmt.Sprintf("%s is %s", q.name, q.degree(f, "")))
		}
	}
	if len(takes) == 0 {
		for i, f := range figures {
			q := quantityOf(f.Unit)
			others[i] = fmt.Sprintf("%s's %s is %s %s", possessor(head), q.name, q.degree(f, base+"'s"), where)
		}
		return strings.Join(others, "; ") + "."
	}
	text := fmt.Sprintf("%s takes %s than %s %s", head, format.And(takes), base, where)
	if len(others) > 0 {
		text += "; its " + format.And(others)
	}
	return text + "."
}

// possessor returns the noun that a possessive "'s" follows: there is no "It's" of this kind.
func possessor(name string) string {
	if name == "It" {
		return "The head"
	}
	return name
}

// worseElsewhere returns what is worse in other places than the answer: in the first comparison at other loads, and in
// the other comparisons at their last load.
func worseElsewhere(s *scenarios.Scenario, contests []*comparison.Contest) (sentences []string) {
	for i, m := range matchesOf(contests) {
		last := len(m.contests) - 1
		from, to := last, last+1
		if i == 0 {
			from, to = 0, last
		}
		for _, c := range m.contests[from:to] {
			if worse, _, _, _ := sorted(c); len(worse) > 0 {
				var parts []string
				for _, f := range worse {
					q := quantityOf(f.Unit)
					parts = append(parts, q.name+" "+q.multiple(f, f.Shift))
				}
				sentences = append(sentences, fmt.Sprintf("Worse: %s: %s %s.", m.name(s),
					strings.Join(parts, ", "), at(c.CellA.Level)))
			}
		}
	}
	return sentences
}

// alone returns what a run of one arm, or one that compares nothing, shows at a load.
func alone(run *results.Run, cells []*view, l scenarios.Level) string {
	var level []*view
	for _, v := range cells {
		if v.cell.Level == l && len(v.visits) > 0 {
			level = append(level, v)
		}
	}
	switch {
	case len(level) == 0:
		return fmt.Sprintf("Nothing was measured %s.", at(l))
	case len(level) > 1:
		return fmt.Sprintf("This run compares nothing: its %d arms stand side by side (--compare sets two against "+
			"each other).", len(level))
	}
	v := level[0]
	unit := timeUnitOf(level)
	times := ""
	for _, q := range []float64{0.5, 0.99} {
		if ns := v.latency(q); !math.IsNaN(ns) {
			if times != "" {
				times += " and "
			}
			times += fmt.Sprintf("%s %s at %s", unit.number(ns), unit.name, record.PercentileName(q))
		}
	}
	if times == "" {
		times = "an unknown time: too few calls for a percentile"
	}
	subject := run.Scenario.Name
	if s := run.Scenario; s.CallsService() && s.Service == nil {
		subject = s.Called().URL()
	}
	text := fmt.Sprintf("%s takes %s %s", subject, times, at(l))
	if c := v.calls(); c.Failed+c.Dropped == 0 && !has(v.visits, record.Saturated) {
		text += ", and keeps up: no call failed or was dropped"
	}
	text += "."
	var costs []string
	if cpu := v.median("cpu-ns/op"); !math.IsNaN(cpu) {
		costs = append(costs, fmt.Sprintf("CPU is %s us a call", format.Micros(cpu)))
	}
	if cpu := v.median(clientCPU); !math.IsNaN(cpu) {
		costs = append(costs, fmt.Sprintf("The CPU of the client is %s us a call", format.Micros(cpu)))
	}
	if b, n := v.median("B/op"), v.median("allocs/op"); !math.IsNaN(b) && !math.IsNaN(n) {
		costs = append(costs, fmt.Sprintf("%s B in %s allocations", format.Number(b), format.Number(n)))
	}
	if len(costs) > 0 {
		text += " " + strings.Join(costs, ", ") + "."
	}
	return text
}

// partial returns how much of a run was measured, or "" if it is all.
func partial(run *results.Run) string {
	if run.Status == results.Complete {
		return ""
	}
	return fmt.Sprintf("PARTIAL: %d of %s.", measured(run), format.Plural(run.Scenario.Visits(), "visit"))
}

// failing returns which share of calls failed or was dropped, and how, or "" if all were served.
func failing(run *results.Run) string {
	var all calls
	worst, most := (*view)(nil), uint64(0)
	for _, v := range views(run) {
		c := v.calls()
		all.Offered, all.Failed, all.Dropped = all.Offered+c.Offered, all.Failed+c.Failed, all.Dropped+c.Dropped
		switch n := c.Failed + c.Dropped; {
		case n > most:
			worst, most = v, n
		case n == most:
			worst = nil // there are several
		}
	}
	if most == 0 {
		return ""
	}
	var parts []string
	if all.Failed > 0 {
		text := format.Count(all.Failed) + " failed"
		if k := kinds(run.Visits); len(k) > 0 {
			text += fmt.Sprintf(" (%s: %s)", k[0].where(), format.Count(k[0].calls))
		}
		parts = append(parts, text)
	}
	if all.Dropped > 0 {
		parts = append(parts, format.Count(all.Dropped)+" were dropped")
	}
	where := ""
	if len(run.Scenario.Cells()) > 1 && worst != nil {
		where = fmt.Sprintf(", most in %s %s", run.Scenario.NameOf(worst.cell), at(worst.cell.Level))
	}
	return fmt.Sprintf("Of %s calls %s%s.", format.Count(all.Offered), format.And(parts), where)
}

// kept returns a sentence about how many objectives are met, or "" if there are none.
func kept(run *results.Run) string {
	objectives, met := results.Objectives(run), 0
	for _, o := range objectives {
		if o.Outcome == results.Met {
			met++
		}
	}
	switch len(objectives) {
	case 0:
		return ""
	case met:
		return fmt.Sprintf(" It meets its objectives (%d).", met)
	}
	return fmt.Sprintf(" Of %s %d are met.", format.Plural(len(objectives), "objective"), met)
}

// missing returns which objectives were missed, or "" if none was.
func missing(run *results.Run) string {
	const most = 2
	var missed []string
	for _, o := range results.Objectives(run) {
		if o.Outcome == results.Missed {
			missed = append(missed, fmt.Sprintf("%s by %s %s (held in %d of %s)", o.SLO,
				run.Scenario.NameOf(o.Cell), at(o.Cell.Level), o.Held, format.Plural(o.Judged, "visit")))
		}
	}
	if len(missed) == 0 {
		return ""
	}
	return "MISSED: " + strings.Join(format.Few(missed, most), "; ") + "."
}
