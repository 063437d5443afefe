package rounds_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

// grace is longer than the busiest machine needs.
const grace = 10 * time.Minute

// The first call of a visit's target makes a file of the name that this variable has, if it has one.
const testMark = "ROUNDS_TEST_MARK"

func TestMain(m *testing.M) {
	if len(os.Args) != 2 || os.Args[1] != "visit" {
		// Under the race detector a process sleeps for a second before it exits, unless it is told not to.
		if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
			panic(err)
		}
		os.Exit(m.Run())
	}
	asker := &rounds.Asker{In: os.Stdin, Out: os.Stdout, Grace: grace}
	switch err := rounds.AnswerVisit(context.Background(), asker, target); {
	case errors.Is(err, rounds.ErrInterrupted):
		os.Exit(130)
	case err != nil:
		fmt.Fprintln(os.Stderr, err)
		os.Exit(2)
	}
}

// target returns the map, unless the test wants to know of the first call.
func target(*visit.Request) (*visit.Own, error) {
	mark := os.Getenv(testMark)
	if mark == "" {
		return nil, nil
	}
	fmt.Println("this is printed, and no answer")
	fmt.Fprint(os.Stderr, visit.Notice+"at once\nloadgen: the error of its end\nnot at once\n")
	return &visit.Own{Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
		return bench.TargetFunc(func(context.Context, string) error { return os.WriteFile(mark, nil, 0o600) }), nil
	}}, nil
}

