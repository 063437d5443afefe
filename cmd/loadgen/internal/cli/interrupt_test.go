package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// twoAndOne are the loads of two short visits and of one of an hour, which is the last of the
// first round.
const twoAndOne = "const:1k/s@20ms,const:2k/s@20ms,const:500/s@1h"

// interrupting is a run of one of testTargets, for tests that interrupt it. It returns the
// file that its visits mark, and its directory.
func interrupting(t *testing.T, target, load string, args ...string) (p *process, marks, out string) {
	t.Helper()
	marks, out = filepath.Join(t.TempDir(), "marks"), filepath.Join(t.TempDir(), "out")
	t.Setenv(asCommand, ownTargets)
	t.Setenv(testMarks, marks)
	args = append([]string{"run", "--target", target, "--load", load, "--warmup", "0", "--rounds", "2", "--seed", "6",
		"--out", out}, args...)
	return start(t, "", args...), marks, out
}

// interruptedAfterTwo checks what a run has kept that was interrupted in its third visit.
func interruptedAfterTwo(t *testing.T, p *process, code int, out string) *results.Run {
	t.Helper()
	if code != exitInterrupted || !strings.Contains(p.stdout.String(), "PARTIAL: ") ||
		!strings.Contains(spaced(p.stdout.String()), " show --all "+out) ||
		!strings.Contains(p.stderr.String(), "interrupted after 2 of 6 visits") {
		t.Errorf("exit %d, want 130\n%s\n%s", code, &p.stdout, &p.stderr)
	}
	run, err := results.Read(out)
	if err != nil || run.Status != results.Partial || len(run.Visits) < 2 || !run.Visits[0].Usable() ||
		!run.Visits[1].Usable() {
		t.Fatalf("run.json reads as %+v, %v", run, err)
	}
	text, err := os.ReadFile(filepath.Join(out, "run.bench"))
	if err != nil || !strings.Contains(string(text), "# partial: ended after ") {
		t.Errorf("%v; run.bench:\n%s", err, text)
	}
	if lines := readBench(t, filepath.Join(out, "run.bench")); len(lines) < 2 {
		t.Errorf("%d results", len(lines))
	}
	return run
}

func TestAnInterruptEndsARunAtOnceAndKeepsWhatItMeasured(t *testing.T) {
	p, marks, out := interrupting(t, "marking", twoAndOne)
	p.await(t, "a third visit", func() bool { return marked(marks, "call") == 3 })
	run := interruptedAfterTwo(t, p, p.interrupt(t), out)
	if len(run.Visits) != 3 || run.Visits[2].Record == nil || !run.Visits[2].Record.Interrupted ||
		run.Visits[2].Record.Done == 0 {
		t.Errorf("what it measured of the third visit is not kept: %d visits, %+v", len(run.Visits),
			run.Visits[len(run.Visits)-1])
	}
}

// A signal to all processes may end a visit before it has a handler, and reach the command
// only then.
func TestAVisitThatDiesOfAnInterruptOfTheCommandIsNoFailure(t *testing.T) {
	t.Setenv(testDies, "visit 3")
	p, marks, out := interrupting(t, "look-up", twoAndOne)
	p.await(t, "a third visit", func() bool { return marked(marks, "visit") == 3 })
	awaitEndOfMarked(t, marks)
	if run := interruptedAfterTwo(t, p, p.interrupt(t), out); len(run.Visits) != 2 {
		t.Errorf("the third visit is kept: %+v", run.Visits[2])
	}
}

func TestAnInterruptEndsARunWhoseVisitDoesNotEnd(t *testing.T) {
	t.Setenv(testGrace, "10ms")
	p, marks, out := interrupting(t, "stuck", "const:500/s@1h")
	p.await(t, "a visit", func() bool { return marked(marks, "call") == 1 })
	if code := p.interrupt(t); code != exitInterrupted ||
		!strings.Contains(p.stderr.String(), "interrupted after 0 of 2 visits") {
		t.Errorf("exit %d\n%s", code, &p.stderr)
	}
	awaitEndOfMarked(t, marks)
	if run, err := results.Read(out); err != nil || len(run.Visits) != 0 {
		t.Errorf("%+v, %v", run, err)
	}
}

