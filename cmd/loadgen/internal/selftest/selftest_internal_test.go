package selftest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/golden"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/property"
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
		all, err := Checks(Options{Quick: quick})
		if err != nil {
			t.Fatal(err)
		}
		var groups []string
		for _, c := range all {
			groups = append(groups, c.Group)
		}
		if got := slices.Compact(groups); !slices.Equal(append(got, Service), Groups()) {
			t.Errorf("groups %v", got)
		}
		if took := Takes(all); quick && (took < 10*time.Second || took > 20*time.Second) || !quick &&
			(took < 60*time.Second || took > 90*time.Second) {
			t.Errorf("quick %v: they take %v", quick, took)
		}
	}
	some, err := Checks(Options{Quick: true, Groups: []string{Pacing, Arrivals}})
	if err != nil || len(some) != 6 || slices.ContainsFunc(some,
		func(c Check) bool { return c.Group != Pacing && c.Group != Arrivals }) {
		t.Errorf("%d checks, %v", len(some), err)
	}
	if _, err := Checks(Options{Groups: []string{"pace"}}); err == nil ||
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

// screen returns a screen of a width, and of a colour of terminal.Colours.
func screen(width int, colour string) *terminal.Screen {
	return terminal.New(io.Discard, terminal.Options{Colour: colour}, func(name string) string {
		return map[string]string{"COLUMNS": fmt.Sprint(width)}[name]
	})
}

// textOf returns the text of a report for a pipe.
func textOf(r *Report) string { return r.Text(screen(80, "never"), terminal.Detail{}) }

func TestTheTextOfAReport(t *testing.T) {
	for file, row := range map[string]struct {
		timing bool
		width  int
		colour string
		d      terminal.Detail
	}{
		"failed-80.txt":     {false, 80, "never", terminal.Detail{}},
		"failed-120.txt":    {false, 120, "never", terminal.Detail{}},
		"failed-colour.txt": {false, 80, "always", terminal.Detail{}},
		"failed-all.txt":    {false, 80, "never", terminal.Detail{All: true}},
		"timing-80.txt":     {true, 80, "never", terminal.Detail{}},
		"timing-quiet.txt":  {true, 80, "never", terminal.Detail{Quiet: true}},
	} {
		t.Run(file, func(t *testing.T) {
			r := sample(row.timing)
			if row.timing {
				r.Checks = r.Checks[:2]
				r = NewReport(r.Environment, true, 2, r.Checks)
			}
			golden.Check(t, file, r.Text(screen(row.width, row.colour), row.d))
		})
	}
}

// All checks fit a terminal if they pass.
func TestAReportOfAllChecksHasAbout24Lines(t *testing.T) {
	checks, err := Checks(Options{})
	if err != nil {
		t.Fatal(err)
	}
	var list []Result
	for _, c := range checks {
		list = append(list, Result{Group: c.Group, Name: c.Name, Passed: true, Tries: 1, Note: "a note"})
	}
	text := textOf(NewReport(results.Environment{}, false, len(list), list))
	if n := strings.Count(text, "\n"); n > 27 {
		t.Errorf("%d lines of %d checks:\n%s", n, len(list), text)
	}
}

func TestNoLineOfAReportIsWiderThanTheScreen(t *testing.T) {
	property.Check(t, func(t *rapid.T) {
		r := sample(true)
		name := property.Names()
		for i := range r.Checks {
			c := &r.Checks[i]
			c.Name, c.Note, c.Findings = name.Draw(t, "name"), name.Draw(t, "note"), slices.Clone(c.Findings)
			for k := range c.Findings {
				c.Findings[k].What = name.Draw(t, "what")
			}
		}
		width := rapid.IntRange(60, 140).Draw(t, "width")
		text := r.Text(screen(width, "always"), terminal.Detail{All: rapid.Bool().Draw(t, "all")})
		for line := range strings.Lines(text) {
			words := strings.Fields(format.Unstyled(line)) // prose breaks no word, which then has a line of its own
			if n := format.Width(strings.TrimSuffix(line, "\n")); n > width && len(words) > 1 {
				t.Fatalf("%d of %d columns: %s", n, width, line)
			}
		}
	})
}

func TestAReportSaysWhatFailedAndWhetherTheMachineMayBeToBlame(t *testing.T) {
	r := sample(true)
	r.Checks = r.Checks[:2]
	text := strings.Join(strings.Fields(textOf(NewReport(r.Environment, true, 2, r.Checks))), " ")
	for _, want := range []string{"NOT VALID: 1 of 2 checks failed, which depend on the machine.",
		"In doubt: the machine was busy: 12% of its CPU time was stolen, other programs used 40%; 1 check took ",
		"Next: close other programs, or use a machine of its own, then loadgen selftest --quick --only pacing",
		"exit 1"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in\n%s", want, text)
		}
	}
	if text := textOf(sample(false)); !strings.Contains(text, "that is a fault\nof loadgen") {
		t.Errorf("%s", text)
	}
	r.Checks = r.Checks[:1]
	for planned, want := range map[int]string{1: "\nAll 1 check passed.\n",
		2: "\n1 of 2 checks were made before the interruption, and passed.\n"} {
		if r := NewReport(r.Environment, true, planned, r.Checks); !strings.Contains(textOf(r), want) ||
			r.Passed != (planned == 1) || r.Interrupted != (planned == 2) ||
			strings.Contains(textOf(r), "exit 130\n") != (planned == 2) {
			t.Errorf("%d planned: passed %v, interrupted %v\n%s", planned, r.Passed, r.Interrupted, textOf(r))
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
