package page

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
)

// A column is a column of the table of all numbers, with a unit of results.Units and the size of the printed unit.
type column struct {
	header, unit string
	per          float64
	cost         bool // left out if no cell has it: a service and a function have different costs
}

// columns are the columns of units in the table of all numbers.
var columns = []column{{"offered /s", "offered-qps", 1, false}, {"achieved /s", "achieved-qps", 1, false},
	{"p50 µs", "p50-latency-ns", 1e3, false}, {"p90 µs", "p90-latency-ns", 1e3, false},
	{"p99 µs", "p99-latency-ns", 1e3, false}, {"p99.9 µs", "p99.9-latency-ns", 1e3, false},
	{"service p50 µs", "p50-service-ns", 1e3, false}, {"service p99 µs", "p99-service-ns", 1e3, false},
	{"generator lag p99 µs", "p99-generator-lag-us", 1, false}, {"queue lag p99 µs", "p99-queue-lag-us", 1, false},
	{"CPU µs/op", "cpu-ns/op", 1e3, true}, {"client CPU µs/op", "client-cpu-ns/op", 1e3, true},
	{"B/op", "B/op", 1, true}, {"allocs/op", "allocs/op", 1, true}, {"GCs", "gc-cycles", 1, true},
	{"RSS MiB", "peak-RSS-bytes", 1 << 20, true}, {"startup ms", "startup-ms", 1, true},
	{"idle mcores", "idle-mcores", 1, true}, {"CPU after the load µs/op", "late-cpu-ns/op", 1e3, true},
	{"exported spans/op", "otlp-spans/op", 1, true}}

// columnsOf returns the columns of the table of these levels.
func columnsOf(levels []*level) []column {
	return slices.DeleteFunc(slices.Clone(columns), func(c column) bool {
		return c.cost && !slices.ContainsFunc(levels, func(l *level) bool {
			return slices.ContainsFunc(l.cells, func(cell *cell) bool { return !math.IsNaN(cell.median(c.unit)) })
		})
	})
}

// allNumbers returns the table of all numbers, with a group for each level.
func allNumbers(levels []*level) table {
	t, columns := table{Header: []string{""}}, columnsOf(levels)
	for _, c := range columns {
		t.Header = append(t.Header, c.header)
	}
	t.Header = append(t.Header, "max µs", "failed", "dropped", "rounds", "visits in doubt")
	for _, l := range levels {
		t.Rows = append(t.Rows, line{Name: l.Name, Class: "group", Fields: make([]field, len(t.Header)-1)})
		for _, c := range l.cells {
			t.Rows = append(t.Rows, numbersOf(c, columns))
		}
	}
	return t
}

// numbersOf returns the row of a cell.
func numbersOf(c *cell, columns []column) line {
	r := line{Name: c.name}
	for _, column := range columns {
		x := c.median(column.unit)
		if q, ok := latencyQuantiles[column.unit]; ok {
			x, _, _ = c.latency(q) // which may be infinite
		}
		r.Fields = append(r.Fields, field{Text: format.Number(x / column.per)})
	}
	longest, doubted := math.NaN(), 0
	for _, v := range c.visits {
		if x := float64(v.Record.Latency.Max()); !(longest > x) {
			longest = x
		}
		if v.Record.Unserved() > 0 {
			longest = math.Inf(1)
		}
		if len(v.Verdict) > 0 {
			doubted++
		}
	}
	r.Fields = append(r.Fields, fields(format.Micros(longest),
		format.Count(c.sum(func(r *record.Record) uint64 { return r.Failed })),
		format.Count(c.sum(func(r *record.Record) uint64 { return r.Dropped })), fmt.Sprint(len(c.visits)))...)
	if doubted == 0 {
		return line{Name: r.Name, Fields: append(r.Fields, field{Text: "0"})}
	}
	r.Fields = append(r.Fields, field{Text: fmt.Sprintf("! %d of %d", doubted, len(c.visits)), Class: "doubted"})
	return r
}

// latencyQuantiles are the quantiles of the columns of latency.
var latencyQuantiles = map[string]float64{"p50-latency-ns": 0.5, "p90-latency-ns": 0.9, "p99-latency-ns": 0.99,
	"p99.9-latency-ns": 0.999}

