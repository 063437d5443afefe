package command

import (
	"context"
	"io"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
)

// fakeVisits is a search whose visits take as long as their load and 100 ms, and whose
// latencies have the margin, with noise. After so many visits it is interrupted; 0: never.
func fakeVisits(t *testing.T, confirm bool, margin float64, interrupt int) (*capacity.Probe, []*probeRequest, error) {
	t.Helper()
	s, err := targets(testTargets).load(newRun(testTargets), nil)
	if err != nil {
		t.Fatal(err)
	}
	s.Warmup = 100 * time.Millisecond
	if s.SLOs, err = readObjectives("p99<5ms, errors<1%"); err != nil {
		t.Fatal(err)
	}
	arms, cells := armsOf(s)
	search, err := capacity.New(capacity.Options{Arms: arms, Start: 10_000, Least: 1, Most: 1e6, Precision: 0.1, Probe: 2 * time.Second, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	random := rand.New(rand.NewPCG(1, 1))
	var made []*probeRequest
	c := &capacitySearch{File: &capacity.File{Scenario: s, Search: search}, cells: cells, dir: t.TempDir(), options: &capacityOptions{stderr: io.Discard},
		visit: func(_ context.Context, req *probeRequest) (*capacity.Part, time.Duration, error) {
			was := *req
			scenario := *req.Visit.Scenario
			was.Visit.Scenario = &scenario
			if made = append(made, &was); len(made) == interrupt {
				cancel()
			}
			p := &capacity.Part{Others: []float64{capacity.MaxMargin, 3}, Probe: capacity.Probe{Scheduled: scenario.Duration, Offered: 10_000,
				Objectives: make([]bench.SLOResult, 2)}}
			for range req.Batches {
				p.Latency = append(p.Latency, margin+random.NormFloat64()/10)
			}
			return p, scenario.Duration + 100*time.Millisecond, nil
		}}
	ask, _ := search.Next()
	ask.Confirm = confirm
	p, err := c.probe(ctx, ask)
	return p, made, err
}

func TestAProbeCostsWhatItTakesToTellAndNoMore(t *testing.T) {
	const begin = 100 * time.Millisecond
	for name, c := range map[string]struct {
		margin  float64
		confirm bool
		visits  int
		took    time.Duration
	}{
		"a hopeless rate is stopped":             {-2, false, 1, 800*time.Millisecond + begin},
		"a rate far from the edge is stopped":    {2, false, 1, 800*time.Millisecond + begin},
		"a confirmation that holds goes on":      {2, true, 2, 2*time.Second + 2*begin},
		"a confirmation that fails does not":     {-2, true, 1, 800*time.Millisecond + begin},
		"at the edge all of the probe is wanted": {0, false, 2, 2*time.Second + 2*begin},
	} {
		p, made, err := fakeVisits(t, c.confirm, c.margin, 0)
		if err != nil {
			t.Fatal(err)
		}
		if len(made) != c.visits || p.Visits != c.visits || p.Evidence.Duration != c.took || p.Stopped != (c.visits == 1) {
			t.Errorf("%s: %d visits, %v, stopped %v; want %d, %v", name, len(made), p.Evidence.Duration, p.Stopped, c.visits, c.took)
		}
		seeds := map[uint64]bool{}
		for _, req := range made {
			seeds[req.Visit.Seed] = true
		}
		if len(seeds) != len(made) || c.visits == 2 && len(p.Evidence.Margins) != capacity.Batches {
			t.Errorf("%s: %d visits have %d seeds, and %d batches", name, len(made), len(seeds), len(p.Evidence.Margins))
		}
	}
}

func TestAnInterruptKeepsTheVisitsThatAProbeHadMade(t *testing.T) {
	if p, _, err := fakeVisits(t, false, 0, 1); p != nil || err == nil {
		t.Errorf("the first visit was cut: %+v, %v", p, err)
	}
	p, _, err := fakeVisits(t, true, 2, 2)
	if err == nil || p == nil || p.Visits != 1 || p.Evidence.Duration != 900*time.Millisecond || len(p.Evidence.Margins) != 4 {
		t.Fatalf("the second visit was cut: %+v, %v", p, err)
	}
	if p.Evidence.Confirm {
		t.Error("a probe that was cut confirms")
	}
}

func TestEqualSharesHaveNoSign(t *testing.T) {
	for share, want := range map[float64]string{0: "0%", -1e-17: "0%", -0.0123: "-1.23%", 0.25: "25%"} {
		if got := sharePercent(share); got != want {
			t.Errorf("%v is %s, want %s", share, got, want)
		}
		if got := sharePercent(-share); share == 0 && got != want {
			t.Errorf("-0 is %s", got)
		}
	}
}
