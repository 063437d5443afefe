//go:build linux

package service_test

import (
	"fmt"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/service"
	"github.com/loadgen-go/loadgen/results"
)

// visit encloses a load, and returns what the service cost.
func visit(t *testing.T, s *service.Service, load func()) results.ServiceCost {
	t.Helper()
	if err := s.Begin(t.Context()); err != nil {
		t.Fatal(err)
	}
	load()
	if err := s.End(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.Cost()
}

// near checks that a CPU time is within 1% and some slack of what is wanted. The slack is what the questions of the
// test cost, and the resolution of the times of children.
func near(t *testing.T, what string, got, want, slack time.Duration) {
	t.Helper()
	if off := (got - want).Abs(); off > want/100+slack {
		t.Errorf("%s: %v of CPU time: want %v", what, got, want)
	}
}

// ownCPU returns the CPU time that the service itself measured.
func ownCPU(t *testing.T, s *service.Service) time.Duration {
	t.Helper()
	return nanoseconds(t, ask(t, s, "/cpu"))
}

func nanoseconds(t *testing.T, text string) time.Duration {
	t.Helper()
	ns, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return time.Duration(ns)
}

const slack = 10 * time.Millisecond

func TestTheCPUTimeIsThatOfTheServiceUnderLoad(t *testing.T) {
	s := start(t, options(t, "polite"))
	ask(t, s, "/burn?d=50ms") // before the load
	before := ownCPU(t, s)
	cost := visit(t, s, func() {
		for range 20 {
			ask(t, s, "/burn?d=10ms")
		}
	})
	near(t, "under load", *cost.CPU, ownCPU(t, s)-before, slack)
	if *cost.CPU < 200*time.Millisecond || cost.HasChildren {
		t.Errorf("%v, children %v: want 200ms at least, without children", *cost.CPU, cost.HasChildren)
	}
	if cost.LateCPU != nil || cost.Idle != nil || cost.Bytes != nil || cost.Source != "" {
		t.Errorf("%+v: want nothing that has not been measured", cost)
	}
}

// The clock of the process against what the kernel tells the parent at the end (wait4).
func TestTheClockAgreesWithTheKernelsAccount(t *testing.T) {
	s := start(t, options(t, "polite"))
	before := ownCPU(t, s)
	cost := visit(t, s, func() { ask(t, s, "/burn?d=300ms") })
	exit := stop(t, s)
	late := s.Cost().LateCPU
	if late == nil {
		t.Fatal("the CPU time after the load is unknown")
	}
	near(t, "from the start to the end", before+*cost.CPU+*late, exit.CPU, slack)
	near(t, "after the load", *late, 0, slack)
}

func TestWorkAfterTheLoadIsLate(t *testing.T) {
	s := start(t, options(t, "polite"))
	visit(t, s, func() {})
	before := ownCPU(t, s)
	ask(t, s, "/burn?d=100ms")
	burnt := ownCPU(t, s) - before
	exit := stop(t, s)
	if late := s.Cost().LateCPU; late == nil || *late < burnt || *late > exit.CPU {
		t.Errorf("%v: want %v at least", late, burnt)
	}
}

func TestDescendantsAreAccountedFor(t *testing.T) {
	for name, row := range map[string]struct {
		path   string
		burns  time.Duration // long enough for a daemon that ends to be seen
		leaves bool          // a descendant runs at the end of the load
	}{
		"a child that ends":                   {"/fork", 100 * time.Millisecond, false},
		"a child in a session of its own":     {"/stay", 100 * time.Millisecond, true},
		"a daemon, whose parent ends":         {"/orphan", 100 * time.Millisecond, true},
		"a daemon that ends during the visit": {"/passing", 300 * time.Millisecond, false},
	} {
		t.Run(name, func(t *testing.T) {
			done := filepath.Join(t.TempDir(), "done")
			o := options(t, "polite")
			o.Env["BURN"], o.Env["DONE"] = new(row.burns.String()), &done
			s := start(t, o)
			before := ownCPU(t, s)
			daemon := time.Duration(0)
			cost := visit(t, s, func() {
				ask(t, s, row.path)
				if row.path != "/fork" {
					daemon = nanoseconds(t, waitForFile(t, done))
				}
				for len(withVariable(asVariable+"=passing")) > 0 { // it has not ended
					time.Sleep(time.Millisecond)
				}
			})
			want := ownCPU(t, s) - before + daemon
			near(t, "with descendants", *cost.CPU, want, 3*slack)
			if *cost.CPU < row.burns-3*slack || !cost.HasChildren {
				t.Errorf("%v, children %v: want %v, and children", *cost.CPU, cost.HasChildren, row.burns)
			}
			exit := stop(t, s)
			if left := exit.Left > 0; left != row.leaves {
				t.Errorf("%d descendants were left", exit.Left)
			}
			near(t, "until the end", exit.CPU, before+want, 3*slack)
		})
	}
}

func TestIdleCPUIsMeasuredBeforeTheLoad(t *testing.T) {
	s := start(t, options(t, "polite"))
	if err := s.Idle(t.Context(), 50*time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if idle := s.Cost().Idle; idle == nil || *idle < 0 || *idle > 1000*256 {
		t.Errorf("%v thousandths of a processor", idle)
	}
	if err := s.Idle(t.Context(), 0); err == nil {
		t.Error("nothing was measured: want an error")
	}
}

func TestThePeakOfMemoryIsThatOfTheLoad(t *testing.T) {
	const grown = 60 << 20 // a little less than what a request grows by
	s := start(t, options(t, "polite"))
	ask(t, s, "/grow") // before the load
	small := visit(t, s, func() { ask(t, s, "/healthz") })
	large := visit(t, s, func() { ask(t, s, "/grow") })
	if small.PeakRSS == nil || large.PeakRSS == nil {
		t.Fatalf("%+v, %+v: want peaks", small, large)
	}
	if *small.PeakRSS == 0 || *small.PeakRSS+grown > *large.PeakRSS {
		t.Errorf("%d bytes, and %d for a load that needs %d more", *small.PeakRSS, *large.PeakRSS, grown)
	}
}

func TestAllocationsAreThoseOfTheLoad(t *testing.T) {
	const objects, size = 20_000, 1024
	for inspect, row := range map[string]struct {
		source string
		extra  uint64 // objects that the requests and the caches of the allocator may add or take
	}{
		"auto":                                  {"pprof", 2000},
		"http://127.0.0.1:{{port}}/debug/pprof": {"pprof", 2000},
		"http://127.0.0.1:{{port}}/debug/vars":  {"expvar", 1000},
		"http://127.0.0.1:{{port}}/metrics":     {"prometheus", 8000},
	} {
		t.Run(inspect, func(t *testing.T) {
			o := options(t, "polite")
			o.Inspect = inspect
			s := start(t, o)
			ask(t, s, "/alloc?n=1000")
			cost := visit(t, s, func() { ask(t, s, fmt.Sprintf("/alloc?n=%d", objects)) })
			if cost.Source != row.source || cost.Bytes == nil || cost.Allocs == nil || cost.GCCycles == nil ||
				cost.GCPause == nil {
				t.Fatalf("%+v", cost)
			}
			if *cost.Allocs < objects-row.extra || *cost.Allocs > objects+row.extra {
				t.Errorf("%d objects: want %d", *cost.Allocs, objects)
			}
			if want := uint64(objects * size); *cost.Bytes < want*9/10 || *cost.Bytes > want*11/10 {
				t.Errorf("%d bytes: want %d", *cost.Bytes, want)
			}
			if *cost.GCCycles == 0 || *cost.GCPause <= 0 {
				t.Errorf("%d collections, %v: want some", *cost.GCCycles, *cost.GCPause)
			}
		})
	}
}

func TestAnEndpointThatTellsNothingIsAnErrorOrANote(t *testing.T) {
	for name, row := range map[string]struct{ inspect, want string }{
		"no such path":  {"http://127.0.0.1:{{port}}/no", "404"},
		"not of Go":     {"http://127.0.0.1:{{port}}/cpu", "it is no heap profile, JSON or text of Prometheus"},
		"nobody there":  {"http://127.0.0.1:1/debug/vars", "connection refused"},
		"another place": {"http://127.0.0.1:{{port}}/healthz", "it has no go_memstats_alloc_bytes_total"},
	} {
		t.Run(name, func(t *testing.T) {
			o := options(t, "polite")
			o.Inspect = row.inspect
			wants(t, start(t, o).Begin(t.Context()), row.want, "service polite: reading http://127.0.0.1:")
		})
	}
	t.Run("auto", func(t *testing.T) {
		o := options(t, "grpc")
		o.Ready, o.Inspect = service.Ready{GRPC: new("")}, "auto"
		cost := visit(t, start(t, o), func() {})
		if cost.Bytes != nil || len(cost.Notes) != 1 || cost.CPU == nil {
			t.Errorf("%+v: want a note, and the CPU time", cost)
		}
	})
}

// An endpoint that loadgen found may be silent when the load ends: the rest of the cost is still known.
func TestAnEndpointThatIsSilentAfterTheLoadIsANoteOrAnError(t *testing.T) {
	for _, c := range []struct {
		name, inspect string
		want          string // in the error of End; "" for a note
	}{
		{"found", "auto", ""},
		{"found, by default", "", ""},
		{"named", "http://127.0.0.1:{{port}}/debug/vars", "/debug/vars: status 503"},
	} {
		t.Run(c.name, func(t *testing.T) {
			o := options(t, "polite")
			o.Inspect = c.inspect
			s := start(t, o)
			if err := s.Begin(t.Context()); err != nil {
				t.Fatal(err)
			}
			ask(t, s, "/mute")
			if err := s.End(t.Context()); c.want != "" {
				wants(t, err, c.want)
			} else if err != nil {
				t.Fatal(err)
			}
			cost := s.Cost()
			if cost.CPU == nil || cost.PeakRSS == nil || cost.Bytes != nil || cost.Source != "" {
				t.Errorf("%+v: want the CPU time and the memory, and no allocations", cost)
			}
			if note := strings.Join(cost.Notes, "\n"); (c.want == "") != strings.Contains(note, "status 503") {
				t.Errorf("notes %q", note)
			}
		})
	}
}

func TestProcessorsOfAServiceAreThoseOfItsSet(t *testing.T) {
	var first service.CPUSet
	one, rest := first.Split()
	if len(one) == 0 {
		t.Skip("this machine has one processor")
	}
	o := options(t, "polite")
	o.CPUs = one
	confined := start(t, o)
	free := start(t, options(t, "polite"))
	if got := ask(t, confined, "/cpus"); got != strconv.Itoa(len(one)) {
		t.Errorf("the service sees %s processors: want %v", got, one)
	}
	if got, all := ask(t, free, "/cpus"), len(one)+len(rest); got != strconv.Itoa(all) {
		t.Errorf("a later service sees %s processors: want %d", got, all)
	}
}
