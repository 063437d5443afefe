package main

import (
	"context"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestBadFlagsExitWith2AndSayWhatWasWanted(t *testing.T) {
	for _, c := range []struct {
		name, args string
		want       []string
	}{
		{"an unknown section", "-only speed",
			[]string{`no section "speed"`, "want some of overhead,lag,exporter,memory,client,stall,pool"}},
		{"an empty section", "-only lag,", []string{`no section ""`}},
		{"no rounds", "-rounds 0", []string{"-rounds is 0: want 1 to 1000"}},
		{"rounds that are no number", "-rounds many",
			[]string{`invalid value "many" for flag -rounds`, "rounds, each of which"}},
		{"too short for p99", "-duration 300ms", []string{"-duration is 300ms: want 372ms to 1m"}},
		{"too long", "-duration 2h", []string{"-duration is 2h0m0s: want"}},
		{"a negative duration", "-duration -1s", []string{"-duration is -1s: want"}},
		{"a timeout of the duration", "-timeout 1s", []string{"-timeout is 1s: want more than the duration, 1s"}},
		{"an unknown flag", "-fast", []string{"not defined: -fast", "-duration"}},
		{"a check of sections without bars", "-check -only lag,memory",
			[]string{"-check: -only is lag,memory, which has no bars: want some of client,stall,pool"}},
		{"an argument", "lag", []string{`unexpected arguments ["lag"]`}},
		{"two errors", "-rounds 0 -only speed", []string{"-rounds is 0", `"speed"`}},
	} {
		t.Run(c.name, func(t *testing.T) {
			var stdout, stderr strings.Builder
			if code := command(t.Context(), strings.Fields(c.args), &stdout, &stderr); code != 2 {
				t.Errorf("peers %s exits with %d: want 2", c.args, code)
			}
			for _, want := range c.want {
				if !strings.Contains(stderr.String(), want) {
					t.Errorf("peers %s says\n%s\nwant %q in it", c.args, stderr.String(), want)
				}
			}
			if stdout.Len() > 0 {
				t.Errorf("peers %s prints %q: want nothing", c.args, stdout.String())
			}
		})
	}
}

func TestAskingForHelpIsFine(t *testing.T) {
	var stderr strings.Builder
	if code := command(t.Context(), []string{"-h"}, io.Discard, &stderr); code != 0 ||
		!strings.Contains(stderr.String(), "-only") {
		t.Errorf("peers -h exits with %d and prints %q: want 0 and the flags", code, stderr.String())
	}
}

func TestDefaultsAreFiveRoundsOfEverything(t *testing.T) {
	o, err := parse(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	if o.rounds != 5 || len(o.only) > 0 || o.timeout != 2*o.duration || o.seed == 0 || o.memory[1] != 10_000_000 {
		t.Errorf("the options are %+v: want 5 rounds of all sections, a timeout of twice the duration, a seed, "+
			"and 1e7 calls", o)
	}
	if o, err := parse([]string{"-long", "-only", "lag,memory"}, io.Discard); err != nil ||
		o.memory[1] != 100_000_000 || !slices.Equal(o.only, []string{"lag", "memory"}) {
		t.Errorf("the options are %+v, %v: want 1e8 calls of lag and memory", o, err)
	}
}

func TestAnInterruptExitsWith130(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var stdout, stderr strings.Builder
	if code := command(ctx, []string{"-seed", "7"}, &stdout, &stderr); code != 130 ||
		!strings.Contains(stderr.String(), "interrupted") {
		t.Errorf("exits with %d and prints %q: want 130 and a message", code, stderr.String())
	}
	for _, want := range []string{"go: go", "cpu: ", "GOMAXPROCS", "kernel: ", "seed 7"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("the environment is\n%s\nwant %q in it", stdout.String(), want)
		}
	}
}

// tiny is not a measurement: it shows that everything runs.
var tiny = options{rounds: 1, duration: 5 * time.Millisecond, timeout: time.Minute, seed: 1,
	memory: [2]int{1000, 10_000},
	stall: stallPlan{perSecond: 1000, length: 60 * time.Millisecond, at: 20 * time.Millisecond,
		pause: 10 * time.Millisecond},
	pool: poolPlan{calls: 40, perSecond: 2000, service: time.Millisecond}}

func TestEverySectionRunsAndEveryRowHasFiniteNumbers(t *testing.T) {
	// These columns may be missing.
	optional := map[string]bool{"lag/early": true, "lag/own p99 us": true, "memory/RSS KiB": true,
		"client/allocs": true, "pool/workers + reconnects": true}
	for i, s := range sections(tiny) {
		t.Run(s.name, func(t *testing.T) {
			if s.name != names[i] {
				t.Errorf("section %d is %s: want %s", i, s.name, names[i])
			}
			rounds, err := s.measure(t.Context(), tiny, io.Discard)
			if err != nil {
				t.Fatal(err)
			}
			for c, f := range rounds[0] {
				if f.note != "" { // a program that is not installed
					continue
				}
				if len(f.values) != len(s.columns) || len(s.cells[c].labels) != len(s.head) {
					t.Fatalf("row %q has %d numbers: want %q", s.cells[c].labels, len(f.values), s.columns)
				}
				for column, v := range f.values {
					name := s.columns[column]
					if math.IsInf(v, 0) || math.IsNaN(v) && !optional[s.name+"/"+name] {
						t.Errorf("row %q: %s is %v: want a number", s.cells[c].labels, name, v)
					}
					if name == "early" && v > 0 {
						t.Errorf("row %q: %v calls began before they were due: want none", s.cells[c].labels, v)
					}
				}
			}
			if err := s.print(io.Discard, rounds); err != nil {
				t.Error(err)
			}
		})
	}
}

// ordered returns a section that calls visit with the index of each cell that is measured.
func ordered(cells int, visit func(i int)) section {
	s := section{name: "lag"}
	for i := range cells {
		s.cells = append(s.cells, cell{measure: func(context.Context) (figures, error) {
			visit(i)
			return figures{values: []float64{float64(i)}}, nil
		}})
	}
	return s
}

func TestEveryRoundVisitsEveryCellOnceInAnOrderThatTheSeedDecides(t *testing.T) {
	const cells = 7
	visits := func(seed uint64) (order []int) {
		s := ordered(cells, func(i int) { order = append(order, i) })
		rounds, err := s.measure(t.Context(), options{rounds: 3, seed: seed}, io.Discard)
		if err != nil || len(rounds) != 3 {
			t.Fatalf("%d rounds, %v: want 3", len(rounds), err)
		}
		for _, round := range rounds {
			for i, f := range round {
				if f.values[0] != float64(i) {
					t.Errorf("the figures of cell %v are in the place of cell %d", f.values[0], i)
				}
			}
		}
		return order
	}
	first, again, other := visits(1), visits(1), visits(2)
	if !slices.Equal(first, again) || slices.Equal(first, other) || slices.Equal(first[:cells], first[cells:2*cells]) {
		t.Errorf("orders are %v, %v and %v: want the same by one seed, and others by another and from round to round",
			first, again, other)
	}
	for r := range 3 {
		round := slices.Sorted(slices.Values(first[cells*r : cells*r+cells]))
		for i, c := range round {
			if c != i {
				t.Fatalf("round %d visits %v: want each once", r, round)
			}
		}
	}
}

func TestAnInterruptKeepsTheRoundsThatAreWhole(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	visits := 0
	s := ordered(3, func(int) {
		if visits++; visits == 5 {
			cancel()
		}
	})
	rounds, err := s.measure(ctx, options{rounds: 3}, io.Discard)
	if err != nil || len(rounds) != 1 {
		t.Errorf("%d rounds, %v: want only the first", len(rounds), err)
	}
}

func TestACheckExitsWithTheWorstOfItsBars(t *testing.T) {
	t.Setenv("PATH", t.TempDir()) // without wrk, one bar of client cannot be judged
	o := tiny
	o.only, o.judge = []string{"client"}, true
	var stdout, stderr strings.Builder
	if code := perform(t.Context(), o, &stdout, &stderr); code != 2 ||
		!strings.Contains(stderr.String(), "a bar could not be judged") {
		t.Errorf("exits with %d and prints %q: want 2, since wrk is not installed", code, stderr.String())
	}
	for _, want := range []string{"not installed", "check: medians of rounds",
		"\nnot measured  client: CPU of loadgen / wrk's"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("prints\n%s\nwant %q in it", stdout.String(), want)
		}
	}
}

func TestBarsAreJudgedOnlyIfACheckIsAskedFor(t *testing.T) {
	o := tiny
	o.only = []string{"pool"} // loadgen opens as many connections as it has workers, on any machine
	for _, judge := range []bool{true, false} {
		o.judge = judge
		var stdout strings.Builder
		code := perform(t.Context(), o, &stdout, io.Discard)
		if printed := strings.Contains(stdout.String(), "\nmet  pool: "); printed != judge || code != 0 {
			t.Errorf("judge %t: exits with %d and prints\n%s\nwant 0, and bars only if they are judged", judge, code,
				stdout.String())
		}
	}
}