// self is the program that this test is, whose processes answer as TestMain says.
func self(t *testing.T) string {
	t.Helper()
	path, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// decode returns a scenario.
func decode(t *testing.T, text string) *scenarios.Scenario {
	t.Helper()
	s, err := scenarios.Decode("x.yaml", []byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// script returns a program that is a shell script.
func script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+text+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestAVisitThatCrashesSaysWhyAndEndsOnlyItself(t *testing.T) {
	for name, c := range map[string]struct{ script, want string }{
		"crash":   {"echo 'fatal error: out of luck' >&2; exit 3", "exit status 3\nfatal error: out of luck"},
		"garbage": {"echo nonsense", "invalid character"},
		"silent":  {"cat > /dev/null &", "it ended without an answer"},
		"at once": {"exit 0", "it ended without an answer"},
		"logs":    {`echo '{"level":"fatal"}'; exit 1`, "exit status 1"},
	} {
		t.Run(name, func(t *testing.T) {
			s := decode(t, "qps: 1k\nspans: none\nduration: 1s\n")
			s.About = strings.Repeat("x", 1<<18) // more than a pipe holds: it is written while the process ends
			p := rounds.Program{Path: script(t, c.script), Grace: grace}
			v, err := p.Visit(t.Context(), &visit.Request{Scenario: s, Cell: s.Cells()[0]})
			if err != nil || !strings.Contains(v.Error, c.want) || v.Usable() || v.Cell != s.Cells()[0] {
				t.Errorf("%v, error %q, want %q in it", err, v.Error, c.want)
			}
		})
	}
	p := rounds.Program{Path: filepath.Join(t.TempDir(), "none")}
	if v, err := p.Visit(t.Context(), &visit.Request{}); err != nil || !strings.Contains(v.Error, "no such file") {
		t.Errorf("a program that is not there: %q", v.Error)
	}
}

func TestAProgramOrAScenarioThatIsAnotherEndsTheRun(t *testing.T) {
	replay := filepath.Join(t.TempDir(), "calls.txt")
	if err := os.WriteFile(replay, []byte("0\n0.01\n0.02\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	s := decode(t, "name: held\nload: replay:"+replay+"\nspans: none\nseed: 1\n")
	if err := s.ReadReplays(); err != nil {
		t.Fatal(err)
	}
	p := rounds.Program{Path: self(t), Grace: grace}
	pinned, err := visit.Pin(p.Path, s)
	if err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{"the program " + p.Path + " has changed since the run began",
		"which is replayed, has changed", "the scenario held is not the one"} {
		t.Run(string(pinned[i].Kind), func(t *testing.T) {
			req := &visit.Request{Scenario: s, Cell: s.Cells()[0], Seed: 1, Turns: 1,
				Inputs: append([]results.Input(nil), pinned...)}
			if v, err := p.Visit(t.Context(), req); err != nil || v.Error != "" {
				t.Fatalf("unchanged: %+v, %v", v, err)
			}
			req.Inputs[i].SHA256 = strings.Repeat("0", 64)
			if v, err := p.Visit(t.Context(), req); err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%+v, %v; want %q", v, err, want)
			}
		})
	}
}

func TestAnInterruptedVisitHandsOverWhatItMeasured(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "called")
	t.Setenv(testMark, mark)
	s := decode(t, "qps: 4k\nspans: none\nduration: 1h\nwarmup: 0s\n")
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	go func() {
		for _, err := os.Stat(mark); err != nil; _, err = os.Stat(mark) {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	var notices bytes.Buffer
	p := rounds.Program{Path: self(t), Notices: &notices, Grace: grace}
	v, err := p.Visit(ctx, &visit.Request{Scenario: s, Cell: s.Cells()[0], Seed: 1, Turns: 1})
	if err != nil || v.Error != "" || v.Record == nil || !v.Record.Interrupted || v.Record.Done == 0 ||
		v.Record.Scheduled >= time.Hour {
		t.Errorf("%+v, %v", v, err)
	}
	if got, want := notices.String(), visit.Notice+"at once\n"; got != want {
		t.Errorf("at once it says %q, want %q", got, want)
	}
	if want := visit.Notice + "at once\nloadgen: the error of its end\nnot at once"; !strings.Contains(v.Log, want) ||
		!strings.Contains(v.Log, "this is printed") {
		t.Errorf("its log is %q, want %q in it, and what it printed", v.Log, want)
	}
}

// A run ends its files with whether all of its visits were made.
func TestTheFilesOfARunSayWhetherItIsComplete(t *testing.T) {
	for _, complete := range []bool{true, false} {
		t.Run(fmt.Sprint(complete), func(t *testing.T) {
			s := decode(t,
				"qps: 1k\nspans: [none, sdk]\nquantile: none\nduration: 20ms\nwarmup: 0s\nrounds: 2\nseed: 7\n")
			w, err := results.Create(filepath.Join(t.TempDir(), "run"), results.Header{Scenario: s})
			if err != nil {
				t.Fatal(err)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			want, visits := results.Complete, 4
			if !complete {
				cancel()
				want, visits = results.Partial, 0
			}
			o := &rounds.Options{Scenario: s, Turns: 1,
				Sides: []rounds.Side{{Program: rounds.Program{Path: self(t), Grace: grace}, Writer: w}}}
			if got, err := rounds.Run(ctx, o); got != complete || err != nil {
				t.Errorf("complete %v, %v", got, err)
			}
			run, err := results.Read(w.JSONPath())
			if err != nil || run.Status != want || len(run.Visits) != visits {
				t.Fatalf("%+v, %v", run, err)
			}
			for _, v := range run.Visits {
				if !v.Usable() || v.Record.Done == 0 {
					t.Errorf("%v in round %d: %+v", v.Cell, v.Round, v)
				}
			}
		})
	}
}

func TestAProfileIsOfEveryCellOrSaysWhyNot(t *testing.T) {
	s := decode(t, "qps: 1k\nspans: [none, sdk]\nquantile: none\nduration: 20ms\nwarmup: 0s\nseed: 7\n")
	for _, c := range []struct {
		name, program string
		ended         bool
		complete      bool
		err           string
	}{
		{"made", self(t), false, true, ""},
		{"interrupted", self(t), true, false, ""},
		{"failed", script(t, "exit 3"), false, false,
			"profiling spans=none/qps=1000: the process of the visit failed: exit status 3"},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			if c.ended {
				cancel()
			}
			dir := filepath.Join(t.TempDir(), "profiles")
			o := &rounds.Options{Scenario: s, Turns: 1,
				Sides: []rounds.Side{{Program: rounds.Program{Path: c.program, Grace: grace}}}}
			complete, err := rounds.Profile(ctx, o, []string{"heap"}, dir)
			if complete != c.complete || (err == nil) != (c.err == "") ||
				err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("complete %v, %v; want %q", complete, err, c.err)
			}
			files, globErr := filepath.Glob(filepath.Join(dir, "spans=*_qps=1000*"))
			if globErr != nil || c.complete != (len(files) == 2) {
				t.Errorf("%v, %v", files, globErr)
			}
		})
	}
}
