package results

import (
	"errors"
	"fmt"
	"math"
	"time"
)

// A Service is what the service of a visit has cost, if the visit started it, and how it ended.
type Service struct {
	ServiceCost
	Exit string `json:"exit"` // such as exit status 0
	CPUs int    `json:"cpus"` // processors that it may use
	// Calls are the calls that were sent to the service, in the warm-up too.
	Calls uint64 `json:"calls"`
	// Exports are what arrived at {{otlp}}; nil if the service was not given it.
	Exports  *Exports  `json:"exports,omitempty"`
	Sidecars []Sidecar `json:"sidecars,omitempty"` // that were started for the visit
}

// A Sidecar is what a process beside the service has cost.
type Sidecar struct {
	Name string `json:"name"`
	ServiceCost
}

// A ServiceCost tells what a service has cost. What is unknown is nil, never 0.
type ServiceCost struct {
	// Startup is from the start of the process to the first answer: startup-ms.
	Startup time.Duration `json:"startup_ns"`
	// Idle is the CPU time without load, in thousandths of a processor: idle-mcores.
	Idle *float64 `json:"idle_mcores,omitempty"`
	// CPU is the CPU time of all its processes under load: cpu-ns/op times the calls.
	CPU *time.Duration `json:"cpu_ns,omitempty"`
	// LateCPU is from the end of the load to the end of the service: late-cpu-ns/op.
	LateCPU *time.Duration `json:"late_cpu_ns,omitempty"`
	// PeakRSS is the largest resident memory under load, in bytes: peak-RSS-bytes. If the service has children, it is
	// the sum of the peaks of the processes that were left at the end, which may not have been at the same time.
	PeakRSS     *uint64        `json:"peak_rss_bytes,omitempty"`
	Bytes       *uint64        `json:"bytes,omitempty"`       // bytes that a Go service allocated under load: B/op
	Allocs      *uint64        `json:"allocs,omitempty"`      // objects that it allocated: allocs/op
	GCCycles    *uint64        `json:"gc_cycles,omitempty"`   // garbage collections: gc-cycles
	GCPause     *time.Duration `json:"gc_pause_ns,omitempty"` // time that they stopped the service: gc-pause-us
	Source      string         `json:"source,omitempty"`      // of Bytes to GCPause: pprof, expvar, prometheus, or ""
	HasChildren bool           `json:"has_children,omitempty"`
	Notes       []string       `json:"notes,omitempty"` // why something is unknown, or less exact than usual
}

// Exports are what a service has exported with OpenTelemetry.
type Exports struct {
	Traces   Signal `json:"traces"`   // has spans
	Metrics  Signal `json:"metrics"`  // has data points
	Logs     Signal `json:"logs"`     // has records
	Rejected uint64 `json:"rejected"` // requests that could not be read, whose items are in no Signal
	Wire     uint64 `json:"wire"`     // bytes of all requests as they were sent, without HTTP's headers
}

// A Signal counts one kind of what is exported.
type Signal struct {
	Requests uint64 `json:"requests"`
	Items    uint64 `json:"items"` // spans, points or records
	Bytes    uint64 `json:"bytes"` // size of the messages, decompressed
}

// Since returns what has been received between before and e.
func (e Exports) Since(before Exports) Exports {
	return Exports{
		Traces:   e.Traces.since(before.Traces),
		Metrics:  e.Metrics.since(before.Metrics),
		Logs:     e.Logs.since(before.Logs),
		Rejected: e.Rejected - before.Rejected,
		Wire:     e.Wire - before.Wire,
	}
}

// plus returns the sum of e and other.
func (e Exports) plus(other Exports) Exports {
	return Exports{
		Traces:   e.Traces.plus(other.Traces),
		Metrics:  e.Metrics.plus(other.Metrics),
		Logs:     e.Logs.plus(other.Logs),
		Rejected: e.Rejected + other.Rejected,
		Wire:     e.Wire + other.Wire,
	}
}

// Items returns the number of spans, points and records.
func (e Exports) Items() uint64 { return e.Traces.Items + e.Metrics.Items + e.Logs.Items }

// since returns what has been received between before and s.
func (s Signal) since(before Signal) Signal {
	return Signal{s.Requests - before.Requests, s.Items - before.Items, s.Bytes - before.Bytes}
}

// plus returns the sum of s and other.
func (s Signal) plus(other Signal) Signal {
	return Signal{s.Requests + other.Requests, s.Items + other.Items, s.Bytes + other.Bytes}
}

// check returns an error if a cost of the service or of a sidecar is less than nothing.
func (s *Service) check() error {
	if s == nil {
		return nil
	}
	errs := []error{s.ServiceCost.check("service")}
	for _, x := range s.Sidecars {
		errs = append(errs, x.check("sidecar "+x.Name))
	}
	return errors.Join(errs...)
}

// check returns an error if a cost of what is named is less than nothing.
func (c *ServiceCost) check(name string) error {
	for _, x := range []struct {
		field string
		value *time.Duration
	}{{"startup_ns", &c.Startup}, {"cpu_ns", c.CPU}, {"late_cpu_ns", c.LateCPU}, {"gc_pause_ns", c.GCPause}} {
		if x.value != nil && *x.value < 0 {
			return fmt.Errorf("a negative %s of the %s: %d", x.field, name, *x.value)
		}
	}
	if c.Idle != nil && *c.Idle < 0 {
		return fmt.Errorf("a negative idle_mcores of the %s: %v", name, *c.Idle)
	}
	return nil
}

// serviceMeasurements returns the measurements of the service that v started.
func (v *Visit) serviceMeasurements() (measurements []Measurement) {
	s := v.Service
	if s == nil {
		return nil
	}
	add := func(unit string, x float64) { measurements = append(measurements, Measurement{unit, x}) }
	if s.CPU != nil {
		add("cpu-ns/op", math.Round(v.perCall(float64(*s.CPU))))
	}
	if s.Bytes != nil {
		add("B/op", math.Round(v.perCall(float64(*s.Bytes))))
	}
	if s.Allocs != nil {
		add("allocs/op", round3(v.perCall(float64(*s.Allocs))))
	}
	if s.GCCycles != nil {
		add("gc-cycles", float64(*s.GCCycles))
	}
	if s.GCPause != nil {
		add("gc-pause-us", float64(*s.GCPause)/1e3)
	}
	if s.PeakRSS != nil {
		add("peak-RSS-bytes", float64(*s.PeakRSS))
	}
	if s.Idle != nil {
		add("idle-mcores", round3(*s.Idle))
	}
	add("startup-ms", round3(float64(s.Startup)/1e6))
	if s.LateCPU != nil {
		add("late-cpu-ns/op", math.Round(v.perCall(float64(*s.LateCPU))))
	}
	if s.Exports != nil && s.Calls > 0 {
		add("otlp-spans/op", round3(float64(s.Exports.Traces.Items)/float64(s.Calls)))
		add("otlp-B/op", round3(float64(s.Exports.Traces.Bytes+s.Exports.Metrics.Bytes+s.Exports.Logs.Bytes)/
			float64(s.Calls)))
	}
	return measurements
}
