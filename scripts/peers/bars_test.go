package main

import (
	"math"
	"slices"
	"strings"
	"testing"
)

func TestABarIsJudgedByTheMedianAboveAndByEveryRoundBelow(t *testing.T) {
	for _, c := range []struct {
		name        string
		least, most float64
		values      []float64
		want        verdict
	}{
		{"below", 0, 0.48, []float64{0.4, 0.41, 0.42}, met},
		{"exactly", 0, 0.48, []float64{0.48}, met},
		{"above in one round of three", 0, 0.48, []float64{0.4, 0.9, 0.45}, met},
		{"above in two rounds of three", 0, 0.48, []float64{0.4, 0.9, 0.49}, missed},
		{"below the least in one round of three", 501, 531, []float64{500.9, 510, 510}, missed},
		{"within", 501, 531, []float64{501, 510, 600}, met},
		{"no round measured it", 0, 1, []float64{missing, missing}, notMeasured},
		{"no rounds", 0, 1, nil, notMeasured},
		{"one round did not measure it", 0, 1, []float64{missing, 0.5}, met},
	} {
		t.Run(c.name, func(t *testing.T) {
			var rounds [][]figures
			for _, v := range c.values {
				rounds = append(rounds, []figures{{}, {values: []float64{v}}})
			}
			b := bar{values: func(round []figures) float64 { return round[1].values[0] }, least: c.least, most: c.most}
			if _, got := b.judge(rounds); got != c.want {
				t.Errorf("%v with %v..%v is %v: want %v", c.values, c.least, c.most, got, c.want)
			}
		})
	}
}

func TestTheCheckIsATableOfBarsAndItsWorstVerdictDecides(t *testing.T) {
	all := []judged{
		{"client", bar{name: "CPU", most: 0.48}, spread{0.45, 0.4, 0.5}, met},
		{"stall", bar{name: "p95 ms", least: 501, most: 531.06}, spread{540, 540, 540}, missed},
		{"client", bar{name: "CPU of loadgen / wrk's", most: 1.6}, spread{}, notMeasured},
	}
	const want = `
check: medians of rounds

met           client: CPU                     0.45 (0.4..0.5)  want at most 0.48
missed        stall: p95 ms                   540              want 501 or more, median at most 531
not measured  client: CPU of loadgen / wrk's  -                want at most 1.6
`
	var b strings.Builder
	if err := printBars(&b, all); err != nil {
		t.Fatal(err)
	}
	if b.String() != want {
		t.Errorf("the check is\n%s\nwant\n%s", b.String(), want)
	}
	for n, want := range []verdict{met, met, missed, notMeasured} {
		if got := worst(all[:n]); got != want || got.code() != []int{0, 0, 1, 2}[n] {
			t.Errorf("the worst of %d bars is %v, with exit code %d: want %v", n, got, got.code(), want)
		}
	}
	if err := printBars(fullDisk{}, all); err == nil {
		t.Error("a check that cannot be written is no error: want one")
	}
}

// Ratios of other rows are of the same numbers the other way round, so one bar of each kind shows which is which.
func TestRatiosAreOfLoadgenToTheOthersWithAsManyConnections(t *testing.T) {
	s := client(tiny)
	round := make([]figures, len(s.cells))
	for i, c := range s.cells {
		cpu := map[string]float64{transportClient: 20, loadgenClient: 8, vegetaClient: 25, "wrk": 6.4}[c.labels[1]]
		if c.labels[0] == "1" {
			cpu *= 10
		}
		if cpu == 0 {
			cpu = missing
		}
		round[i].values = []float64{cpu, 50, missing, missing, 0.001, 1000}
	}
	round[s.row("1", loadgenClient)].values[clientCPU] = 140
	s.finish(round)
	if got := round[s.row("32", vegetaClient)].values[clientToTransport]; got != 1.25 {
		t.Errorf("vegeta / Transport is %v: want 1.25", got)
	}
	want := map[string]float64{
		"CPU of loadgen / Transport's, 1 connection": 0.7, "CPU of loadgen / Transport's, 32 connections": 0.4,
		"CPU of loadgen / wrk's, 32 connections": 1.25, "CPU of loadgen / vegeta's, 32 connections": 0.32,
		"allocations of loadgen per request, 1 connection":   0.001,
		"allocations of loadgen per request, 32 connections": 0.001,
	}
	if len(s.bars) != len(want) {
		t.Errorf("%d bars: want %d", len(s.bars), len(want))
	}
	for _, b := range s.bars {
		if got := b.values(round); math.Abs(got-want[b.name]) > 1e-12 {
			t.Errorf("%s is %v: want %v", b.name, got, want[b.name])
		}
	}
}

func TestTheSectionsWithBarsAreInTheList(t *testing.T) {
	var with []string
	for _, s := range sections(tiny) {
		if len(s.bars) > 0 {
			with = append(with, s.name)
		}
	}
	if !slices.Equal(with, barred) {
		t.Errorf("%q have bars: want %q", with, barred)
	}
}

func TestConnectionsBeyondWorkersAndReconnectsMissTheBar(t *testing.T) {
	s := pool(tiny)
	for _, c := range []struct{ opened, allowed, want float64 }{{16, 16, 0}, {15, 16, 0}, {20, 17, 3}} {
		round := []figures{{values: make([]float64, poolRequests+1)}, {values: make([]float64, poolRequests+1)}}
		ours := round[s.row("loadgen, default")].values
		ours[poolOpened], ours[poolAllowed] = c.opened, c.allowed
		if got := s.bars[0].values(round); got != c.want {
			t.Errorf("%v connections opened with %v allowed: %v beyond, want %v", c.opened, c.allowed, got, c.want)
		}
	}
}
