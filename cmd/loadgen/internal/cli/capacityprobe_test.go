package cli

import (
	"context"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// fakeSearch is a search whose visits take as long as their load and 100 ms.
func fakeSearch(t *testing.T, from float64, slos string) (*capacitySearch, *probeRequest) {
	t.Helper()
	s, err := targets(testTargets).load(newRun(testTargets), nil)
	if err != nil {
		t.Fatal(err)
	}
	if s.SLOs, err = readObjectives(slos); err != nil {
		t.Fatal(err)
	}
	arms, cells := armsOf(s)
	search, err := capacity.New(capacity.Options{Arms: arms, Start: from, Least: 1e-3, Most: 1e6, Precision: 0.1,
		Probe: 2 * time.Second, Calls: capacity.Calls(s.SLOs), Budget: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	made := new(probeRequest)
	return &capacitySearch{File: &capacity.File{Scenario: s, Search: search}, cells: cells, dir: t.TempDir(),
		options: &capacityOptions{stderr: io.Discard},
		visit: func(_ context.Context, req *probeRequest) (*capacity.Probe, time.Duration, error) {
			*made = *req
			return &capacity.Probe{Evidence: capacity.Evidence{Ask: req.Ask}}, req.Visit.Scenario.Duration +
				100*time.Millisecond, nil
		}}, made
}

func TestAProbeIsOneVisitThatEndsOnceAMissIsCertain(t *testing.T) {
	for name, c := range map[string]struct {
		from     float64
		slos     string
		duration time.Duration
		window   time.Duration
	}{
		"as long as asked":        {10_000, "p99<5ms", 2 * time.Second, 200 * time.Millisecond},
		"as many calls as needed": {100, "p99<5ms", 4420 * time.Millisecond, 442 * time.Millisecond},
		"of windows":              {10_000, "p99<5ms over every 1s", 2 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			search, made := fakeSearch(t, c.from, c.slos)
			ask, _ := search.Search.Next()
			p, err := search.probe(t.Context(), ask)
			if err != nil {
				t.Fatal(err)
			}
			s := made.Visit.Scenario
			if s.Duration != c.duration || s.Window != c.window || !s.Abort || made.Ask != ask || len(s.QPS) != 1 ||
				s.QPS[0].Float() != c.from {
				t.Errorf("%+v of %+v", made.Ask, s)
			}
			if p.Evidence.Took != c.duration+100*time.Millisecond || p.Seed == 0 || p.Seed != made.Visit.Seed {
				t.Errorf("%+v", p)
			}
		})
	}
}

func TestAnInterruptLosesTheProbe(t *testing.T) {
	search, _ := fakeSearch(t, 1000, "p99<5ms")
	ask, _ := search.Search.Next()
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if p, err := search.probe(ctx, ask); p != nil || err == nil {
		t.Errorf("%+v, %v", p, err)
	}
}

func TestARateIsWrittenAsFinelyAsItIsWorth(t *testing.T) {
	for rate, want := range map[float64]string{123456.78951: "123456.790", 1000: "1000.000", 12.3456789: "12.3457",
		0.00097656: "0.000976560"} {
		if got := fineRate(rate); got != want {
			t.Errorf("%v: %s, want %s", rate, got, want)
		}
	}
}

func TestAProbeThatIsEndedSpeaksOfWhatEndedIt(t *testing.T) {
	p := capacity.Probe{Objectives: []record.SLOResult{{SLO: "p99 < 5ms", Judged: true, Detail: "p99 is infinite"},
		{SLO: "errors < 1%", Detail: "cannot be judged: the run was ended after 47ms"}}, Stopped: true}
	s, err := capacity.New(capacity.Options{Arms: []string{"a"}, Start: 1000, Least: 1, Most: 1e6, Precision: 0.05,
		Probe: 1e9, Calls: 1000, Budget: 6e10})
	if err != nil {
		t.Fatal(err)
	}
	if line := probeLine(1, &p, s); !strings.Contains(line, "; p99 is infinite (") ||
		strings.Contains(line, "judged") {
		t.Error(line)
	}
}

// The word of a progress line is that by which the answer counts the probe.
func TestAProgressLineSaysWhatTheAnswerCounts(t *testing.T) {
	s, err := capacity.New(capacity.Options{Arms: []string{"none"}, Start: 1000, Least: 1, Most: 1e6, Precision: 0.1,
		Probe: time.Second, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ask, _ := s.Next()
	for want, c := range map[string]struct {
		e       capacity.Evidence
		stopped bool
	}{
		"probe 1: none at 1,000/s for 1s: holds; p99 is 4ms (40% of the bad calls allowed); 0s of 1m0s": {
			capacity.Evidence{Met: true, Burn: 0.4}, false,
		},
		"probe 1: none at 1,000/s for 1s, when a miss was certain: fails; p99 is 4ms (210% of the bad calls " +
			"allowed); 0s of 1m0s": {capacity.Evidence{Burn: 2.1}, true},
		"probe 1: none at 1,000/s for 1s: does not hold, although it met the objectives: saturated; p99 is 4ms (40% " +
			"of the bad calls allowed); 0s of 1m0s": {capacity.Evidence{Met: true, Burn: 0.4,
			Spoiled: "saturated: no worker"}, false},
		"probe 1: none at 1,000/s for 1s: says nothing about the target: generator-limited; p99 is 4ms (40% of the " +
			"bad calls allowed); 0s of 1m0s": {capacity.Evidence{Met: true, Burn: 0.4,
			Limited: "generator-limited: late"}, false},
	} {
		c.e.Ask = ask
		p := &capacity.Probe{Evidence: c.e, Stopped: c.stopped, Scheduled: time.Second,
			Objectives: []record.SLOResult{{Judged: true, Detail: "p99 is 4ms"}}}
		if got := probeLine(1, p, s); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
