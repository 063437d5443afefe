package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/results"
)

// failing returns a check that fails as often as times before it passes.
func failing(times int, timing bool) Check {
	n := 0
	return Check{Group: Pacing, Name: "made up", Measure: func(context.Context) (Outcome, error) {
		n++
		f := exactly("calls", 0, uint64(max(times+1-n, 0)))
		f.Timing = timing
		return Outcome{Findings: []Finding{f}}, nil
	}}
}

func TestOnlyFailuresThatTheMachineMayCauseAreTriedThreeTimes(t *testing.T) {
	for _, c := range []struct {
		name   string
		times  int
		timing bool
		passed bool
		tries  int
	}{
		{"no failure", 0, true, true, 1},
		{"one failure", 1, true, true, 2},
		{"two failures", 2, true, true, 3},
		{"three failures", 3, true, false, 3},
		{"a failure of the generator", 1, false, false, 1},
	} {
		t.Run(c.name, func(t *testing.T) {
			done, err := Run(t.Context(), []Check{failing(c.times, c.timing)}, nil)
			if err != nil || len(done) != 1 || done[0].Passed != c.passed || done[0].Tries != c.tries {
				t.Errorf("got %+v, %v; want passed %v, tries %d", done, err, c.passed, c.tries)
			}
		})
	}
}

func TestACheckThatFindsNothingDoesNotPass(t *testing.T) {
	all, err := Run(t.Context(), []Check{{Measure: func(context.Context) (Outcome, error) { return Outcome{}, nil }}},
		nil)
	if err != nil || len(all) != 1 || all[0].Passed {
		t.Errorf("%+v, %v", all, err)
	}
}

func TestAnErrorAndAnInterruptionKeepTheChecksBefore(t *testing.T) {
	broken := errors.New("broken")
	ctx, cancel := context.WithCancel(t.Context())
	for _, c := range []struct {
		want    error
		measure func(context.Context) (Outcome, error)
	}{
		{broken, func(context.Context) (Outcome, error) { return Outcome{}, broken }},
		{context.Canceled, func(context.Context) (Outcome, error) {
			cancel()
			return Outcome{Findings: []Finding{exactly("calls", 1, 1)}}, nil // incomplete
		}},
	} {
		after := Check{Name: "after", Measure: func(context.Context) (Outcome, error) {
			t.Errorf("%v: a check begins afterwards", c.want)
			return Outcome{}, nil
		}}
		all, err := Run(ctx, []Check{failing(0, true), {Name: "it", Measure: c.measure}, after}, nil)
		if !errors.Is(err, c.want) || len(all) != 1 || !all[0].Passed {
			t.Errorf("%v: %+v, %v", c.want, all, err)
		}
	}
}

func TestGroupsOfChecksAreChosenByName(t *testing.T) {
	for _, quick := range []bool{false, true} {
		all, err := Checks(quick)
		if err != nil {
			t.Fatal(err)
		}
		var groups []string
		for _, c := range all {
			groups = append(groups, c.Group)
		}
		if got := slices.Compact(groups); !slices.Equal(got, Groups()) {
			t.Errorf("groups %v", got)
		}
		if took := Takes(all); quick && (took < 10*time.Second || took > 20*time.Second) || !quick &&
			(took < 60*time.Second || took > 90*time.Second) {
			t.Errorf("quick %v: they take %v", quick, took)
		}
	}
	some, err := Checks(true, Pacing, Arrivals)
	if err != nil || len(some) != 6 || slices.ContainsFunc(some,
		func(c Check) bool { return c.Group != Pacing && c.Group != Arrivals }) {
		t.Errorf("%d checks, %v", len(some), err)
	}
	if _, err := Checks(true, "pace"); err == nil ||
		!strings.Contains(err.Error(), `"pace" is unknown: want some of oracle, companions, `) {
		t.Errorf("%v", err)
	}
}

