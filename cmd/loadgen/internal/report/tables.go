package report

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// loadTables returns a table for each level of load.
func loadTables(run *results.Run, cells []*view, screen *terminal.Screen) string {
	var b strings.Builder
	dimensions := run.Scenario.Dimensions()
	for _, l := range run.Scenario.Levels() {
		var level []*view
		for _, v := range cells {
			if v.cell.Level == l {
				level = append(level, v)
			}
		}
		from := "the due instant"
		if l.Closed() {
			from = "the end of a worker's think time"
		}
		if run.Scenario.FailedApart {
			from += ", of calls that did not fail (failed: apart)"
		}
		b.WriteString(screen.Wrap(fmt.Sprintf("%s, about %s calls per visit. Latency from %s, and the generator's "+
			"lag at p99, in us; medians over %s, except max, errors and drops, which are over all",
			describe(run.Scenario, l), format.Count(callsOf(level, run.Scenario.Calls(l))), from, rounds(level)), "") +
			"\n")
		header := append(slices.Clone(dimensions), "offered/s", "achieved/s", "p50", "p99", "p99.9", "max", "gen lag",
			"errors", "drops")
		if callsService(level) {
			header = append(header, clientCPU)
		} else {
			header = append(header, "cpu-ns/op", "B/op", "allocs/op", "GCs", "RSS")
		}
		if run.Scenario.Service != nil {
			header = append(header, clientCPU)
		}
		var rows [][]string
		for _, v := range level {
			row := loadRow(v, dimensions, len(header))
			if run.Scenario.Service != nil && len(row) < len(header) {
				row = append(row, format.Number(v.median(clientCPU)))
			}
			rows = append(rows, row)
		}
		b.WriteString(table(screen, len(dimensions), header, rows) + "\n")
	}
	return b.String()
}

// table returns rows below a header, in blocks that fit the screen.
func table(screen *terminal.Screen, left int, header []string, rows [][]string) string {
	columns := make([]terminal.Column, len(header))
	for i, title := range header {
		columns[i] = terminal.Column{Title: title, Left: i < left, Key: i < left}
	}
	t := terminal.NewTable(columns...)
	for _, row := range rows {
		t.Row(row...)
	}
	return screen.Blocks(t)
}

// describe returns the load of a level in words.
func describe(s *scenarios.Scenario, l scenarios.Level) string {
	if l.Closed() {
		return fmt.Sprintf("CLOSED LOOP of %s, which think for %v", closedCrew(s), s.Think)
	}
	return "Load of " + load(l)
}

// closedCrew returns the workers of a closed loop in words.
func closedCrew(s *scenarios.Scenario) string {
	switch {
	case s.Workers > 0:
		return format.Plural(s.Workers, "worker")
	case slices.Contains(s.Arms(scenarios.Target), scenarios.SpanTarget):
		return "one worker for each processor"
	}
	return "one worker fewer than processors"
}

// load returns the load of a level, such as 50,000/s or the text of its profile.
func load(l scenarios.Level) string {
	switch {
	case l.Load != "":
		return l.Load
	case l.Closed():
		return "a closed loop"
	}
	return rate(l.QPS)
}

// at returns the load of a level as an adverb: at 50,000/s, or in a closed loop.
func at(l scenarios.Level) string {
	if l.Closed() {
		return "in " + load(l)
	}
	return "at " + load(l)
}

// callsOf returns the median number of calls that visits of a level were offered, or the planned number if the level
// was not visited.
func callsOf(level []*view, planned uint64) float64 {
	var calls []float64
	for _, v := range level {
		for _, visit := range v.visits {
			calls = append(calls, float64(visit.Record.Offered))
		}
	}
	if len(calls) == 0 {
		return float64(planned)
	}
	return results.Median(calls)
}

// dimension returns the dimension whose arms the scenario compares first.
func dimension(s *scenarios.Scenario) string {
	dimensions := s.Dimensions()
	if s.Live && slices.Contains(dimensions, "quantile") {
		return "quantile"
	}
	return dimensions[0]
}

// loadRow returns the row of a cell, with a column for its arm in each of the dimensions.
func loadRow(v *view, dimensions []string, columns int) (row []string) {
	for _, d := range dimensions {
		row = append(row, cmp.Or(v.cell.Value(d), format.None))
	}
	if len(v.visits) == 0 {
		return append(append(row, "not measured"), make([]string, columns-len(row)-1)...)
	}
	number := func(unit string) string { return format.Number(v.median(unit)) }
	row = append(row,
		number("offered-qps"), number("achieved-qps"),
		format.Micros(v.latency(0.5)), format.Micros(v.latency(0.99)), format.Micros(v.latency(0.999)),
		format.Micros(v.longest()), number("p99-generator-lag-us"),
		format.Count(v.sum(func(r *record.Record) uint64 { return r.Failed })),
		format.Count(v.sum(func(r *record.Record) uint64 { return r.Dropped })))
	if callsService([]*view{v}) {
		return append(row, number(clientCPU))
	}
	return append(row, number("cpu-ns/op"), number("B/op"), number("allocs/op"), number("gc-cycles"),
		format.Bytes(v.median("peak-RSS-bytes")))
}

// estimatorTable sets the estimators against full sort, on the latencies of the
// highest rate that was visited.
func estimatorTable(run *results.Run, all []*view, screen *terminal.Screen) string {
	of := estimatorsOf(run, all)
	var b strings.Builder
	b.WriteString(screen.Wrap(fmt.Sprintf("Estimators, each on the latencies of every visit %s, compared with a "+
		"full sort: errors of the value and of the rank; medians over %s", at(of.Level), format.Plural(of.Visits,
		"visit")),
		"") + "\n")
	header := []string{"quantile", "state", "insert ns", "query us"}
	for _, q := range results.EstimatePercentiles() {
		header = append(header, record.PercentileName(q)+" value", "rank")
	}
	var rows [][]string
	for _, e := range of.Arms {
		rows = append(rows, e.row(len(header)))
	}
	b.WriteString(table(screen, 1, header, rows))
	return b.String()
}

// row returns the row of an estimator, which has so many columns.
func (e *estimator) row(columns int) []string {
	if e.StateBytes == nil {
		return append([]string{e.Quantile, "not measured"}, make([]string, columns-2)...)
	}
	row := []string{e.Quantile, format.Bytes(*e.StateBytes), format.Number(known(e.InsertNS)),
		format.Micros(known(e.QueryNS))}
	for _, q := range results.EstimatePercentiles() {
		i := slices.IndexFunc(e.Answers, func(a answer) bool { return a.Q == q })
		if i < 0 {
			row = append(row, format.None, format.None)
			continue
		}
		row = append(row, format.Percent(known(e.Answers[i].Value)),
			format.Percent(known(e.Answers[i].Rank)))
	}
	return row
}
