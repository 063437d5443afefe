package gate

import (
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// failing returns a run of 12 equal visits, in each of which so many of 1,000 calls fail.
func failing(t *testing.T, failures uint64) *results.Run {
	t.Helper()
	s, err := scenarios.Decode("a.yaml", []byte("qps: 1000\nduration: 1s\nspans: [none]\nrounds: 12\n"))
	if err != nil {
		t.Fatal(err)
	}
	latency, none := quantile.NewHDR(), quantile.NewHDR()
	for range 1000 {
		latency.Add(time.Millisecond)
	}
	run := &results.Run{Header: results.Header{Scenario: s, Environment: results.Environment{GOMAXPROCS: 2}}, Status: results.Complete}
	for round := 1; round <= s.Rounds; round++ {
		run.Visits = append(run.Visits, &results.Visit{Round: round, Order: 1, Cell: s.Cells()[0],
			Record: &bench.Record{Offered: 1000, Done: 1000 - failures, Failed: failures, Scheduled: time.Second, Elapsed: time.Second,
				Latency: latency, Service: latency, Queue: none, Generator: none, FailedLatency: none, Hiccups: none}})
	}
	return run
}

func TestARevisionThatFailsMoreCallsRegresses(t *testing.T) {
	for name, c := range map[string]struct {
		base, head uint64
		exit       int
	}{
		"as many":   {5, 5, 0},
		"none":      {0, 0, 0},
		"more":      {0, 5, 1},
		"many more": {5, 50, 1},
		"fewer":     {50, 5, 0},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := CompareRuns(&Options{}, failing(t, c.base), failing(t, c.head))
			if err != nil {
				t.Fatal(err)
			}
			if r.Exit != c.exit {
				t.Errorf("%d and %d of 1,000 calls fail: exit %d, want %d\n%s", c.base, c.head, r.Exit, c.exit, Text(r))
			}
		})
	}
}

// A regression in any unit that is judged fails a gate; an arm of a run is only judged in the units that a run is about.
func TestRevisionsAreJudgedInMoreUnitsThanArms(t *testing.T) {
	o := &Options{}
	if n := o.Primary(); n != len(comparison.RevisionUnits) || n <= len(comparison.PrimaryUnits) {
		t.Errorf("%d units of revisions are judged, %d of arms", n, len(comparison.PrimaryUnits))
	}
}
