package report

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jedib0t/go-pretty/v6/table"
	"github.com/jedib0t/go-pretty/v6/text"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// NewTable returns a table whose only line is below its header. The first columns, left of them, are aligned to the
// left, and the others to the right.
func NewTable(left int, header ...any) table.Writer {
	t := table.NewWriter()
	style := table.StyleLight
	style.Options = table.Options{SeparateHeader: true}
	style.Format.Header = text.FormatDefault
	style.Box.PaddingLeft, style.Box.PaddingRight = "", "  "
	t.SetStyle(style)
	t.AppendHeader(header)
	var columns []table.ColumnConfig
	for i := left; i < len(header); i++ {
		columns = append(columns, table.ColumnConfig{Number: i + 1, Align: text.AlignRight,
			AlignHeader: text.AlignRight})
	}
	t.SetColumnConfigs(columns)
	t.SuppressTrailingSpaces()
	return t
}

// loadTables returns a table for each level of load.
func loadTables(run *results.Run, cells []*view) string {
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
		if run.Scenario.Closed {
			from = "the end of a worker's think time"
		}
		if run.Scenario.FailedApart {
			from += ", of calls that did not fail (failed: apart)"
		}
		fmt.Fprintf(&b, "%s, about %s calls per visit. Latency from %s, and the generator's lag at p99,\n"+
			"in us; medians over %s, except max, errors and drops, which are over all\n\n",
			describe(run.Scenario, l), Count(callsOf(level, run.Scenario.Calls(l))), from, rounds(level))
		var header []any
		for _, d := range dimensions {
			header = append(header, d)
		}
		t := NewTable(len(dimensions), append(header, "offered/s", "achieved/s", "p50", "p99", "p99.9", "max",
			"gen lag",
			"errors", "drops", "cpu-ns/op", "B/op", "allocs/op", "GCs", "RSS")...)
		for _, v := range level {
			t.AppendRow(loadRow(v, dimensions))
		}
		b.WriteString(t.Render() + "\n\n")
	}
	return b.String()
}

// describe returns the load of a level in words.
func describe(s *scenarios.Scenario, l scenarios.Level) string {
	if s.Closed {
		workers := "one worker fewer than processors"
		if s.Workers > 0 {
			workers = Plural(s.Workers, "worker")
		}
		return fmt.Sprintf("CLOSED LOOP of %s, which think for %v", workers, s.Think)
	}
	return "Load of " + load(l)
}

// load returns the load of a level, such as 50,000/s or the text of its profile.
func load(l scenarios.Level) string {
	switch {
	case l.Load != "":
		return l.Load
	case l.QPS == bench.QPS{}:
		return "a closed loop"
	}
	return rate(l.QPS)
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
func loadRow(v *view, dimensions []string) (row table.Row) {
	for _, d := range dimensions {
		row = append(row, cmp.Or(v.cell.Value(d), none))
	}
	if len(v.visits) == 0 {
		return append(row, "not measured")
	}
	rss := none
	if x, ok := v.median("peak-RSS-bytes"); ok {
		rss = Memory(x)
	}
	return append(row,
		v.show("offered-qps", 1), v.show("achieved-qps", 1),
		v.latency(0.5), v.latency(0.99), v.latency(0.999), v.longest(),
		v.show("p99-generator-lag-us", 1),
		Count(v.sum(func(r *bench.Record) uint64 { return r.Failed })),
		Count(v.sum(func(r *bench.Record) uint64 { return r.Dropped })),
		v.show("cpu-ns/op", 1), v.show("B/op", 1), v.show("allocs/op", 1), v.show("gc-cycles", 1), rss,
	)
}

// estimatorTable returns a table that compares the estimators with a full sort, on the latencies of the highest rate
// that was visited.
func estimatorTable(run *results.Run, cells []*view) string {
	var visits []*results.Visit
	var level scenarios.Level
	most := -1.0 // calls per second
	for _, v := range cells {
		for _, visit := range v.visits {
			if offered := visit.Record.Rate(); v.cell.Level != level && offered > 1.5*most || most < 0 {
				level, most = v.cell.Level, offered
			}
		}
	}
	for _, v := range cells {
		if v.cell.Level == level {
			visits = append(visits, v.visits...)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Estimators, each on the latencies of every visit at %s, compared with a full sort: errors of "+
		"the value\n"+
		"and of the rank; medians over %s\n\n", load(level), Plural(len(visits), "visit"))
	header := []any{"quantile", "state", "insert ns", "query us"}
	for _, q := range results.EstimatePercentiles() {
		header = append(header, results.PercentileName(q)+" value", "rank")
	}
	t := NewTable(1, header...)
	for _, arm := range run.Scenario.Quantile {
		if arm != scenarios.None {
			t.AppendRow(estimatorRow(arm, visits))
		}
	}
	b.WriteString(t.Render() + "\n")
	return b.String()
}

// estimatorRow returns the row of an estimator.
func estimatorRow(arm string, visits []*results.Visit) table.Row {
	var insert, query, state []float64
	value, rank := map[float64][]float64{}, map[float64][]float64{}
	for _, v := range visits {
		for _, e := range v.Estimates {
			if e.Quantile != arm {
				continue
			}
			insert, query, state = append(insert, e.InsertNS), append(query, e.QueryNS), append(state,
				float64(e.StateBytes))
			for _, a := range e.Answers {
				value[a.Q] = append(value[a.Q], math.Abs(a.Value))
				rank[a.Q] = append(rank[a.Q], a.Rank)
			}
		}
	}
	if len(insert) == 0 {
		return table.Row{arm, "not measured"}
	}
	row := table.Row{arm, Memory(results.Median(state)), Number(results.Median(insert)),
		Number(results.Median(query) / 1e3)}
	for _, q := range results.EstimatePercentiles() {
		if len(value[q]) == 0 {
			row = append(row, none, none)
			continue
		}
		row = append(row, percent(results.Median(value[q])), percent(results.Median(rank[q])))
	}
	return row
}

// percent returns a share in per cent.
func percent(share float64) string { return Number(100*share) + "%" }
