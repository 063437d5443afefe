package cli

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/lock"
)

// Variables of the processes of tests.
const (
	testGrace = "LOADGEN_TEST_GRACE" // see graceOfTests
	testMarks = "LOADGEN_TEST_MARKS" // see mark
	testDies  = "LOADGEN_TEST_DIES"  // see endAsAsked
	testHangs = "LOADGEN_TEST_HANGS"
)

// graceOfTests is how long a visit has after an interrupt: longer than the busiest machine
// needs, unless a test is about a visit that does not end.
func graceOfTests() time.Duration {
	if d, err := time.ParseDuration(os.Getenv(testGrace)); err == nil {
		return d
	}
	return 10 * time.Minute
}

// A process is the command in a process of its own.
type process struct {
	cmd            *exec.Cmd
	stdout, stderr output
	ended          chan struct{} // closed at its end
}

// An output is what a process has written by now.
type output struct {
	mu   sync.Mutex
	text strings.Builder
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// start starts the command in a directory, or in one of its own if dir is "".
func start(t *testing.T, dir string, args ...string) *process {
	t.Helper()
	return startWith(t, dir, nil, args...)
}

// startWith is start with variables added to the environment.
func startWith(t *testing.T, dir string, env []string, args ...string) *process {
	t.Helper()
	p := &process{ended: make(chan struct{})}
	p.cmd, _, _ = command(t, args...)
	p.cmd.Stdout, p.cmd.Stderr = &p.stdout, &p.stderr
	p.cmd.Env = append(os.Environ(), env...)
	if dir != "" {
		p.cmd.Dir = dir
	}
	if err := p.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.ended)
		_ = p.cmd.Wait() // its code says more
	}()
	t.Cleanup(func() { <-p.ended }) // which the end of the test's context has interrupted
	return p
}

// await returns once f does, which the process is to bring about before it ends.
func (p *process) await(t *testing.T, what string, f func() bool) {
	t.Helper()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !f() {
		select {
		case <-tick.C:
		case <-p.ended:
			t.Fatalf("it ended before %s: %v\n%s\n%s", what, p.cmd.ProcessState, &p.stdout, &p.stderr)
		}
	}
}

// interrupt interrupts the whole group of the command, as a terminal does, and returns the
// exit code.
func (p *process) interrupt(t *testing.T) int {
	t.Helper()
	if err := kill(-p.cmd.Process.Pid, syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-p.ended
	return p.cmd.ProcessState.ExitCode()
}

// executable is a program that is a shell script.
func executable(t *testing.T, script string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	if err := os.WriteFile(path, []byte("#!/bin/sh\n"+script+"\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	return path
}

// mark adds a line to the file that testMarks names, and locks the file until this process
// ends.
func mark(line string) {
	f, err := os.OpenFile(os.Getenv(testMarks), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err == nil {
		err = lock.Wait(context.Background(), f)
	}
	if err == nil {
		_, err = fmt.Fprintln(f, line)
	}
	if err != nil {
		panic(err)
	}
	marks = f
}

// marks is kept open.
var marks *os.File

// marked returns how often a file was marked with a line.
func marked(path, line string) int {
	data, _ := os.ReadFile(path) // there is none before the first
	return strings.Count(string(data), line+"\n")
}

// awaitEndOfMarked returns once the last process that marked a file has ended.
func awaitEndOfMarked(t *testing.T, path string) {
	t.Helper()
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := lock.Wait(context.Background(), f); err != nil {
		t.Fatal(err)
	}
}

// endAsAsked makes the third process of a visit, if testDies is "visit 3", die of an interrupt
// before it has a handler. It makes the one that testHangs names hang until its input ends.
// Each process of a visit or a probe marks the file with that word.
func endAsAsked() {
	if len(os.Args) < 2 || os.Args[1] != "visit" && os.Args[1] != "probe" ||
		os.Getenv(testDies)+os.Getenv(testHangs) == "" {
		return
	}
	mark(os.Args[1])
	switch fmt.Sprint(os.Args[1], " ", marked(os.Getenv(testMarks), os.Args[1])) {
	case os.Getenv(testDies):
		_ = kill(os.Getpid(), syscall.SIGINT)
		time.Sleep(time.Hour)
	case os.Getenv(testHangs):
		_, _ = io.Copy(io.Discard, os.Stdin)
		os.Exit(exitInterrupted)
	}
}

// marking are targets whose first call in a process marks the file that testMarks names,
// with "call". The call then returns or, if stuck, does not.
func marking(name string, stuck bool) Target {
	return Target{Name: name, Open: func(context.Context, trace.TracerProvider) (bench.Target, error) {
		var once sync.Once
		return bench.TargetFunc(func(context.Context, string) error {
			once.Do(func() { mark("call") })
			if stuck {
				select {}
			}
			return nil
		}), nil
	}}
}

func init() { testTargets = append(testTargets, marking("marking", false), marking("stuck", true)) }
