package report

import (
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// cell has six rounds of 500 calls, each of 1 MB in one allocation and 10 us.
func cell(arm string, change func(v *results.Visit)) *view {
	c := &view{cell: scenarios.Cell{Spans: arm, Level: scenarios.Level{QPS: bench.PerSecond(1000)}}}
	for i := range 6 {
		r := &bench.Record{Offered: 500, Done: 500, Scheduled: time.Second, Elapsed: time.Second, Latency: quantile.NewHDR(),
			Service: quantile.NewHDR(), Queue: quantile.NewHDR(), Generator: quantile.NewHDR(), FailedLatency: quantile.NewHDR(), Hiccups: quantile.NewHDR()}
		for range 500 {
			r.Latency.Add(10 * time.Microsecond)
			r.Service.Add(9 * time.Microsecond)
		}
		v := &results.Visit{Round: i + 1, Cell: c.cell, Record: r, Cost: results.Cost{CPU: 5 * time.Millisecond, Bytes: 500e6, Allocs: 500}}
		change(v)
		c.visits = append(c.visits, v)
	}
	return c
}

func TestAComparisonSaysWhatItCanAndWhyNotTheRest(t *testing.T) {
	same := func(*results.Visit) {}
	nothing := func(v *results.Visit) { v.Cost.Bytes, v.Cost.Allocs = 0, 0 }
	for name, c := range map[string]struct {
		base, other func(*results.Visit)
		want        string
	}{
		"the same": {same, same, "no difference shown in bytes (1,000,000 -> 1,000,000 B/op), allocations"},
		"a trifle": {same, func(v *results.Visit) { v.Cost.Bytes += 500 * 2 }, "under 0.01% more bytes (1,000,000 -> 1,000,002 B/op)"},
		"nothing to something": {nothing, same,
			"bytes cannot be compared: it is 0 in round 1 of one and 1,000,000 in the other; allocations cannot be compared: it is 0"},
		"nothing to nothing": {nothing, nothing, "no difference shown in bytes (0 -> 0 B/op), allocations (0 -> 0 allocs/op)"},
		"not known":          {func(v *results.Visit) { v.Cost.CPU = 0 }, same, "CPU cannot be compared: it is known in 0 of 6 rounds"},
		"once saturated": {func(v *results.Visit) {
			if v.Round < 3 {
				v.Verdict = []bench.Reason{{Name: bench.Saturated}}
			}
		}, same, "p99 latency (10.0 -> 10.0 us)"},
		"half saturated": {func(v *results.Visit) {
			if v.Round < 4 {
				v.Verdict = []bench.Reason{{Name: bench.Saturated}}
			}
		}, same, "p99 latency cannot be compared: spans=none did not keep up with the load (saturated in 3 of 6 visits)"},
	} {
		if got := compare(cell("none", c.base), cell("sdk", c.other)); !strings.Contains(got, c.want) || strings.HasPrefix(got, ";") {
			t.Errorf("%s: %q is not in %q", name, c.want, got)
		}
	}
}

func TestChangesAreSignedUnlessTheyAreNothing(t *testing.T) {
	for ratio, want := range map[float64]string{0.5: "-50%", 1.234: "+23%", 1.0123: "+1.2%", 0.9995: "-0.05%", 0.99999: "0%", 1.00001: "0%"} {
		if got := signed(ratio); got != want {
			t.Errorf("%v is %q, want %q", ratio, got, want)
		}
	}
}