func TestAFindingPassesOnlyWithinItsBounds(t *testing.T) {
	for _, c := range []struct {
		f                  Finding
		passed             bool
		expected, measured string
	}{
		{exactly("n", 1000, 1000), true, "1,000", "1,000"},
		{exactly("n", 1000, 999), false, "1,000", "999 (-0.10%)"},
		{exactly("n", 0, 2), false, "0", "2"},
		{near("r", PerSecond, 1000, 999, 0.001), true, "1,000/s ±0.1%", "999/s (-0.10%)"},
		{near("r", PerSecond, 1000, 998.9, 0.001), false, "1,000/s ±0.1%", "998.9/s (-0.11%)"},
		{near("r", PerSecond, 1000, math.NaN(), 0.001), false, "-", "NaN, where 1000 was expected"},
		{around("p", 501*ms, 506*ms, 5*ms), true, "501ms ±5ms", "506ms (+1.00%)"},
		{around("p", 501*ms, 495*ms, 5*ms), false, "501ms ±5ms", "495ms (-1.20%)"},
		{atMost("l", Nanoseconds, 5e6, 5e6), true, "at most 5ms", "5ms"},
		{atMost("l", Nanoseconds, 5e6, 5.01e6), false, "at most 5ms", "5.01ms"},
		{atMost("d", Distance, 0.2, 0.0123), true, "at most 0.2", "0.0123"},
		{unknown("x", errors.New("why")), false, "-", "why"},
	} {
		if c.f.Passed != c.passed || c.f.Expected() != c.expected || c.f.Measured() != c.measured {
			t.Errorf("%+v: expected %q, measured %q; want %+v", c.f, c.f.Expected(), c.f.Measured(), c)
		}
	}
}

// sample returns a report about checks of two groups, with figures of all kinds.
func sample(timing bool) *Report {
	late := atMost("lag p99", Nanoseconds, 5e6, 7.1e6)
	late.Timing = timing
	few := percentile(&record.Record{}, 0.99, ms, ms)
	e := results.Environment{Version: "v1.0.0", GoVersion: "go1.26", GOOS: "linux", GOARCH: "amd64", GOMAXPROCS: 2,
		CPU: "a processor"}
	return NewReport(e, true, 3, []Result{
		{Group: Oracle, Name: "4 workers", Passed: true, Tries: 1, Note: "service 1.06 ms",
			Findings: []Finding{exactly("calls done", 4000, 4000), around("latency p95", 151*ms, 152*ms, 5*ms)}},
		{Group: Pacing, Name: "1,000/s", Tries: 3, Findings: []Finding{exactly("calls begun early", 0, 0), late},
			Machine: results.Machine{Known: true, Stolen: 0.12, Others: 0.4}},
		{Group: Pacing, Name: "10,000/s", Tries: 1, Findings: []Finding{few},
			Machine: results.Machine{Known: true, Others: 0.021}},
	})
}

func TestAReportSaysWhatFailedAndWhetherTheMachineMayBeToBlame(t *testing.T) {
	golden.Check(t, "failed.txt", sample(false).Text())
	r := sample(true)
	r.Checks = r.Checks[:2]
	if text := NewReport(r.Environment, true, 2, r.Checks).Text(); !strings.Contains(text,
		"\n1 of 2 checks failed:\n") ||
		!strings.Contains(text, "What failed depends on the machine. Close other programs") {
		t.Errorf("%s", text)
	}
	r.Checks = r.Checks[:1]
	for planned, want := range map[int]string{1: "\nAll 1 check passed.\n",
		2: "\n1 of 2 checks were made before the interruption, and passed.\n"} {
		if r := NewReport(r.Environment, true, planned, r.Checks); !strings.HasSuffix(r.Text(), want) ||
			r.Passed != (planned == 1) || r.Interrupted != (planned == 2) {
			t.Errorf("%d planned: passed %v, interrupted %v\n%s", planned, r.Passed, r.Interrupted, r.Text())
		}
	}
}

func TestAReportIsJSON(t *testing.T) {
	data, err := json.MarshalIndent(sample(true), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Check(t, "failed.json", string(data)+"\n")
}
