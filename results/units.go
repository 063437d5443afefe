package results

import (
	"slices"
	"strconv"
	"strings"
)

// A Unit is one of those in run.bench.
//
// What may be zero is never in ns or MB: benchstat rescales those by looking at
// each value, and a zero ends in a table of its own.
type Unit struct {
	Name   string
	Better string // lower, higher, or "" if neither is
	About  string
}

// Units are all units of run.bench, in the order of its lines.
var Units = append(latencyUnits(), []Unit{
	{"max-latency-ns", "lower", "Longest latency; not stated if calls failed or were dropped."},
	{"mean-latency-ns", "lower", "Mean latency; not stated if calls failed or were dropped."},
	{"p50-service-ns", "lower", "Median of service time, begun to ended."},
	{"p99-service-ns", "lower", "99th percentile of service time."},
	{"p99-queue-lag-us", "lower", "Lag because every worker was in the target: 99th percentile."},
	{"p99-generator-lag-us", "lower", "Lag by the generator's own fault: 99th percentile."},
	{"offered-qps", "", "Calls due, a second."},
	{"achieved-qps", "higher", "Calls that ended, a second."},
	{"err-ppm", "lower", "Calls that failed, of a million due."},
	{"drop-ppm", "lower", "Calls that found the queue full, of a million due."},
	{"cpu-ns/op", "lower",
		"CPU time of the whole process for each call, less that of waiting. Collector and exporters are in it."},
	{"waiting-cpu-ns/op", "", "CPU time that waiting until calls are due took, for each call."},
	{"B/op", "lower", "Bytes allocated by the whole process for each call."},
	{"allocs/op", "lower", "Objects allocated by the whole process for each call."},
	{"gc-cycles", "lower", "Garbage collections of a visit."},
	{"gc-pause-us", "lower", "Time of a visit that all goroutines were stopped for the collector."},
	{"peak-RSS-bytes", "lower", "Most memory that the process of a visit had in use."},
	{"span-drop-ppm", "lower", "Spans that were made and not exported, of a million."},
	{"insert-ns/op", "lower", "Time to add one latency to an estimator."},
	{"query-ns/op", "lower", "Time to answer the first percentiles asked after that, sorting included."},
	{"state-bytes", "lower", "Memory that an estimator holds, spare capacity included."},
}...)

// rescaled tells whether tools rescale values of a unit.
func rescaled(unit string) bool {
	return strings.HasSuffix(unit, "-ns") || strings.HasSuffix(unit, "ns/op")
}

// Percentiles are those of latency that run.bench states, as shares.
var Percentiles = []float64{0.5, 0.9, 0.99, 0.999}

// FailedPercentiles are those that run.bench states of the latency of failed calls.
var FailedPercentiles = []float64{0.5, 0.99}

// EstimatePercentiles are those that estimators are asked for.
var EstimatePercentiles = []float64{0.5, 0.99, 0.999}

func latencyUnits() (all []Unit) {
	for _, q := range Percentiles {
		name := PercentileName(q)
		all = append(all, Unit{name + "-latency-ns", "lower",
			"Latency, due to ended: " + name + " of the offered load."})
	}
	for _, q := range FailedPercentiles {
		name := PercentileName(q)
		all = append(all, Unit{name + "-failed-ns", "", "Latency of calls that failed, by themselves: " + name + "."})
	}
	for _, q := range EstimatePercentiles {
		name := PercentileName(q)
		all = append(all,
			Unit{name + "-error-ppm", "lower", "By how much an estimator's " + name +
				" misses the exact one, of a million."},
			Unit{name + "-rank-error-ppm", "lower", "By how many ranks it misses, of a million values."})
	}
	return all
}

// PercentileName is p99.9 for 0.999: q, which is from 0 to 1, with its decimal point moved
// two places. A product by 100 would be rounded: 0.29 would be p28.999999999999996.
func PercentileName(q float64) string {
	whole, part, _ := strings.Cut(strconv.FormatFloat(q, 'f', -1, 64), ".")
	part += strings.Repeat("0", max(2-len(part), 0))
	name := strings.TrimLeft(whole+part[:2], "0")
	if name == "" {
		name = "0"
	}
	if part = part[2:]; part != "" {
		name += "." + part
	}
	return "p" + name
}

// PercentileKey is the key of a percentile in JSON: p99_9 for 0.999.
func PercentileKey(q float64) string { return strings.ReplaceAll(PercentileName(q), ".", "_") }

// Median of values, which are not empty; they stay in their order.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
