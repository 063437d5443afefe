package results

import (
	"slices"
	"strings"

	"github.com/loadgen-go/loadgen/bench/record"
)

// A Unit is a unit of run.bench.
//
// A unit in which values may be zero never ends in ns or MB. Benchstat chooses the scale of such units
// by each value, and puts a zero into a table of its own.
type Unit struct {
	Name   string
	Better string // "lower", "higher", or "" if neither is better
	About  string // a sentence that describes the unit
}

// Units returns all units of run.bench, in the order of its lines.
func Units() []Unit { return slices.Clone(allUnits) }

// allUnits is what Units returns a copy of.
var allUnits = append(latencyUnits(), []Unit{
	{"max-latency-ns", "lower", "Longest latency; omitted if calls failed or were dropped."},
	{"mean-latency-ns", "lower", "Mean latency; omitted if calls failed or were dropped."},
	{"p50-service-ns", "lower", "Median of service time, begun to ended."},
	{"p99-service-ns", "lower", "99th percentile of service time."},
	{"p99-queue-lag-us", "lower", "Lag while all workers were busy in the target: 99th percentile."},
	{"p99-generator-lag-us", "lower", "Lag that the load generator caused: 99th percentile."},
	{"offered-qps", "", "Due calls per second."},
	{"achieved-qps", "higher", "Calls that ended, per second."},
	{"err-ppm", "lower", "Failed calls per million due calls."},
	{"drop-ppm", "lower", "Calls dropped because the queue was full, per million due calls."},
	{"cpu-ns/op", "lower",
		"CPU time of the whole process per call, without the CPU time of waiting. Includes collector and " +
			"exporters. Of a " +
			"service that loadgen started: of all its processes."},
	{"client-cpu-ns/op", "",
		"CPU time of the process that calls a service, per call, without the CPU time of waiting."},
	{"waiting-cpu-ns/op", "", "CPU time of waiting until calls are due, per call."},
	{"B/op", "lower", "Bytes allocated by the whole process per call."},
	{"allocs/op", "lower", "Objects allocated by the whole process per call."},
	{"gc-cycles", "lower", "Garbage collections during a visit."},
	{"gc-pause-us", "lower", "Total time of a visit for which garbage collection stopped all goroutines."},
	{"peak-RSS-bytes", "lower", "Largest resident memory of the process of a visit."},
	{"idle-mcores", "", "CPU time of a service without load, in thousandths of a processor."},
	{"startup-ms", "", "Time from the start of a service's process until it was ready."},
	{"late-cpu-ns/op", "", "CPU time of a service after the load, until it had ended, per call of the load."},
	{"otlp-spans/op", "", "Spans that a service exported to {{otlp}}, per call, in the warm-up too."},
	{"otlp-B/op", "", "Bytes that a service exported to {{otlp}}, decompressed, per call, in the warm-up too."},
	{"reconnects", "", "Connections to a service that were opened again during a visit."},
	{"span-drop-ppm", "lower", "Spans made and not exported, per million spans."},
	{"spans/s/core", "higher",
		"Spans that a receiver in another process got, per second and processor, in a closed loop."},
	{"cpu-mcores", "lower", "Mean CPU time of the process that sends spans, in thousandths of a processor."},
	{"peak-cpu-mcores", "lower",
		"CPU time of that process, the most in a tenth of a second, with the time of waiting."},
	{"heap-bytes", "lower",
		"Memory of objects on the heap while spans are sent, beyond that of before: the mean of samples."},
	{"peak-heap-bytes", "lower",
		"Memory of objects on the heap while spans are sent, beyond that of before: the most in a sample."},
	{"insert-ns/op", "lower", "Time to add one latency to an estimator."},
	{"query-ns/op", "lower", "Time of the first query for percentiles after the insertions, including any sorting."},
	{"state-bytes", "lower", "Memory that an estimator holds, including spare capacity."},
}...)

// rescaled reports whether tools rescale values of a unit.
func rescaled(unit string) bool {
	return strings.HasSuffix(unit, "-ns") || strings.HasSuffix(unit, "ns/op")
}

// Percentiles returns the percentiles of latency in run.bench, as shares.
func Percentiles() []float64 { return []float64{0.5, 0.9, 0.99, 0.999} }

// failedPercentiles returns the percentiles of the latency of failed calls in run.bench, as shares.
func failedPercentiles() []float64 { return []float64{0.5, 0.99} }

// EstimatePercentiles returns the percentiles that estimators are asked for, as shares.
func EstimatePercentiles() []float64 { return []float64{0.5, 0.99, 0.999} }

// latencyUnits returns the units of percentiles.
func latencyUnits() (units []Unit) {
	for _, q := range Percentiles() {
		name := record.PercentileName(q)
		units = append(units, Unit{name + "-latency-ns", "lower",
			"Latency, due to ended: " + name + " of the offered load."})
	}
	for _, q := range failedPercentiles() {
		name := record.PercentileName(q)
		units = append(units, Unit{name + "-failed-ns", "", "Latency of failed calls alone: " + name + "."})
	}
	for _, q := range EstimatePercentiles() {
		name := record.PercentileName(q)
		units = append(units,
			Unit{name + "-error-ppm", "lower", "Difference between an estimator's " + name +
				" and the exact value, in millionths of the exact value."},
			Unit{name + "-rank-error-ppm", "lower", "Rank error of an estimator's " + name +
				", in ranks per million values."})
	}
	return units
}

// PercentileKey returns the key of a percentile in JSON: p99_9 for 0.999.
func PercentileKey(q float64) string { return strings.ReplaceAll(record.PercentileName(q), ".", "_") }

// Median of values, which are not empty; they stay in their order.
func Median(values []float64) float64 {
	s := slices.Sorted(slices.Values(values))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
