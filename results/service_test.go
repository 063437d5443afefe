package results_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// What a service costs is divided by the calls of the load. What is unknown is left out.
func TestTheCostOfAService(t *testing.T) {
	v := visit(t, "sdk", 1)
	v.Record.Done, v.Record.Failed = 90, 10
	v.Connections = &httptarget.Connections{Reconnects: 3}
	v.Cost.CPU, v.Record.Waiting = 200*time.Microsecond, 0
	measured := func() map[string]float64 {
		all := map[string]float64{}
		for _, m := range v.Measurements() {
			all[m.Unit] = m.Value
		}
		return all
	}
	v.Service = &results.Service{ServiceCost: results.ServiceCost{Startup: 12345 * time.Microsecond}}
	for unit := range measured() {
		switch unit {
		case "cpu-ns/op", "B/op", "allocs/op", "gc-cycles", "gc-pause-us", "peak-RSS-bytes", "idle-mcores",
			"late-cpu-ns/op", "otlp-spans/op", "otlp-B/op":
			t.Errorf("%s is unknown and is measured", unit)
		}
	}
	v.Service = &results.Service{Calls: 200, ServiceCost: results.ServiceCost{Startup: 12345 * time.Microsecond,
		Idle: new(1.5), CPU: new(3 * time.Millisecond), LateCPU: new(time.Millisecond), PeakRSS: new(uint64(1 << 20)),
		Bytes: new(uint64(5000)), Allocs: new(uint64(250)), GCCycles: new(uint64(2)), GCPause: new(time.Millisecond)},
		Exports: &results.Exports{Traces: results.Signal{Items: 500, Bytes: 1000}, Logs: results.Signal{Bytes: 200}}}
	got := measured()
	for unit, want := range map[string]float64{"cpu-ns/op": 30_000, "late-cpu-ns/op": 10_000, "B/op": 50,
		"allocs/op": 2.5, "gc-cycles": 2, "gc-pause-us": 1000, "peak-RSS-bytes": 1 << 20, "idle-mcores": 1.5,
		"startup-ms": 12.345, "otlp-spans/op": 2.5, "otlp-B/op": 6, "client-cpu-ns/op": 2000, "reconnects": 3} {
		if value, ok := got[unit]; !ok || value != want {
			t.Errorf("%s is %v, %v: want %v", unit, value, ok, want)
		}
	}
}

