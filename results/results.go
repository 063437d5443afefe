// Package results reads and writes the files of a run, and decides whether the run met its objectives.
//
// A run is two files in one directory. Both are written visit by visit, so that an interrupted run
// keeps what it measured:
//
//   - run.bench is Go benchmark text with a line for each visit, for benchstat and
//     other tools that read this format. Every unit in it is one of [Units].
//   - run.json holds everything: the resolved scenario, the environment, and the
//     histograms, costs and verdict of each visit. It is a complete JSON document
//     at any time. Its status is partial until the run has ended.
//
// When a run begins, run.json records digests of its inputs: the program that makes the visits, the
// files that it replays, and the scenario. The process of each visit compares these digests with its
// own inputs. If an input has changed, the run ends and keeps the visits made before.
//
// No NaN or infinity is written to a file, and no zero in a unit that tools rescale. A single NaN makes
// benchstat run out of memory.
package results

import (
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/grpctarget"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Schema is the version of run.json that this package writes. It also reads earlier versions. README.md describes it.
const Schema = 2

// Names of the files of a run.
const (
	BenchFile = "run.bench"
	JSONFile  = "run.json"
)

// A Status says how a run ended.
type Status string

// The statuses. A run that was killed stays partial.
const (
	Complete Status = "complete"
	Partial  Status = "partial"
)

// A Run is the content of run.json.
type Run struct {
	Header
	Visits []*Visit `json:"visits"`
	Status Status   `json:"status"`
}

// A Header holds what is known before the first visit.
type Header struct {
	Schema      int                 `json:"schema"`
	Began       time.Time           `json:"began"`
	Scenario    *scenarios.Scenario `json:"scenario"`
	Environment Environment         `json:"environment"`
	// Inputs are the inputs that every visit checks.
	Inputs []Input `json:"inputs,omitempty"`
}

// An Environment describes the software and the machine of a run.
type Environment struct {
	GoVersion  string     `json:"go_version"`
	GOOS       string     `json:"goos"`
	GOARCH     string     `json:"goarch"`
	CPU        string     `json:"cpu"`
	NumCPU     int        `json:"num_cpu"`
	GOMAXPROCS int        `json:"gomaxprocs"`
	GOGC       string     `json:"gogc,omitempty"`
	GOMEMLIMIT string     `json:"gomemlimit,omitempty"`
	CPUQuota   float64    `json:"cpu_quota,omitempty"` // cores that the control group allows; 0 if unlimited
	Kernel     string     `json:"kernel,omitempty"`
	Version    string     `json:"version"` // of the program: loadgen, or one with targets of its own
	Commit     string     `json:"commit,omitempty"`
	Package    string     `json:"package,omitempty"` // import path of the program's main package; "" if unknown
	Turns      work.Turns `json:"turns_per_ns"`      // speed of the loop that handlers spin in
	// Warnings are what made the machine unfit for measuring before the run began.
	Warnings []string `json:"warnings,omitempty"`
}

// A Visit is one run of one cell, in a process of its own. Its JSON also holds its percentiles as plain numbers. They
// are computed from the histograms and ignored when the file is read.
type Visit struct {
	Round int            `json:"round"` // from 1
	Order int            `json:"order"` // place within the round, from 1
	Cell  scenarios.Cell `json:"cell"`
	Began time.Time      `json:"began"`
	// Error says why the visit does not count. If it is set, the fields after Log are empty, but for the visit of a
	// service that ended too early: its Record has the calls until then.
	Error string `json:"error,omitempty"`
	// Log is the standard error of the visit's process.
	Log string `json:"log,omitempty"`

	Warmup    uint64          `json:"warmup"` // calls before the measured ones
	Record    *record.Record  `json:"record,omitempty"`
	Cost      Cost            `json:"cost"`
	Spans     *SpanCount      `json:"spans,omitempty"` // nil if the arm exports none
	Estimates []Estimate      `json:"estimates,omitempty"`
	Machine   Machine         `json:"machine"`
	Verdict   []record.Reason `json:"verdict,omitempty"` // why the visit is not valid; empty if it is valid
	// Connections are the connections to a service, of the warm-up too. If it is nil, the target was called in the
	// process of the visit, and Cost is the cost of the target. Otherwise Cost is the cost of the client alone.
	Connections *httptarget.Connections `json:"connections,omitempty"`
	// Streams are the messages of streams of gRPC, of the warm-up too; nil if there were none.
	Streams *grpctarget.Streams `json:"streams,omitempty"`
	// Sending is what the visit sent to a receiver of spans in another process; nil if it sent none.
	Sending *Sending `json:"sending,omitempty"`
	// Service is the service that the visit started; nil if it started none.
	Service *Service `json:"service,omitempty"`
}

// SpansLost is a reason why a visit is not valid, in addition to the reasons of package
// bench: spans were dropped before export, so that their cost was measured only in part.
const SpansLost = "spans-lost"

// NotWarm is a reason why a visit is not valid, in addition to the reasons of package bench: calls of its warm-up
// were abandoned, and may still have run during the measurement.
const NotWarm = "not-warm"

// NotClosed is a reason why a visit is not valid, in addition to the reasons of package bench: closing its target
// failed, and what the target left behind may disturb later visits.
const NotClosed = "not-closed"

// Throttled is a reason why a visit is not valid, in addition to the reasons of package bench: its process used up the
// CPU quota of its control group and was stopped repeatedly.
const Throttled = "throttled"

// NotStopped is a reason why a visit is not valid, in addition to the reasons of package bench: its service did not
// end when it was asked to, and was killed, so that it may not have exported all.
const NotStopped = "not-stopped"

// UnexpectedExports is a reason why a visit is not valid, in addition to the reasons of package bench: its service
// exported something although its arm says that it exports nothing, or the other way round.
const UnexpectedExports = "unexpected-exports"

// Usable reports whether v was measured to its end.
func (v *Visit) Usable() bool {
	return v.Error == "" && v.Record != nil && !v.Record.Interrupted
}

// Doubted reports whether v is not valid for the reason with this name.
func (v *Visit) Doubted(name string) bool {
	return slices.ContainsFunc(v.Verdict, func(r record.Reason) bool { return r.Name == name })
}

// A Cost holds the resources that the process of a visit used, from the first due call until every
// call had ended and every span was exported.
type Cost struct {
	CPU      time.Duration `json:"cpu_ns"` // CPU time of all threads, without the CPU time of waiting for due calls
	Bytes    uint64        `json:"bytes"`  // bytes allocated
	Allocs   uint64        `json:"allocs"` // objects allocated
	GCCycles uint32        `json:"gc_cycles"`
	GCPause  time.Duration `json:"gc_pause_ns"` // total time for which all goroutines were stopped
	PeakRSS  uint64        `json:"peak_rss_bytes"`
}

// A SpanCount counts the sampled spans of a visit, including its warm-up.
type SpanCount struct {
	Made     uint64 `json:"made"`
	Exported uint64 `json:"exported"` // spans that the exporter took, or that a discarding processor received
	Bytes    uint64 `json:"bytes"`    // encoded size; 0 if the spans are discarded
}

// Dropped returns the number of spans that were made and not exported.
func (s *SpanCount) Dropped() uint64 { return s.Made - min(s.Exported, s.Made) }

// A Machine describes what else used the machine's CPUs during a visit.
type Machine struct {
	Known  bool    `json:"known"`  // false if the operating system does not report it
	Stolen float64 `json:"stolen"` // share of all CPU time that the hypervisor kept
	Others float64 `json:"others"` // share of all CPU time that other processes used
	// Quota is the CPU limit of the process's control groups, in cores; 0 if unlimited.
	// Throttled is the share of the quota's periods (usually 100 ms) in which the process used up the quota and was
	// stopped.
	Quota     float64 `json:"quota,omitempty"`
	Throttled float64 `json:"throttled,omitempty"`
}

// An Estimate is the cost of one estimator on the latencies of a visit, with its answers.
type Estimate struct {
	Quantile   string   `json:"quantile"`  // the arm
	N          uint64   `json:"n"`         // number of latencies
	InsertNS   float64  `json:"insert_ns"` // time to add one latency, in nanoseconds
	QueryNS    float64  `json:"query_ns"`  // time to compute Answers once after all insertions, in nanoseconds
	StateBytes int      `json:"state_bytes"`
	Answers    []Answer `json:"answers"`
}

// An Answer is an estimate of one percentile beside the exact value, which a full sort gives.
type Answer struct {
	Q        float64       `json:"q"`
	Estimate time.Duration `json:"estimate_ns"`
	Exact    time.Duration `json:"exact_ns"`
	Value    float64       `json:"value_error"` // (estimate - exact) / exact
	Rank     float64       `json:"rank_error"`  // as a share of n
}

// A Measurement is a value in one of [Units].
type Measurement struct {
	Unit  string
	Value float64
}

// perCall returns x divided by the number of calls that ended.
func (v *Visit) perCall(x float64) float64 {
	return x / float64(max(v.Record.Done+v.Record.Failed, 1))
}

// Measurements returns the measurements that run.bench holds for a usable visit. It omits percentiles for
// which there are too few calls, latencies that are infinite, and a CPU time or peak memory that is unknown. For a
// service, the costs are those of the service as far as they are known, and the CPU time of the client.
func (v *Visit) Measurements() []Measurement {
	r := v.Record
	var measurements []Measurement
	add := func(unit string, x float64) { measurements = append(measurements, Measurement{unit, x}) }
	micros := func(d time.Duration) float64 { return float64(d) / 1e3 }
	percentile := func(unit string, h *quantile.HDR, q, per float64) {
		if h.Count() >= quantile.SamplesFor(q) {
			add(unit, float64(h.Quantile(q))/per)
		}
	}
	for _, q := range Percentiles() {
		if d, err := r.Percentile(q); err == nil {
			add(record.PercentileName(q)+"-latency-ns", float64(d))
		}
	}
	if r.Done > 0 {
		if r.Unserved() == 0 {
			add("max-latency-ns", float64(r.Latency.Max()))
			add("mean-latency-ns", float64(r.Latency.Mean()))
		}
	}
	percentile("p50-service-ns", r.Service, 0.5, 1)
	percentile("p99-service-ns", r.Service, 0.99, 1)
	for _, q := range failedPercentiles() {
		percentile(record.PercentileName(q)+"-failed-ns", r.FailedLatency, q, 1)
	}
	percentile("p99-queue-lag-us", r.Queue, 0.99, 1e3)
	percentile("p99-generator-lag-us", r.Generator, 0.99, 1e3)
	add("offered-qps", round3(r.Rate()))
	add("achieved-qps", round3(r.Achieved()))
	add("err-ppm", ppm(r.Failed, r.Offered))
	add("drop-ppm", ppm(r.Dropped, r.Offered))
	if v.Connections != nil {
		if v.Cost.CPU > 0 {
			add("client-cpu-ns/op", math.Round(v.perCall(float64(v.Cost.CPU))))
		}
		add("waiting-cpu-ns/op", math.Round(v.perCall(float64(r.Waiting))))
		add("reconnects", float64(v.Connections.Reconnects))
		// The memory of the client says nothing about the service.
		return append(measurements, v.serviceMeasurements()...)
	}
	if v.Cost.CPU > 0 {
		add("cpu-ns/op", math.Round(v.perCall(float64(v.Cost.CPU))))
	}
	add("waiting-cpu-ns/op", math.Round(v.perCall(float64(r.Waiting))))
	add("B/op", math.Round(v.perCall(float64(v.Cost.Bytes))))
	add("allocs/op", round3(v.perCall(float64(v.Cost.Allocs))))
	add("gc-cycles", float64(v.Cost.GCCycles))
	add("gc-pause-us", micros(v.Cost.GCPause))
	if v.Cost.PeakRSS > 0 {
		add("peak-RSS-bytes", float64(v.Cost.PeakRSS))
	}
	if v.Spans != nil {
		add("span-drop-ppm", ppm(v.Spans.Dropped(), v.Spans.Made))
	}
	return append(measurements, v.sendingMeasurements()...)
}

// Measurements returns the measurements that run.bench holds for an estimator.
func (e *Estimate) Measurements() []Measurement {
	measurements := []Measurement{{"insert-ns/op", round3(e.InsertNS)}, {"query-ns/op", math.Round(e.QueryNS)},
		{"state-bytes", float64(e.StateBytes)}}
	for _, a := range e.Answers {
		name := record.PercentileName(a.Q)
		measurements = append(measurements,
			Measurement{name + "-error-ppm", math.Round(1e6 * math.Abs(a.Value))},
			Measurement{name + "-rank-error-ppm", math.Round(1e6 * a.Rank)})
	}
	return measurements
}

// round3 rounds x to three decimal places.
func round3(x float64) float64 { return math.Round(x*1e3) / 1e3 }

// ppm returns part of total in parts per million.
func ppm(part, total uint64) float64 {
	return math.Round(1e6 * float64(part) / float64(max(total, 1)))
}
