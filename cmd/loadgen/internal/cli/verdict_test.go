package cli

import (
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// The exit code of a run follows from the word that its report prints.
func TestTheExitCodeOfARunIsThatOfItsObjectives(t *testing.T) {
	for _, c := range []struct {
		name   string
		quorum string
		bad    []uint64 // of 1,000 calls of each visit; more: it cannot be judged
		word   results.Outcome
		code   int
		strict int
	}{
		{"all hold", "most", []uint64{0, 1, 2, 3, 4, 5}, results.Met, 0, 0},
		{"half miss", "most", []uint64{0, 20, 0, 20, 0, 20}, results.Missed, exitWorse, exitWorse},
		{"two of six stall", "most", []uint64{2, 50, 2, 50, 2, 2}, results.Unstable, 0, exitNotValid},
		{"one of six misses, and none may", "all", []uint64{0, 0, 0, 0, 0, 11}, results.Missed, exitWorse, exitWorse},
		{"most cannot be judged", "most", []uint64{0, 2000, 2000}, results.Unjudged, exitUnusable, exitUnusable},
	} {
		t.Run(c.name, func(t *testing.T) {
			s, err := scenarios.Decode("x.yaml",
				[]byte("qps: 1000\nduration: 1s\nquantile: exact\nslo: p99 < 5ms\nslo-visits: "+c.quorum))
			if err != nil {
				t.Fatal(err)
			}
			run := &results.Run{Header: results.Header{Scenario: s}, Status: results.Complete}
			for i, bad := range c.bad {
				r := &record.Record{Offered: 1000, Done: 1000, Scheduled: s.Duration, Elapsed: s.Duration}
				for _, h := range []**quantile.HDR{&r.Latency, &r.Service, &r.Queue, &r.Generator, &r.FailedLatency,
					&r.Hiccups} {
					*h = quantile.NewHDR()
				}
				r.SLOs = []record.SLOResult{{SLO: "p99 < 5ms", Judged: bad <= 1000, Met: bad <= 10, Due: 1000,
					Bad: bad, Budget: 10, Burn: float64(bad) / 10}}
				run.Visits = append(run.Visits, &results.Visit{Cell: s.Cells()[0], Round: i + 1, Record: r})
			}
			for strict, want := range map[bool]int{false: c.code, true: c.strict} {
				code := 0
				var exit *exitError
				if err := verdict(run, true, strict); errors.As(err, &exit) {
					code = exit.code
				} else if err != nil {
					t.Fatal(err)
				}
				if code != want {
					t.Errorf("strict %v: exit %d, want %d", strict, code, want)
				}
			}
			if text := report.Text(run, nil, report.Place{},
				terminal.New(io.Discard, terminal.Options{},
					os.Getenv)); !strings.Contains(text, "p99 < 5ms: "+string(c.word)+", held in ") ||
				strings.Contains(text, "is UNSTABLE: ") != (c.word == results.Unstable) {
				t.Errorf("the report does not say %s:\n%s", c.word, text)
			}
		})
	}
}
