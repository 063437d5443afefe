package gate

import (
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
	"github.com/loadgen-go/loadgen/scenarios"
)

// failing returns a run of 12 equal visits of 1,000 calls, some of which fail.
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
	run := &results.Run{Header: results.Header{Scenario: s, Environment: results.Environment{GOMAXPROCS: 2}},
		Status: results.Complete}
	for round := 1; round <= s.Rounds; round++ {
		run.Visits = append(run.Visits, &results.Visit{Round: round, Order: 1, Cell: s.Cells()[0],
			Record: &record.Record{Offered: 1000, Done: 1000 - failures, Failed: failures, Scheduled: time.Second,
				Elapsed: time.Second,
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
				t.Errorf("%d and %d of 1,000 calls fail: exit %d, want %d\n%s", c.base, c.head, r.Exit, c.exit,
					r.Text(screen(80, "never"), true))
			}
		})
	}
}

// A regression in any judged unit fails a gate. Two runs are judged in more units than the arms of one run.
func TestRevisionsAreJudgedInMoreUnitsThanArms(t *testing.T) {
	o := &Options{}
	if n := o.Primary(); n != len(comparison.RevisionUnits()) || n <= len(comparison.PrimaryUnits()) {
		t.Errorf("%d units of revisions are judged, %d of arms", n, len(comparison.PrimaryUnits()))
	}
}

// Two runs are judged in the units of revisions. The results of estimators and of benchmarks that loadgen writes are
// no runs, and are judged in all units.
func TestUnitsThatAreJudgedFollowFromWhatWroteTheFile(t *testing.T) {
	lines := func(header string, arms ...string) string {
		text := header + "\nUnit insert-ns/op better=lower\n"
		for range 6 {
			for _, arm := range arms {
				text += "BenchmarkLoad/arm=" + arm + "-8 100 5 B/op 0 err-ppm 70 p50-latency-ns 9 insert-ns/op\n"
			}
		}
		return text
	}
	const aRun, others = "# loadgen 2  seed=1", "B/op err-ppm insert-sec/op p50-latency-sec"
	for name, c := range map[string]struct {
		texts  []string
		col    string
		judged string
	}{
		"arms of a run":    {[]string{lines(aRun, "a", "b")}, "/arm@(a b)", "B/op"},
		"two runs":         {[]string{lines(aRun, "a"), lines(aRun, "a")}, "", "B/op err-ppm"},
		"a run and others": {[]string{lines(aRun, "a"), lines("", "a")}, "", others},
		"estimators":       {[]string{lines("# loadgen quantiles 1  seed=1", "a", "b")}, "/arm@(a b)", others},
		"benchmarks":       {[]string{lines("# loadgen run --bench  side=base", "a", "b")}, "/arm@(a b)", others},
	} {
		t.Run(name, func(t *testing.T) {
			o := &Options{Col: c.col, Margins: map[string]comparison.Margin{"err-ppm": {Amount: 100}}}
			for i, text := range c.texts {
				o.Inputs = append(o.Inputs, write(t, "f"+strconv.Itoa(i), text))
			}
			r, err := Compare(o)
			if err != nil {
				t.Fatal(err)
			}
			var judged []string
			for _, cell := range r.Tables[0].Cells {
				if !cell.Exploratory {
					judged = append(judged, cell.Unit)
				}
			}
			slices.Sort(judged)
			if got := strings.Join(judged, " "); got != c.judged {
				t.Errorf("judged in %s, want %s", got, c.judged)
			}
		})
	}
}
