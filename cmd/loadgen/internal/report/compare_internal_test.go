package report

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/bench/schedule"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// cell returns a view of six rounds of 500 calls, each of which allocates 1 MB once and takes 10 us.
func cell(arm string, change func(v *results.Visit)) *view {
	c := &view{cell: scenarios.Cell{Level: scenarios.Level{QPS: schedule.PerSecond(1000)}}.With("spans", arm)}
	for i := range 6 {
		r := &record.Record{Offered: 500, Done: 500, Scheduled: time.Second, Elapsed: time.Second,
			Latency: quantile.NewHDR(),
			Service: quantile.NewHDR(), Queue: quantile.NewHDR(), Generator: quantile.NewHDR(),
			FailedLatency: quantile.NewHDR(), Hiccups: quantile.NewHDR()}
		for range 500 {
			r.Latency.Add(10 * time.Microsecond)
			r.Service.Add(9 * time.Microsecond)
		}
		v := &results.Visit{Round: i + 1, Cell: c.cell, Record: r,
			Cost: results.Cost{CPU: 5 * time.Millisecond, Bytes: 500e6, Allocs: 500}}
		change(v)
		c.visits = append(c.visits, v)
	}
	return c
}

// contest returns the contest of two cells.
func contest(t *testing.T, base, other *view) *comparison.Contest {
	t.Helper()
	s, err := scenarios.Decode("x.yaml", []byte("qps: 1000\nduration: 1s\nrounds: 6\nspans: [none, sdk]"))
	if err != nil {
		t.Fatal(err)
	}
	run := &results.Run{Header: results.Header{Scenario: s}, Visits: slices.Concat(base.visits, other.visits),
		Status: results.Complete}
	contests, err := comparison.OfRun(run, comparison.Options{})
	if err != nil || len(contests) != 1 {
		t.Fatalf("%d contests, %v", len(contests), err)
	}
	return contests[0]
}

func TestAComparisonSaysWhatItCanAndWhyNotTheRest(t *testing.T) {
	same := func(*results.Visit) {}
	nothing := func(v *results.Visit) { v.Cost.Bytes, v.Cost.Allocs = 0, 0 }
	few := func(v *results.Visit) { v.Record.Done, v.Record.Offered = 20, 20 }
	for name, c := range map[string]struct {
		base, other func(*results.Visit)
		want        string
	}{
		"the same": {same, same,
			"same: bytes (1,000,000 -> 1,000,000 B/op, 0% [0%, 0%]), allocations"},
		"a trifle": {same, func(v *results.Visit) { v.Cost.Bytes += 500 * 2 },
			"same: bytes (1,000,000 -> 1,000,002 B/op, 0% [0%, 0%])"},
		"nothing to nothing": {nothing, nothing,
			"same: bytes (0 -> 0 B/op, 0 [0, 0]), allocations (0 -> 0 allocs/op"},
		"not known": {func(v *results.Visit) { v.Cost.CPU = 0 }, same,
			"CPU cannot be compared: it is known in 0 of 6 rounds"},
		"once saturated": {func(v *results.Visit) {
			if v.Round < 3 {
				v.Verdict = []record.Reason{{Name: record.Saturated}}
			}
		}, same, "p99 latency (10.0 -> 10.0 us, 0% [0%, 0%])"},
		"half saturated": {func(v *results.Visit) {
			if v.Round < 4 {
				v.Verdict = []record.Reason{{Name: record.Saturated}}
			}
		}, same, "p99 latency cannot be compared: spans=none did not keep up with the load (saturated in 3 of 6 " +
			"visits)"},
		"too few calls": {few, same,
			"p99 latency cannot be compared: it is known in 0 of 6 rounds: too few calls, or too many dropped"},
		"what is not judged": {same, same, "exploratory: service time at p50 (9.00 -> 9.00 us, 0% [0%, 0%])"},
	} {
		t.Run(name, func(t *testing.T) {
			got := compare(contest(t, cell("none", c.base), cell("sdk", c.other)))
			if !strings.Contains(got, c.want) || strings.HasPrefix(got, ";") {
				t.Errorf("%q is not in %q", c.want, got)
			}
		})
	}
}

// A sentence says that there is less or more if and only if the verdict says so.
func TestASentenceSaysADifferenceIfTheVerdictDoes(t *testing.T) {
	for _, v := range comparison.Verdicts() {
		t.Run(string(v), func(t *testing.T) {
			c := contest(t, cell("none", func(*results.Visit) {}),
				cell("sdk", func(v *results.Visit) { v.Cost.Bytes /= 5 }))
			f := c.Figure("B/op")
			f.Verdict = v
			got := compare(c)
			word := format.Verdict(v).Text + ": "
			says := strings.Contains(got, word+"80% fewer bytes (1,000,000 -> 200,000 B/op, [-80%, -80%])")
			_, after, _ := strings.Cut(got, word)
			clause, _, _ := strings.Cut(after, ";")
			denies := strings.Contains(clause, "bytes (1,000,000 -> 200,000 B/op, -80% [-80%, -80%])")
			if says != v.Differs() || denies == v.Differs() {
				t.Errorf("%s: %s", v, got)
			}
		})
	}
}
