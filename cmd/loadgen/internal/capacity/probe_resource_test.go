package capacity

import (
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/httptarget"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
)

func TestAQuotaThatStopsTheProcessIsNamedAndNoOtherProgramBlamed(t *testing.T) {
	slos := objectivesOf(t, "p99 < 300us")
	for name, c := range map[string]struct {
		machine results.Machine
		cores   float64 // in use
		want    string
	}{
		"throttled": {results.Machine{Quota: 1.5, Throttled: 0.5}, 1.45,
			"CPU quota: 1.45 of the 1.5 cores that the cgroup allows, which stopped the process in 50% of the " +
				"periods"},
		"a quota that is used up before it throttles": {results.Machine{Quota: 0.5}, 0.45, "CPU: 0.45 of 0.5 cores"},
		"steal": {results.Machine{Known: true, Stolen: 0.4}, 1.2,
			"CPU: 40% of the machine was stolen by its host (steal), which left"},
		"steal and other processes": {results.Machine{Known: true, Stolen: 0.2, Others: 0.3}, 1.2,
			"CPU: 20% of the machine was stolen by its host (steal) and 30% was used by"},
	} {
		t.Run(name, func(t *testing.T) {
			v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(400*time.Microsecond)),
				Machine: c.machine}
			used := c.cores
			if c.machine.Quota == 0 { // the process uses the rest of the machine
				used = processors(&v.Machine) * (1 - c.machine.Stolen - c.machine.Others)
			}
			v.Record.Runtime.CPU = time.Duration(used * float64(v.Record.Elapsed))
			if got := resource(v); !strings.HasPrefix(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
		})
	}
}

func TestAGeneratorThatAQuotaStopsBlamesTheQuota(t *testing.T) {
	slos := objectivesOf(t, "errors < 1%")
	v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(900*time.Microsecond)),
		Machine: results.Machine{Quota: 1.5, Throttled: 0.5},
		Verdict: []record.Reason{{Name: record.GeneratorLimited, Detail: "close other programs"},
			{Name: results.Throttled, Detail: "raise the quota"}}}
	if got := limited(slos, v, false); got != "throttled: raise the quota" {
		t.Errorf("the generator was late since it was stopped: %q", got)
	}
	v.Machine.Throttled = 0
	if got := limited(slos, v, false); got != "generator-limited: close other programs" {
		t.Errorf("not stopped: %q", got)
	}
}

// The CPU time of the process is the client's, and the other processes may be the service.
func TestTheResourceOfAServiceIsNotTheCPUOfTheTarget(t *testing.T) {
	slos := objectivesOf(t, "p99 < 300us")
	for _, c := range []struct {
		name    string
		cores   float64 // that the client used, as a share of the machine
		machine results.Machine
		want    string
	}{
		{"the client", 1, results.Machine{Known: true}, "CPU of the client: "},
		{"the service", 0.4, results.Machine{Known: true, Others: 0.6}, "CPU: the client used "},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(400*time.Microsecond)),
				Machine: c.machine, Connections: &httptarget.Connections{}}
			v.Record.Runtime.CPU = time.Duration(c.cores * processors(&v.Machine) * float64(v.Record.Elapsed))
			v.Cost.CPU = v.Record.Runtime.CPU
			if got := resource(v); !strings.HasPrefix(got, c.want) {
				t.Errorf("%q, want %q", got, c.want)
			}
			if busy(v) {
				t.Error("the target is called busy")
			}
			v.Connections = nil
			if got := resource(v); strings.HasPrefix(got, c.want) {
				t.Errorf("%q of a target in the process", got)
			}
		})
	}
}

// The CPU time of a service that the visit started is known, and told apart from that of the client.
func TestTheResourceOfAServiceThatWasStarted(t *testing.T) {
	slos := objectivesOf(t, "p99 < 300us")
	cores := float64(runtime.NumCPU())
	for _, c := range []struct {
		name            string
		service, client float64 // cores that they used
		cpus            int     // that the service may use
		busy            bool
		want            string
	}{
		{"its own processors are full", 0.95, 0.01, 1, true, "CPU of the service: 0.95 of its 1 core"},
		{"both together fill the machine", 0.6 * cores, 0.35 * cores, runtime.NumCPU(), false,
			"CPU: the service used "},
		{"the client", 0.01, cores, runtime.NumCPU(), false, "CPU of the client: "},
		{"neither", 0.1, 0.1, runtime.NumCPU(), false, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			v := &results.Visit{Record: recorded(t, slos, 1000, bench.Queue, steady(400*time.Microsecond)),
				Machine: results.Machine{Known: true}, Connections: &httptarget.Connections{}}
			v.Record.Workers = 16
			elapsed := float64(v.Record.Elapsed)
			v.Record.Runtime.CPU = time.Duration(c.client * elapsed)
			v.Service = &results.Service{CPUs: c.cpus, ServiceCost: results.ServiceCost{
				CPU: new(time.Duration(c.service * elapsed))}}
			if got := resource(v); !strings.HasPrefix(got, c.want) || (got == "") != (c.want == "") {
				t.Errorf("%q, want %q", got, c.want)
			}
			if got := busy(v); got != c.busy {
				t.Errorf("busy %v, want %v", got, c.busy)
			}
		})
	}
}
