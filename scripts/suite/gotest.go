package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// A test is a test of a package. If a package fails outside its tests, name is empty.
type test struct{ pkg, name string }

// A tally counts the runs and failures of tests.
type tally map[test]*counts

type counts struct {
	runs, skips, failures int
	again                 string // the command that runs the first failure again
	output                string // what the first failure printed
}

// countsOf returns the counts of a test, and makes them if necessary.
func (t tally) countsOf(which test) *counts {
	if t[which] == nil {
		t[which] = &counts{}
	}
	return t[which]
}

// failed returns the tests that failed, those with the most failures first.
func (t tally) failed() (failed []test) {
	for which, c := range t {
		if c.failures > 0 {
			failed = append(failed, which)
		}
	}
	slices.SortFunc(failed, func(a, b test) int {
		return cmp.Or(cmp.Compare(t[b].failures, t[a].failures), cmp.Compare(a.pkg, b.pkg),
			cmp.Compare(a.name, b.name))
	})
	return failed
}

// An event is a line of go test -json. See go doc test2json.
type event struct {
	Action, Package, ImportPath, Test, Output string
}

// goTest runs go test -json with env added to the environment of this process, and adds the results to t. It returns
// an error if the tests could not be run. A failed test is not an error.
func (t tally) goTest(ctx context.Context, env []string, args ...string) error {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Env = append(os.Environ(), env...)
	// The tests are a process group of their own, so that an interrupt ends all processes they have started.
	group(cmd)
	cmd.WaitDelay = 10 * time.Second
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return err
	}
	seen, err := t.read(out, strings.Join(append(slices.Clone(env), "go test"), " "), args)
	if err != nil {
		_ = cmd.Cancel() // the error of reading is returned
	}
	var exit *exec.ExitError
	if waited := cmd.Wait(); err == nil && waited != nil && (!errors.As(waited, &exit) || !seen) {
		err = fmt.Errorf("go test %s: %w\n%s", strings.Join(args, " "), waited, stderr.Bytes())
	}
	return err
}

// read adds the events of r to t, and reports whether a test or a package has ended in them. command and the flags in
// args make up the command that runs a failure again.
func (t tally) read(r io.Reader, command string, args []string) (seen bool, err error) {
	output := map[test]*strings.Builder{}
	blamed := map[string]bool{} // packages with a failed test
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 64<<20)
	for lines.Scan() {
		var e event
		if err := json.Unmarshal(lines.Bytes(), &e); err != nil {
			return seen, fmt.Errorf("go test -json printed %q: %w", lines.Text(), err)
		}
		e.Package = cmp.Or(e.Package, e.ImportPath)
		which := test{e.Package, e.Test}
		switch e.Action {
		case "output", "build-output":
			if output[which] == nil {
				output[which] = &strings.Builder{}
			}
			output[which].WriteString(e.Output)
		case "pass", "skip":
			seen = true
			c := t.countsOf(which)
			c.runs++
			if e.Action == "skip" {
				c.skips++
			}
			delete(output, which)
		case "fail", "build-fail":
			seen = true
			if which.name == "" && blamed[which.pkg] {
				continue // its tests have been counted
			}
			blamed[which.pkg] = true
			c := t.countsOf(which)
			c.runs++
			if c.failures++; c.failures == 1 {
				c.again = again(command, args, which)
				if b := output[which]; b != nil {
					c.output = b.String()
				}
			}
		}
	}
	return seen, lines.Err()
}

// again returns the command that runs the test again, with the same flags.
func again(command string, args []string, which test) string {
	words := []string{command}
	for _, arg := range args {
		if strings.HasPrefix(arg, "-") && !strings.HasPrefix(arg, "-run=") {
			words = append(words, arg)
		}
	}
	if which.name != "" {
		parts := strings.Split(which.name, "/")
		for i, part := range parts {
			parts[i] = "^" + part + "$"
		}
		words = append(words, "-run='"+strings.Join(parts, "/")+"'")
	}
	return strings.Join(append(words, which.pkg), " ")
}

// print writes a table of the tests that failed, the command that runs each again with its output, and a line with the
// total counts.
func (t tally) print(w io.Writer) {
	tests, runs, skips, failures := 0, 0, 0, 0
	for which, c := range t {
		if which.name != "" || c.failures > 0 {
			tests, runs, skips, failures = tests+1, runs+c.runs, skips+c.skips, failures+c.failures
		}
	}
	if failed := t.failed(); len(failed) > 0 {
		fmt.Fprintf(w, "%8s  %8s  %s\n", "runs", "failures", "test")
		for _, which := range failed {
			fmt.Fprintf(w, "%8d  %8d  %s %s\n", t[which].runs, t[which].failures, which.pkg, which.name)
		}
		for _, which := range failed {
			fmt.Fprintf(w, "\n%s %s: the first failure. To run it again:\n  %s\n%s", which.pkg, which.name,
				t[which].again,
				t[which].output)
		}
		fmt.Fprintln(w)
	}
	fmt.Fprintf(w, "%d runs of %d tests, %d of them skipped, %d failures\n", runs, tests, skips, failures)
}