// A file whose costs are less than nothing has been damaged or edited.
func TestACostOfAServiceIsNeverNegative(t *testing.T) {
	for _, c := range []struct {
		name    string
		service *results.Service
		want    string
	}{
		{"no service", nil, ""},
		{"unknown costs", &results.Service{}, ""},
		{"no costs", &results.Service{ServiceCost: results.ServiceCost{CPU: new(time.Duration), Idle: new(0.0)}}, ""},
		{"CPU time", &results.Service{ServiceCost: results.ServiceCost{CPU: new(-time.Second)}},
			"a negative cpu_ns of the service: -1000000000"},
		{"CPU time after the load", &results.Service{ServiceCost: results.ServiceCost{
			LateCPU: new(-time.Duration(1))}},
			"a negative late_cpu_ns of the service: -1"},
		{"a start before the start", &results.Service{ServiceCost: results.ServiceCost{Startup: -5}},
			"a negative startup_ns of the service: -5"},
		{"idle", &results.Service{ServiceCost: results.ServiceCost{Idle: new(-0.5)}},
			"a negative idle_mcores of the service: -0.5"},
		{"a sidecar", &results.Service{Sidecars: []results.Sidecar{{Name: "db",
			ServiceCost: results.ServiceCost{GCPause: new(-time.Duration(2))}}}},
			"a negative gc_pause_ns of the sidecar db: -2"},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := visit(t, "sdk", 1)
			v.Service = c.service
			got := ""
			if err := v.Check(); err != nil {
				got = err.Error()
			}
			if got != c.want {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

// serviceRun returns a run of two arms of a service with as many visits each, and the visits of each.
func serviceRun(t *testing.T, arms string) (run *results.Run, a, b []*results.Visit) {
	t.Helper()
	s, err := scenarios.Decode("x.yaml", []byte("target: http\nhttp: {url: 'http://127.0.0.1:{{port}}/'}\nqps: 100\n"+
		"duration: 1s\nservice: {command: ./shop, env: {X: 1}}\narms: "+arms+"\n"))
	if err != nil {
		t.Fatal(err)
	}
	run = &results.Run{Header: results.Header{Scenario: s}}
	for i, c := range s.Cells() {
		for round := 1; round <= 3; round++ {
			v := &results.Visit{Cell: c, Round: round, Record: &record.Record{Done: 100},
				Service: &results.Service{Calls: 120, ServiceCost: results.ServiceCost{
					CPU: new(10 * time.Millisecond), LateCPU: new(time.Millisecond)}}}
			run.Visits = append(run.Visits, v)
			if i == 0 {
				a = append(a, v)
			} else {
				b = append(b, v)
			}
		}
	}
	return run, a, b
}

func TestDoubtsAboutArms(t *testing.T) {
	const twoWays = "[{name: off, env: {X: 2}}, {name: on, args: [-x]}]"
	export := func(visits []*results.Visit, spans uint64) {
		for _, v := range visits {
			v.Service.Exports = &results.Exports{Traces: results.Signal{Requests: 1, Items: spans, Bytes: 50 * spans}}
		}
	}
	for name, c := range map[string]struct {
		arms   string
		change func(a, b []*results.Visit)
		want   []string
	}{
		"neither exports anything": {twoWays, func(a, b []*results.Visit) {}, nil},
		"both export the same": {twoWays, func(a, b []*results.Visit) { export(a, 240); export(b, 240) }, []string{
			"arm-without-effect: on and off export the same, 2 spans, 0 points and 0 records a call, so what they " +
				"differ in has no effect on the service: correct it, or if it changes how and not what is exported, " +
				"set otlp to some in both arms"}},
		"one exports more":    {twoWays, func(a, b []*results.Visit) { export(a, 240); export(b, 120) }, nil},
		"one exports nothing": {twoWays, func(a, b []*results.Visit) { export(b, 120) }, nil},
		"both are to export": {"[{name: off, env: {X: 2}, otlp: some}, {name: on, args: [-x], otlp: some}]",
			func(a, b []*results.Visit) { export(a, 240); export(b, 240) }, nil},
		"two revisions": {"[{name: off, build: ./x, revision: main}, {name: on, build: ./x, args: [-x]}]",
			func(a, b []*results.Visit) { export(a, 240); export(b, 240) }, nil},
		"the same twice": {"[{name: a}, {name: b, env: {X: 1}}]",
			func(a, b []*results.Visit) { export(a, 240); export(b, 240) }, nil},
		"work is left over": {twoWays, func(a, b []*results.Visit) {
			for _, v := range b {
				v.Service.LateCPU = new(1300 * time.Microsecond)
			}
		}, []string{"work-left-over: after the load on had 13µs a call left to do and off 10µs"}},
		"a little is left over": {twoWays, func(a, b []*results.Visit) {
			for _, v := range b {
				v.Service.LateCPU = new(1100 * time.Microsecond)
			}
		}, nil},
		"what is left over is unknown": {twoWays, func(a, b []*results.Visit) { b[0].Service.LateCPU = nil }, nil},
		"no visit of one": {twoWays, func(a, b []*results.Visit) {
			for _, v := range b {
				v.Error = "lost"
			}
		}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			run, a, b := serviceRun(t, c.arms)
			c.change(a, b)
			var got []string
			for i, d := range results.ArmDoubts(run) {
				if strings.Count(d.Detail, ": ") != 1 {
					t.Errorf("%q: want what was found, a colon, and what to do", d.Detail)
				}
				got = append(got, fmt.Sprintf("%s: %s", d.Name, d.Detail))
				if i < len(c.want) && strings.HasPrefix(got[i], c.want[i]) {
					got[i] = c.want[i]
				}
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("-want +got\n%s", diff)
			}
		})
	}
}
