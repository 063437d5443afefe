package main

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestTheRequestsOfAProgramAreInItsOutput(t *testing.T) {
	for _, c := range []struct {
		name  string
		parse func(string) (uint64, error)
		file  string
		want  uint64
		err   string
	}{
		{"wrk", parseWrk, "wrk.txt", 64800, ""},
		{"wrk with socket errors", parseWrk, "wrk-socket-errors.txt", 0,
			"Socket errors: connect 0, read 12, write 0, timeout 3"},
		{"wrk with bad statuses", parseWrk, "wrk-statuses.txt", 0, "Non-2xx or 3xx responses: 11504"},
		{"the output of another program for wrk", parseWrk, "h2load.txt", 0, "no line such as"},
		{"h2load", parseH2load, "h2load.txt", 57455, ""},
		{"h2load with failures", parseH2load, "h2load-failed.txt", 0, "5 failed"},
		{"h2load without a server exits with 0", parseH2load, "h2load-refused.txt", 0, ""},
		{"the output of another program for h2load", parseH2load, "wrk.txt", 0, "no line such as"},
	} {
		t.Run(c.name, func(t *testing.T) {
			text, err := os.ReadFile(filepath.Join("testdata", c.file))
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.parse(string(text))
			if got != c.want || (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%d requests, %v: want %d, %q", got, err, c.want, c.err)
			}
		})
	}
}

func FuzzOutputsOfPrograms(f *testing.F) {
	for _, file := range []string{"wrk.txt", "h2load.txt"} {
		text, err := os.ReadFile(filepath.Join("testdata", file))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(string(text))
	}
	f.Add("99999999999999999999 requests in ")
	f.Add("response-time,offset\n0.001,0\n")
	f.Fuzz(func(t *testing.T, output string) {
		if n, err := parseWrk(output); err != nil && n != 0 && n != 1<<64-1 {
			t.Errorf("wrk: %d requests and %v: want one of them", n, err)
		}
		_, _ = parseH2load(output)
		if latencies, err := parseHey([]byte(output)); err != nil && latencies != nil {
			t.Errorf("hey: %v and %v: want one of them", latencies, err)
		}
	})
}

func TestTheCSVOfHeyHasResponseTimesInSeconds(t *testing.T) {
	const head = "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n"
	for _, c := range []struct {
		name, csv string
		want      []time.Duration
		err       string
	}{
		{"two", head + "0.0015,0,0,0,0.0010,0,200,0.1\n1.0,0,0,0,1.0,0,200,0.2\n",
			[]time.Duration{1500 * us, time.Second}, ""},
		{"blank lines at both ends", "\n" + head + "0.5,0,0,0,0,0,200,0\n\n", []time.Duration{time.Second / 2}, ""},
		{"none", head, nil, ""},
		{"another head", "a,b\n1,2\n", nil, "does not begin with the column response-time"},
		{"nothing", "", nil, "does not begin with"},
		{"no number", head + "soon,0,0,0,0,0,200,0\n", nil, `"soon"`},
		{"a missing field", head + "1,0\n", nil, "wrong number of fields"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, err := parseHey([]byte(c.csv))
			if !slices.Equal(got, c.want) || (err == nil) != (c.err == "") ||
				err != nil && !strings.Contains(err.Error(), c.err) {
				t.Errorf("%v, %v: want %v, %q", got, err, c.want, c.err)
			}
		})
	}
}

func TestAProgramThatIsNotInstalledHasARowThatSaysSo(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	for _, p := range programs {
		if got := p.version(); got != "not installed" {
			t.Errorf("the version of %s is %q: want not installed", p.name, got)
		}
		f, err := clientCost(t.Context(), p.name, p.load, 1, time.Millisecond)
		if err != nil || f.note != "not installed" || !slices.ContainsFunc(f.values, isMissing) {
			t.Errorf("%s: %+v, %v: want no values, and a note", p.name, f, err)
		}
	}
}

func isMissing(x float64) bool { return x != x }

// A program in PATH that is not what its name says is an error, with what it printed.
func TestAProgramThatFailsIsAnErrorWithItsOutput(t *testing.T) {
	for _, c := range []struct{ name, script, want string }{
		{"no output", "exit 0", "no line such as"},
		{"an exit code", "echo 'no such host' >&2; exit 3", "exit status 3: no such host"},
		{"socket errors", "echo '  Socket errors: connect 1, read 0, write 0, timeout 0'", "connect 1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			if err := os.WriteFile(filepath.Join(dir, "wrk"), []byte("#!/bin/sh\n"+c.script+"\n"), 0o700); err != nil {
				t.Fatal(err)
			}
			t.Setenv("PATH", dir)
			_, _, err := programs[0].load(context.Background(), "http://127.0.0.1:1/", 1, time.Millisecond)
			if err == nil || errors.Is(err, errNotInstalled) || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the error is %v: want %q in it", err, c.want)
			}
		})
	}
}