// tailOf returns what the slowest calls of each visit overlapped, as shares of them; nil if none were kept.
func tailOf(level []*cell) *table {
	counts := make([]map[string]int, len(level))
	calls, total := make([]int, len(level)), map[string]int{}
	const none = "none of these"
	for i, c := range level {
		counts[i] = map[string]int{}
		for _, v := range c.visits {
			for _, call := range v.Record.Slowest {
				calls[i]++
				for _, tag := range call.Overlapped {
					counts[i][tag]++
					total[tag]++
				}
				if len(call.Overlapped) == 0 {
					counts[i][none]++
				}
			}
		}
	}
	if slices.Max(append(calls, 0)) == 0 {
		return nil
	}
	tags := slices.SortedFunc(maps.Keys(total), func(a, b string) int {
		if total[a] != total[b] {
			return total[b] - total[a]
		}
		return strings.Compare(a, b)
	})
	tags = append(tags, none)
	t := &table{Header: append([]string{""}, tags...)}
	for i, c := range level {
		r := line{Name: c.name}
		for _, tag := range tags {
			f := field{Text: format.None}
			if n := counts[i][tag]; n > 0 {
				share := float64(n) / float64(calls[i])
				f = field{Text: format.Rough(share), Class: "share", Share: int(math.Round(50 * share))}
			}
			r.Fields = append(r.Fields, f)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// partsOf returns the parts of the latency of each arm: latency is lag and service time.
func partsOf(level []*cell) table {
	t := table{Header: []string{"", "p50 µs", "p90 µs", "p99 µs", "p99.9 µs", "max µs"}}
	for _, c := range level {
		if len(c.visits) == 0 {
			continue
		}
		t.Rows = append(t.Rows, line{Name: c.name, Class: "group", Fields: make([]field, len(t.Header)-1)})
		for _, part := range []struct {
			name      string
			histogram func(*record.Record) *quantile.HDR
		}{
			{"service time", func(r *record.Record) *quantile.HDR { return r.Service }},
			{"queue lag", func(r *record.Record) *quantile.HDR { return r.Queue }},
			{"generator lag", func(r *record.Record) *quantile.HDR { return r.Generator }},
			{"latency", func(r *record.Record) *quantile.HDR { return r.Latency }},
		} {
			h := c.merged(func(v *results.Visit) *quantile.HDR { return part.histogram(v.Record) })
			r := line{Name: part.name}
			for _, q := range []float64{0.5, 0.9, 0.99, 0.999} {
				f := field{Text: format.None}
				if h.Count() >= quantile.SamplesFor(q) {
					f.Text = format.Micros(h.Quantile(q))
				}
				r.Fields = append(r.Fields, f)
			}
			longest := format.None
			if h.Count() > 0 {
				longest = format.Micros(h.Max())
			}
			r.Fields = append(r.Fields, field{Text: longest})
			t.Rows = append(t.Rows, r)
		}
	}
	return t
}

// intervalsOf returns the percentiles of all rounds together, with the 95% intervals of independent samples.
func intervalsOf(level []*cell) table {
	t := table{Header: []string{"", "calls"}}
	for _, q := range tablePercentiles {
		t.Header = append(t.Header, record.PercentileName(q)+" µs", "95% interval")
	}
	for _, c := range level {
		n := uint64(0)
		for _, v := range c.visits {
			n += v.Record.Done + v.Record.Unserved()
		}
		if n == 0 {
			continue
		}
		h := c.merged(func(v *results.Visit) *quantile.HDR { return v.Record.Latency })
		r := line{Name: c.name, Fields: fields(format.Count(n))}
		for _, q := range tablePercentiles {
			r.Fields = append(r.Fields, intervalAt(h, n, q)...)
		}
		t.Rows = append(t.Rows, r)
	}
	return t
}

// tablePercentiles are the percentiles of the table of intervals.
var tablePercentiles = []float64{0.5, 0.9, 0.99, 0.999, 0.9999}

// intervalAt returns the q-quantile of n calls and its interval for independent samples. Histogram lacks the calls
// that failed or did not end.
func intervalAt(histogram *quantile.HDR, n uint64, q float64) []field {
	rank := quantile.Rank(q, n)
	switch {
	case n < quantile.SamplesFor(q):
		return fields("too few calls", "")
	case rank > histogram.Count():
		return fields(format.Infinite, "")
	}
	value := func(rank float64) float64 {
		share := min(max(rank, 1), float64(histogram.Count())) / float64(histogram.Count())
		return float64(histogram.Quantile(share))
	}
	// The rank of the q-quantile is binomial; see David and Nagaraja, Order Statistics, 7.1.
	half := 1.96 * math.Sqrt(float64(n)*q*(1-q))
	low, high := math.Floor(float64(rank)-half), float64(rank)+math.Ceil(half)
	return fields(format.Micros(value(float64(rank))),
		format.Interval(value(low), value(high), format.Micros[float64]))
}
