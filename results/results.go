// Package results is what a run leaves behind: it writes, reads and compares.
//
// A run is two files in one directory, both written visit by visit, so that an
// interrupted run keeps what it measured:
//
//   - run.bench is Go benchmark text, a line for each visit, for benchstat and
//     whatever else reads it. Every unit in it is one of [Units].
//   - run.json has all of it: the resolved scenario, the environment, and for
//     each visit its histograms, costs and verdict. It is a whole JSON document
//     at any time; its status is partial until the run has ended.
//
// What a run depends on is pinned when it begins, by digests in run.json: the program that
// makes its visits, the files that it replays, and the scenario. The process of each visit
// compares them with what it has itself, and one that has changed ends the run: what was
// measured before stands.
//
// No NaN, infinity, or zero in a unit that tools rescale ever reaches a file:
// one NaN makes benchstat exhaust the memory.
package results

import (
	"math"
	"slices"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/work"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/scenarios"
)

// Schema is the version of run.json that this package writes. It reads earlier ones, too. README.md describes it.
const Schema = 2

// Names of the files of a run.
const (
	BenchFile = "run.bench"
	JSONFile  = "run.json"
)

// A Status says how a run ended.
type Status string

// The ways of a run to end. A run that was killed stays partial.
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

// A Header is what is known before the first visit.
type Header struct {
	Schema      int                 `json:"schema"`
	Began       time.Time           `json:"began"`
	Scenario    *scenarios.Scenario `json:"scenario"`
	Environment Environment         `json:"environment"`
	// Inputs are what every visit was held to.
	Inputs []Input `json:"inputs,omitempty"`
}

// Environment is what ran where.
type Environment struct {
	GoVersion  string     `json:"go_version"`
	GOOS       string     `json:"goos"`
	GOARCH     string     `json:"goarch"`
	CPU        string     `json:"cpu"`
	NumCPU     int        `json:"num_cpu"`
	GOMAXPROCS int        `json:"gomaxprocs"`
	GOGC       string     `json:"gogc,omitempty"`
	GOMEMLIMIT string     `json:"gomemlimit,omitempty"`
	CPUQuota   float64    `json:"cpu_quota,omitempty"` // cores that the control group allows; 0 without a limit
	Kernel     string     `json:"kernel,omitempty"`
	Version    string     `json:"version"` // of the program: loadgen, or one with targets of its own
	Commit     string     `json:"commit,omitempty"`
	Package    string     `json:"package,omitempty"` // import path of the program's main package; "" if unknown
	Turns      work.Turns `json:"turns_per_ns"`      // speed of the loop that handlers spin in
	// Warnings are what made the machine unfit for measuring before the run began.
	Warnings []string `json:"warnings,omitempty"`
}

// A Visit is one run of one cell, in a process of its own. Its JSON has its percentiles as plain numbers, too, which
// are
// made from the histograms and never read.
type Visit struct {
	Round int            `json:"round"` // from 1
	Order int            `json:"order"` // place within the round, from 1
	Cell  scenarios.Cell `json:"cell"`
	Began time.Time      `json:"began"`
	// Error says why nothing was measured; the rest is then empty.
	Error string `json:"error,omitempty"`
	// Log is what the process of the visit wrote to its standard error.
	Log string `json:"log,omitempty"`

	Warmup    uint64          `json:"warmup"` // calls before what was measured
	Record    *record.Record  `json:"record,omitempty"`
	Cost      Cost            `json:"cost"`
	Spans     *SpanCount      `json:"spans,omitempty"` // nil if the arm exports none
	Estimates []Estimate      `json:"estimates,omitempty"`
	Machine   Machine         `json:"machine"`
	Verdict   []record.Reason `json:"verdict,omitempty"` // why it is not valid; none: it is
}

// SpansLost is a reason for which a visit is not valid, besides those of package
// bench: spans were dropped before export, and what they cost is not all there.
const SpansLost = "spans-lost"

// NotWarm is a reason for which a visit is not valid, besides those of package bench: calls of its warm-up were given
// up,
// and may have gone on beside those that were measured.
const NotWarm = "not-warm"

// NotClosed is a reason for which a visit is not valid, besides those of package bench: closing its target failed, and
// what the target left behind may disturb later visits.
const NotClosed = "not-closed"

// Throttled is a reason for which a visit is not valid, besides those of package bench: its process used up the CPU
// quota of its control group and was stopped again and again.
const Throttled = "throttled"

// Usable tells whether v was measured to its end.
func (v *Visit) Usable() bool {
	return v.Error == "" && v.Record != nil && !v.Record.Interrupted
}

// Doubted tells whether v is not valid for a reason of that name.
func (v *Visit) Doubted(name string) bool {
	return slices.ContainsFunc(v.Verdict, func(r record.Reason) bool { return r.Name == name })
}