// Not even one that is stuck.
func TestAVisitDoesNotOutliveTheCommand(t *testing.T) {
	for _, target := range []string{"marking", "stuck"} {
		t.Run(target, func(t *testing.T) {
			if target == "stuck" {
				t.Setenv(testGrace, "10ms")
			}
			p, marks, _ := interrupting(t, target, "const:500/s@1h")
			p.await(t, "a visit", func() bool { return marked(marks, "call") == 1 })
			if err := p.cmd.Process.Signal(syscall.SIGKILL); err != nil {
				t.Fatal(err)
			}
			awaitEndOfMarked(t, marks)
		})
	}
}

func TestAnInterruptOfTheProfilesKeepsTheRun(t *testing.T) {
	t.Setenv(testDies, "visit 2")
	p, marks, out := interrupting(t, "look-up", "const:1k/s@20ms", "--rounds", "1", "--profile", "cpu")
	p.await(t, "a visit for profiles", func() bool { return marked(marks, "visit") == 2 })
	awaitEndOfMarked(t, marks)
	if code := p.interrupt(t); code != exitInterrupted ||
		!strings.Contains(p.stderr.String(), "interrupted before every cell was profiled") ||
		!strings.Contains(p.stdout.String(), out) || strings.Contains(p.stdout.String(), "PARTIAL") {
		t.Errorf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
	}
	if run, err := results.Read(out); err != nil || run.Status != results.Complete || len(run.Visits) != 1 {
		t.Errorf("%+v, %v", run, err)
	}
}

// A probe and a throughput, before and after the search.
func TestAProbeThatDiesOfAnInterruptOfTheCommandIsNoFailure(t *testing.T) {
	for name, c := range map[string]struct {
		budget              string // a probe costs more than it lasts
		kind                string // of the second process, which dies
		probes, throughputs int
	}{
		"a probe":      {"1h", "probe", 1, 0},
		"a throughput": {"40ms", "visit", 1, 1},
	} {
		t.Run(name, func(t *testing.T) {
			marks, out := filepath.Join(t.TempDir(), "marks"), filepath.Join(t.TempDir(), "out")
			t.Setenv(asCommand, ownTargets)
			t.Setenv(testMarks, marks)
			t.Setenv(testDies, c.kind+" 2")
			p := start(t, "", "capacity", "--target", "look-up", "--slo", "max<1h", "--from", "5k/s", "--probe",
				"40ms", "--budget", c.budget, "--seed", "1",
				"--warmup", "0", "--scaling", "1,2,3,4,6,8", "--out", out)
			p.await(t, "the process that dies", func() bool { return marked(marks, c.kind) == 2 })
			awaitEndOfMarked(t, marks)
			if code := p.interrupt(t); code != exitInterrupted ||
				!strings.Contains(p.stderr.String(), "interrupted after ") {
				t.Errorf("exit %d\n%s\n%s", code, &p.stdout, &p.stderr)
			}
			f, err := capacity.ReadFile(out)
			if err != nil || f.Status != results.Partial || len(f.Probes) != c.probes ||
				len(f.Throughputs) != c.throughputs {
				t.Errorf("%+v, %v", f, err)
			}
		})
	}
}

func TestAnInterruptBeforeBothSidesCanBeComparedIsNoFailure(t *testing.T) {
	s, err := scenarios.Decode("kept.yaml",
		[]byte("qps: 1000\nspans: [none, sdk]\nrounds: 6\nduration: 1s\nseed: 7\n"))
	if err != nil {
		t.Fatal(err)
	}
	cells := s.Cells()
	for name, visits := range map[string]map[string][]scenarios.Cell{
		"of one side nothing":       {"base": cells},
		"of both sides other cells": {"base": cells[:1], "head": cells[1:]},
		"of one side one cell less": {"base": cells, "head": cells[1:]},
	} {
		t.Run(name, func(t *testing.T) {
			out := t.TempDir()
			for _, side := range []string{"base", "head"} {
				w, err := results.Create(filepath.Join(out, side), results.Header{Scenario: s})
				if err != nil {
					t.Fatal(err)
				}
				for i, cell := range visits[side] {
					if err := w.Add(keptVisit(s, cell, i)); err != nil {
						t.Fatal(err)
					}
				}
				if err := w.Close(results.Partial); err != nil {
					t.Fatal(err)
				}
			}
			var stdout, stderr bytes.Buffer
			if _, err := judgeRuns(out, false, &runOptions{stdout: &stdout, stderr: &stderr,
				screen: plainScreen()}); !interrupted(err) {
				t.Errorf("%v, want exit 130", err)
			}
		})
	}
}

