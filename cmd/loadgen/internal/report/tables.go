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

// NewTable is one without lines but for that below its header: its first columns to
// the left, numbers to the right.
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

// loadTables are one table for each rate.
func loadTables(run *results.Run, all []*view) string {
	var b strings.Builder
	dimensions := run.Scenario.Dimensions()
	for _, l := range run.Scenario.Levels() {
		var level []*view
		for _, v := range all {
			if v.cell.Level == l {
				level = append(level, v)
			}
		}
		from := "the due instant"
		if run.Scenario.Closed {
			from = "when a worker had thought"
		}
		if run.Scenario.FailedApart {
			from += ", of calls that did not fail (failed: apart)"
		}
		fmt.Fprintf(&b, "%s, about %s calls a visit. Latency from %s, and the generator's lag at p99,\n"+
			"in us; medians over %s, but max, errors and drops over all\n\n",
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

// describe is the load of a level, in words.
func describe(s *scenarios.Scenario, l scenarios.Level) string {
	if s.Closed {
		workers := "as many workers as processors but one"
		if s.Workers > 0 {
			workers = Plural(s.Workers, "worker")
		}
		return fmt.Sprintf("CLOSED LOOP of %s, which think for %v", workers, s.Think)
	}
	return "Load of " + load(l)
}

// load is that of a level: 50,000/s, or what its profile is called.
func load(l scenarios.Level) string {
	switch {
	case l.Load != "":
		return l.Load
	case l.QPS == bench.QPS{}:
		return "a closed loop"
	}
	return rate(l.QPS)
}

// callsOf is how many calls visits of a level were offered, in the median; so many as
// were planned if it was not visited.
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

// dimension is the one in which the arms of a scenario are set side by side.
func dimension(s *scenarios.Scenario) string {
	all := s.Dimensions()
	if s.Live && slices.Contains(all, "quantile") {
		return "quantile"
	}
	return all[0]
}

// loadRow names the arm in a column for each of the dimensions.
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

// estimatorTable sets the estimators against full sort, on the latencies of the
// highest rate that was visited.
func estimatorTable(run *results.Run, all []*view) string {
	var visits []*results.Visit
	var level scenarios.Level
	most := -1.0 // calls a second
	for _, v := range all {
		for _, visit := range v.visits {
			if offered := visit.Record.Rate(); v.cell.Level != level && offered > 1.5*most || most < 0 {
				level, most = v.cell.Level, offered
			}
		}
	}
	for _, v := range all {
		if v.cell.Level == level {
			visits = append(visits, v.visits...)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "Estimators, each on the latencies of every visit at %s, against full sort: by how much the "+
		"value\n"+
		"misses the exact one, and by how many of the ranks; medians over %s\n\n", load(level), Plural(len(visits),
		"visit"))
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

func percent(share float64) string { return Number(100*share) + "%" }
