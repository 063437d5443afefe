package quantiles

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// Text returns the report for a screen: a table that compares the estimators with the limits, and the ending.
func (r *Report) Text(s *terminal.Screen, d terminal.Detail) string {
	ending := r.ending(s, d)
	if d.Quiet {
		return ending
	}
	var b strings.Builder
	if d.All {
		b.WriteString(r.everything(s))
	} else {
		b.WriteString(s.Wrap(fmt.Sprintf("Latency estimators on %s, %s; at most %s of error%s",
			format.Plural(len(r.Sets), "data set"), format.Plural(r.Rounds, "round"), format.Given(r.Limits.MaxError),
			r.Limits.size()), "  "))
	}
	b.WriteString("\n" + s.Table(r.verdicts(s)) + "\n")
	return b.String() + ending
}

// everything returns how the figures were measured, and the costs and errors on each data set.
func (r *Report) everything(s *terminal.Screen) string {
	var b strings.Builder
	e := &r.Environment
	b.WriteString(s.Wrap(fmt.Sprintf("Latency estimators, %s in random order, seed %d\nloadgen %s, %s, %s/%s, "+
		"GOMAXPROCS=%d, %s", format.Plural(r.Rounds, "round"), r.Seed, e.Version, e.GoVersion, e.GOOS, e.GOARCH,
		e.GOMAXPROCS, e.CPU), "") + "\n" + s.Wrap(r.method(), ""))
	for i := range r.Sets {
		set := &r.Sets[i]
		b.WriteString("\n" + s.Wrap(set.title(), "  ") + "\n")
		b.WriteString(s.Blocks(terminal.TableOf(r.costs(set), 1)) + "\n")
		b.WriteString(s.Blocks(terminal.TableOf(set.errors(r.Quantiles), 1)))
		for _, note := range set.notes() {
			b.WriteString(s.Wrap(note, "  "))
		}
	}
	return b.String() + "\n" + s.Wrap(fmt.Sprintf("All data: at most %s of error%s", format.Given(r.Limits.MaxError),
		r.Limits.size()), "  ")
}

// method returns how the figures were measured.
func (r *Report) method() string {
	s := fmt.Sprintf("Times are %s: medians over the rounds, and the range. Each is taken after a garbage "+
		"collection. Every value is added by a direct call through the Estimator interface, the same for all. "+
		"Machines differ: compare ratios", r.Clock)
	if r.Anchor != "" {
		s += fmt.Sprintf(" (x %s), which are medians of those within each round", r.Anchor)
	}
	return s + ", and not ns."
}

// verdicts returns the table that compares the estimators with the limits, the best first.
func (r *Report) verdicts(s *terminal.Screen) *terminal.Table {
	anchor := ""
	if r.Anchor != "" {
		anchor = "x " + r.Anchor
	}
	t := terminal.NewTable(terminal.Column{Title: "estimator"}, terminal.Column{Title: "insert ns"},
		terminal.Column{Title: anchor}, terminal.Column{Title: "state"}, terminal.Column{Title: "largest error"},
		terminal.Column{Title: "at", Left: true, Drop: 1}, terminal.Column{Title: "verdict", Left: true})
	list := slices.Clone(r.Recommendation.Candidates)
	slices.SortStableFunc(list, func(a, b Candidate) int {
		return cmp.Compare(a.rank(r.Recommendation.Estimator), b.rank(r.Recommendation.Estimator))
	})
	for i := range list {
		c := &list[i]
		ratio, verdict := "", c.verdict(r.Recommendation.Estimator)
		if r.Anchor != "" {
			ratio = format.Number(known(c.TimesAnchor))
		}
		switch {
		case c.Estimator == r.Recommendation.Estimator:
			verdict = s.Better("✓ " + verdict)
		case c.Meets():
			verdict = "= " + verdict
		default:
			verdict = s.Worse("✗ " + verdict)
		}
		t.Row(c.Estimator, format.Number(c.InsertNS), ratio, size(c.StateBytes), format.Percent(c.Worst.Error),
			format.Middle(format.Printable(c.Worst.place(), ""), longestPlace), verdict)
	}
	return t
}

// longestPlace is how much of the name of a data set a table shows, in columns.
const longestPlace = 24

// rank returns the order in which candidates are shown: the recommended one, those that meet the limits, the rest.
func (c *Candidate) rank(recommended string) int {
	switch {
	case c.Estimator == recommended:
		return 0
	case c.Meets() && !c.MeasureOnly:
		return 1
	case c.Meets():
		return 2
	}
	return 3
}

// ending returns the last lines of the text.
func (r *Report) ending(s *terminal.Screen, d terminal.Detail) string {
	rec := &r.Recommendation
	e := terminal.Ending{Answer: r.Advice(), Doubt: strings.Join(r.doubts(), "; ")}
	switch {
	case rec.Estimator != "":
		e.Next = "loadgen run quantile-live --quantile none," + rec.Estimator
		e.Why = "its cost in the path of a call"
	case rec.Closest != "":
		e.Advice, e.Exit = "raise --max-error or --max-bytes, or choose other percentiles by --q", 1
	default:
		e.Advice, e.Exit = "name more estimators by --estimators", 1
	}
	if !d.All {
		e.More = "--all, or --format tsv|json|bench|markdown"
	}
	return s.Ending(e)
}

// doubts returns what the recommendation does not rest on: percentiles that data have too few values for.
func (r *Report) doubts() (parts []string) {
	for _, q := range r.Quantiles {
		var names []string
		var needs uint64
		for i := range r.Sets {
			for _, f := range r.Sets[i].Refused {
				if f.Q == q {
					names, needs = append(names, r.Sets[i].Name), f.Needs
				}
			}
		}
		if len(names) > 0 {
			parts = append(parts, fmt.Sprintf("%s needs %s values, which are not in %s", record.PercentileName(q),
				format.Count(needs), format.FewNames(names)))
		}
	}
	return parts
}