func TestWhatIsInterruptedIsNotRecorded(t *testing.T) {
	stopped, stop := context.WithCancel(t.Context())
	stop()
	for _, commit := range []string{"", "c0ffee"} {
		file := filepath.Join(t.TempDir(), "history.jsonl")
		var stdout, stderr bytes.Buffer
		code := dispatch(stopped, nil, []string{"history", "record", written(t, "new.txt", encodes), "--file", file,
			"--commit", commit}, nil, &stdout, &stderr)
		if code != exitInterrupted || !strings.Contains(stderr.String(), "interrupted before anything was recorded") {
			t.Errorf("commit %q: exit %d\n%s", commit, code, &stderr)
		}
		if _, err := os.Stat(file); !os.IsNotExist(err) {
			t.Errorf("commit %q: there is a history: %v", commit, err)
		}
	}
}

// Of a visit that was cut something is left. A probe that was cut is no evidence.
func TestAVisitThatIsInterruptedSaysSoAndAProbeSaysNothing(t *testing.T) {
	s, err := scenarios.Decode("tiny.yaml", []byte(tiny), scenarios.Setting{Key: "duration", Value: "1h"},
		scenarios.Setting{Key: "slo", Value: "max < 1h"})
	if err != nil {
		t.Fatal(err)
	}
	s.SetArms(scenarios.Target, "cutting")
	req := visit.Request{Scenario: s, Cell: s.Cells()[0], Seed: 1, Turns: 1}
	for _, c := range []struct {
		name    string
		request any
		code    int
		says    string
	}{
		{"visit", req, exitInterrupted, `"interrupted":true`},
		{"probe", probeRequest{Ask: capacity.Ask{Arm: "spans=none", Rate: 4000, Duration: s.Duration}, Visit: req},
			exitUnusable, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := json.Marshal(c.request)
			if err != nil {
				t.Fatal(err)
			}
			rest, w := io.Pipe() // the input goes on, as that of a process whose parent waits
			defer w.CloseWithError(errors.New("the end of the test"))
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var calls atomic.Int64
			cutting := Func("cutting", func(context.Context, string) error {
				if calls.Add(1) == 200 {
					cancel()
				}
				return nil
			})
			var stdout, stderr bytes.Buffer
			code := dispatch(ctx, targets{cutting}, []string{c.name}, io.MultiReader(bytes.NewReader(text), rest),
				&stdout, &stderr)
			if code != c.code || !strings.Contains(stdout.String(), c.says) || c.says == "" && stdout.Len() > 0 {
				t.Errorf("exit %d, want %d and %s\n%s\n%s", code, c.code, c.says, &stdout, &stderr)
			}
		})
	}
}

// A visit that someone interrupted alone is no throughput.
func TestAThroughputIsThatOfAWholeVisit(t *testing.T) {
	s, err := scenarios.Decode("kept.yaml", []byte("spans: [none]\nclosed: true\nworkers: 3\nduration: 1s\n"))
	if err != nil {
		t.Fatal(err)
	}
	arms, cells := armsOf(s)
	search, err := capacity.New(capacity.Options{Arms: arms, Start: 100, Least: 1, Most: 1e6, Precision: 0.1,
		Probe: time.Second, Budget: time.Minute})
	if err != nil {
		t.Fatal(err)
	}
	for _, cut := range []bool{false, true} {
		v := keptVisit(s, s.Cells()[0], 0)
		v.Record.Loop, v.Record.Workers, v.Record.Interrupted = record.ClosedLoop, 3, cut
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		c := capacitySearch{File: &capacity.File{Scenario: s, Search: search}, cells: cells,
			program: programAt(executable(t, "cat "+written(t, "visit.json", string(text))), io.Discard)}
		x, err := c.throughput(t.Context(), capacity.Throughput{Arm: arms[0], Workers: 3, Round: 1})
		if (err != nil) != cut || !cut && x != 1000 {
			t.Errorf("cut %v: %v/s, %v", cut, x, err)
		}
	}
}
