package results_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// judgedVisit returns a visit of 1,000 calls: bad calls that took 300 ms each, and the others 1 ms each.
func judgedVisit(cell scenarios.Cell, slo record.SLO, round int, bad uint64) *results.Visit {
	r := &record.Record{Offered: 1000, Done: 1000, Latency: quantile.NewHDR()}
	for i := range uint64(1000) {
		d := time.Millisecond
		if i < bad {
			d = 300 * time.Millisecond
		}
		r.Latency.Add(d)
	}
	r.SLOs = []record.SLOResult{{SLO: slo.String(), Met: bad <= 10, Judged: true, Detail: "p99 is something",
		Due: 1000, Bad: bad, Budget: 10, Burn: float64(bad) / 10}}
	return &results.Visit{Cell: cell, Round: round, Record: r}
}

func TestWhatBecomesOfAnObjectiveOverVisits(t *testing.T) {
	const (
		unjudged = math.MaxUint64 - iota
		aborted
		interrupted
		lost
	)
	for _, c := range []struct {
		name   string
		quorum string
		bad    []uint64 // calls, of 1,000, of each visit
		want   results.Outcome
		held   int
		judged int
	}{
		{"all hold", "most", []uint64{0, 1, 2, 3, 4, 10}, results.Met, 6, 6},
		{"one misses by little", "most", []uint64{0, 0, 11, 0, 0, 0}, results.Met, 5, 6},
		{"half miss", "most", []uint64{0, 11, 0, 11, 0, 11}, results.Missed, 3, 6},
		{"one of two misses", "most", []uint64{0, 11}, results.Missed, 1, 2},
		{"one of three misses", "most", []uint64{0, 11, 0}, results.Met, 2, 3},
		{"two of six stall", "most", []uint64{2, 50, 2, 50, 2, 2}, results.Unstable, 4, 6},
		{"all must hold", "all", []uint64{0, 0, 11, 0, 0, 0}, results.Missed, 5, 6},
		{"all must, and do", "all", []uint64{10, 10, 10}, results.Met, 3, 3},
		{"half must, and do", "50%", []uint64{0, 11, 0, 11, 0, 11}, results.Met, 3, 6},
		{"80% must, and do not", "80%", []uint64{0, 0, 0, 11}, results.Missed, 3, 4},
		{"half of the visits cannot be judged", "most", []uint64{0, unjudged, 0, unjudged}, results.Met, 2, 2},
		{"most of the visits cannot be judged", "most", []uint64{0, unjudged, unjudged}, results.Unjudged, 1, 1},
		{"none can be judged", "most", []uint64{unjudged, unjudged}, results.Unjudged, 0, 0},
		{"one was ended early", "most", []uint64{0, aborted, 0}, results.Unstable, 2, 3},
		{"the only one was ended early", "most", []uint64{aborted}, results.Missed, 0, 1},
		{"interrupted and lost visits do not count", "most", []uint64{11, 0, 0, interrupted, lost, interrupted},
			results.Met, 2, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml",
				[]byte("qps: 1000\nduration: 1s\nslo: p99 < 5ms\nslo-visits: "+c.quorum))
			if err != nil {
				t.Fatal(err)
			}
			run := &results.Run{Header: results.Header{Scenario: s}}
			for i, bad := range c.bad {
				v := judgedVisit(s.Cells()[0], s.SLOs[0], i+1, min(bad, 11))
				switch bad {
				case unjudged:
					v.Record.SLOs[0] = record.SLOResult{SLO: "p99 < 5ms",
						Detail: "cannot be judged: p99 needs 368 calls"}
				case aborted:
					v.Record.Interrupted, v.Record.Aborted = true, "p99 < 5ms"
				case interrupted:
					v.Record.Interrupted = true
				case lost:
					v.Error = "it crashed"
				default:
					v = judgedVisit(s.Cells()[0], s.SLOs[0], i+1, bad)
				}
				run.Visits = append(run.Visits, v)
			}
			objectives := results.Objectives(run)
			if len(objectives) != 1 || objectives[0].Outcome != c.want || objectives[0].Held != c.held ||
				objectives[0].Judged != c.judged {
				t.Fatalf("%+v; want %s, held in %d of %d", objectives, c.want, c.held, c.judged)
			}
			missed := slices.IndexFunc(c.bad, func(n uint64) bool { return n > 10 && n < 1000 })
			if missed >= 0 && objectives[0].Example != fmt.Sprintf("p99 is something in round %d", missed+1) {
				t.Errorf("the example is %q", objectives[0].Example)
			}
		})
	}
}

// The value for all visits together is the percentile of their calls, not a mean of percentiles.
func TestCallsOfAllVisitsTogetherHaveAPercentile(t *testing.T) {
	s, err := scenarios.Decode("x.yaml", []byte("qps: 1000\nduration: 1s\nslo: p99 < 5ms"))
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{Header: results.Header{Scenario: s}}
	for i, bad := range []uint64{2, 50, 2, 50, 2, 2} {
		run.Visits = append(run.Visits, judgedVisit(s.Cells()[0], s.SLOs[0], i+1, bad))
	}
	o := results.Objectives(run)[0]
	if got := o.Together; !strings.HasPrefix(got.Detail, "p99 is 300") || got.Bad != 108 || got.Due != 6000 ||
		got.Budget != 60 || got.Met {
		t.Errorf("together %+v", got)
	}
}
