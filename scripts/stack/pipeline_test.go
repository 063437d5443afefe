package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/collector/exporter"
)

// wantPrometheus is the variable that makes a missing Prometheus a failure, where it should be installed.
const wantPrometheus = "LOADGEN_WANT_PROMETHEUS"

// newRig returns a pipeline with the collector in this process, spans in memory, and a Prometheus if it is installed
// and wanted.
func newRig(t *testing.T, m *memory, prometheus bool) *rig {
	t.Helper()
	if testing.Short() {
		t.Skip("it builds the service")
	}
	r := &rig{dir: t.TempDir(), arms: []string{sdk, pooled}, exporter: "memory", store: m, seed: 1}
	t.Cleanup(func() {
		if err := r.stop(); err != nil {
			t.Error(err)
		}
	})
	var err error
	if prometheus {
		if _, err := exec.LookPath("prometheus"); err != nil && os.Getenv(wantPrometheus) != "" {
			t.Fatalf("%v, and %s is set", err, wantPrometheus)
		} else if err != nil {
			t.Log("prometheus is not installed: its counts are not compared")
		} else if r.prometheus, err = startPrometheus(t.Context(), r.dir); err != nil {
			t.Fatal(err)
		}
	}
	if r.program, err = buildService(t.Context()); err != nil {
		t.Fatal(err)
	}
	err = r.startCollector(t.Context(), outlet{"memory", "{}"}, func(config string) (collector, error) {
		return &inside{config: config, more: []exporter.Factory{m.factory()}}, nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// do makes a visit, and fails the test if something does not add up.
func do(t *testing.T, r *rig, v visit) []*passage {
	t.Helper()
	list, problems, err := r.do(t.Context(), v)
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	return list
}

// Every span arrives with the right parent, attributes and status, pooled spans equal the SDK's property by property,
// and Prometheus counts the requests that were sent.
func TestEveryTraceArrivesAndPooledEqualsSDK(t *testing.T) {
	r := newRig(t, newMemory(), true)
	list := do(t, r, readVisit(400, time.Second))
	for _, p := range list {
		if p.lost() != 0 || p.account.Started < 300 {
			t.Errorf("%s: %d of %d spans were lost", p.arm, p.lost(), p.account.Started)
		}
	}
	res, err := r.read(t.Context(), list[0], list[1])
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range append(res.problems, res.misled()...) {
		t.Error(p)
	}
	spans, traces := list[0].account.Started+list[1].account.Started, 2*len(list[0].load.calls)
	if res.spans != spans || res.traces != traces {
		t.Errorf("%d spans and %d traces were read: want %d and %d", res.spans, res.traces, spans, traces)
	}
	if res.properties < 7*list[0].account.Started {
		t.Errorf("only %d properties of %d spans were compared", res.properties, list[0].account.Started)
	}
	if b := res.bottlenecks(); len(b) != 4 || len(b[0].Parts) == 0 {
		t.Errorf("bottlenecks: %+v", b)
	}
}

// What the exporter of pooled spans has in its queue survives an outage of the collector, and all counts add up for
// both, whatever the SDK loses.
func TestAnOutageLosesNothingOfPooledSpansAndEveryCountAddsUp(t *testing.T) {
	r := newRig(t, newMemory(), false)
	list := do(t, r, visit{name: "outage 1", rate: 400, length: 2 * time.Second, begin: 300 * time.Millisecond,
		outage: time.Second})
	for _, p := range kept(list) {
		t.Error(p)
	}
	for _, p := range list {
		if row := p.row(); row.Lost != row.Dropped+row.Failed || (row.Lost > 0) != (row.Where != "") {
			t.Errorf("the row does not add up: %+v", row)
		}
	}
}

// A store that loses or changes one span is found out, whichever way.
func TestWhatIsWrongInTheStoreIsFound(t *testing.T) {
	m := newMemory()
	r := newRig(t, m, false)
	r.patience = 2 * time.Second // one span never arrives
	changes := []struct {
		want   string
		change func(*span) bool
	}{
		{"but the collector sent", func(*span) bool { return false }},
		{"is a child of", func(s *span) bool { s.parent = s.id; return true }},
		{`attribute observable.key of "find item"`, func(s *span) bool {
			s.attributes["observable.key"] = "string:x"
			return true
		}},
		{"the status of", func(s *span) bool { s.status = "Ok"; return true }},
		{`the kind of a step is "client"`, func(s *span) bool { s.kind = "client"; return true }},
		{"place order took 1ms: want at least 5ms", func(s *span) bool {
			s.end = s.start.Add(time.Millisecond)
			return true
		}},
		{"is not inside its parent", func(s *span) bool { s.end = s.end.Add(time.Hour); return true }},
	}
	n := 0
	m.change = func(s *span) bool {
		if n == len(changes) || s.service != serviceName(pooled) {
			return true
		}
		name := "find item"
		if strings.HasPrefix(changes[n].want, slowStep) {
			name = slowStep
		}
		if s.name != name {
			return true
		}
		n++
		return changes[n-1].change(s)
	}
	list, problems, err := r.do(t.Context(), readVisit(200, time.Second))
	if err != nil {
		t.Fatal(err)
	}
	res, err := r.read(t.Context(), list[0], list[1])
	if err != nil {
		t.Fatal(err)
	}
	all := strings.Join(append(problems, res.problems...), "\n")
	for _, c := range changes {
		if !strings.Contains(all, c.want) {
			t.Errorf("no %q in\n%s", c.want, all)
		}
	}
}

// After an interrupt, the services have ended, and have said what became of their spans.
func TestAnInterruptEndsTheServices(t *testing.T) {
	r := newRig(t, newMemory(), false)
	ctx, stop := context.WithTimeout(t.Context(), 2*time.Second)
	defer stop()
	_, _, err := r.do(ctx, visit{name: partRead, rate: 100, length: time.Minute})
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("%v", err)
	}
	for _, arm := range r.arms {
		path := filepath.Join(r.dir, serviceName(arm)+".log")
		log, err := os.ReadFile(path)
		if err == nil {
			_, err = parseAccount(string(log))
		}
		if err != nil {
			t.Errorf("%s: %v\n%s", arm, err, log)
		}
	}
}