// Cost is what the process of a visit spent, from the first call due until every
// call had ended and every span was exported.
type Cost struct {
	CPU      time.Duration `json:"cpu_ns"` // of all threads, less what waiting for calls took
	Bytes    uint64        `json:"bytes"`  // allocated
	Allocs   uint64        `json:"allocs"` // objects
	GCCycles uint32        `json:"gc_cycles"`
	GCPause  time.Duration `json:"gc_pause_ns"` // all goroutines stopped, in all
	PeakRSS  uint64        `json:"peak_rss_bytes"`
}

// SpanCount is what became of the sampled spans of a visit, its warm-up included.
type SpanCount struct {
	Made     uint64 `json:"made"`
	Exported uint64 `json:"exported"` // or taken by whoever discards them
	Bytes    uint64 `json:"bytes"`    // encoded; 0 if they are discarded
}

// Dropped is how many spans were lost on their way.
func (s *SpanCount) Dropped() uint64 { return s.Made - min(s.Exported, s.Made) }

// Machine is what the machine did besides the visit, while it ran.
type Machine struct {
	Known  bool    `json:"known"`  // false where the system does not tell
	Stolen float64 `json:"stolen"` // share of all CPU time that the hypervisor kept
	Others float64 `json:"others"` // share that other processes used
	// Quota is the CPU time for each second, in cores, that the control groups of the process allow it; 0 without a
	// limit.
	// Throttled is the share of the quota's periods (100 ms as a rule) in which the process used it up and was stopped.
	Quota     float64 `json:"quota,omitempty"`
	Throttled float64 `json:"throttled,omitempty"`
}

// An Estimate is one estimator's view of the latencies of a visit.
type Estimate struct {
	Quantile   string   `json:"quantile"`  // the arm
	N          uint64   `json:"n"`         // latencies
	InsertNS   float64  `json:"insert_ns"` // to add one
	QueryNS    float64  `json:"query_ns"`  // to give Answers, the first asked
	StateBytes int      `json:"state_bytes"`
	Answers    []Answer `json:"answers"`
}

// An Answer is an estimate of one percentile, set against full sort.
type Answer struct {
	Q        float64       `json:"q"`
	Estimate time.Duration `json:"estimate_ns"`
	Exact    time.Duration `json:"exact_ns"`
	Value    float64       `json:"value_error"` // (estimate - exact) / exact
	Rank     float64       `json:"rank_error"`  // share of n
}

// A Measurement is a value in one of [Units].
type Measurement struct {
	Unit  string
	Value float64
}

// perCall is a cost for each call that ended.
func (v *Visit) perCall(x float64) float64 {
	return x / float64(max(v.Record.Done+v.Record.Failed, 1))
}

// Measurements are what run.bench says of a visit that is usable. What the
// number of calls does not allow to state is left out, and so are latencies that are infinite,
// and a CPU time that is not known.
func (v *Visit) Measurements() []Measurement {
	r := v.Record
	var all []Measurement
	add := func(unit string, x float64) { all = append(all, Measurement{unit, x}) }
	micros := func(d time.Duration) float64 { return float64(d) / 1e3 }
	percentile := func(unit string, h *quantile.HDR, q, per float64) {
		if h.Count() >= quantile.SamplesFor(q) {
			add(unit, float64(h.Quantile(q))/per)
		}
	}
	for _, q := range Percentiles {
		if d, err := r.Percentile(q); err == nil {
			add(PercentileName(q)+"-latency-ns", float64(d))
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
	for _, q := range FailedPercentiles {
		percentile(PercentileName(q)+"-failed-ns", r.FailedLatency, q, 1)
	}
	percentile("p99-queue-lag-us", r.Queue, 0.99, 1e3)
	percentile("p99-generator-lag-us", r.Generator, 0.99, 1e3)
	add("offered-qps", round3(r.Rate()))
	add("achieved-qps", round3(r.Achieved()))
	add("err-ppm", ppm(r.Failed, r.Offered))
	add("drop-ppm", ppm(r.Dropped, r.Offered))
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
	return all
}

// Measurements are what run.bench says of an estimator.
func (e *Estimate) Measurements() []Measurement {
	all := []Measurement{{"insert-ns/op", round3(e.InsertNS)}, {"query-ns/op", math.Round(e.QueryNS)},
		{"state-bytes", float64(e.StateBytes)}}
	for _, a := range e.Answers {
		name := PercentileName(a.Q)
		all = append(all,
			Measurement{name + "-error-ppm", math.Round(1e6 * math.Abs(a.Value))},
			Measurement{name + "-rank-error-ppm", math.Round(1e6 * a.Rank)})
	}
	return all
}

func round3(x float64) float64 { return math.Round(x*1e3) / 1e3 }

func ppm(part, of uint64) float64 {
	return math.Round(1e6 * float64(part) / float64(max(of, 1)))
}
