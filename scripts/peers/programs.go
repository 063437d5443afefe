package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os/exec"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// A program is a client that is not written in Go.
type program struct {
	name  string
	args  func(url string, connections int, d time.Duration) []string
	parse func(output string) (requests uint64, err error)
}

// programs are looked for in PATH.
var programs = []program{
	{"wrk", func(url string, connections int, d time.Duration) []string {
		return []string{"-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-d%ds", seconds(d)), url}
	}, parseWrk},
	{"h2load", func(url string, connections int, d time.Duration) []string {
		return []string{"--h1", "-t1", fmt.Sprintf("-c%d", connections), fmt.Sprintf("-D%d", seconds(d)), url}
	}, parseH2load},
}

// seconds returns d in whole seconds, at least 1: wrk takes no others, and h2load may make no request in less.
func seconds(d time.Duration) int { return max(1, int(math.Ceil(d.Seconds()))) }

// errNotInstalled is the error of a program that is not in PATH.
var errNotInstalled = errors.New("not installed")

// load runs the program for d, and returns the number of its requests and its CPU time.
func (p program) load(ctx context.Context, url string, connections int, d time.Duration) (answer, usage, error) {
	path, err := exec.LookPath(p.name)
	if err != nil {
		return answer{}, usage{}, errNotInstalled
	}
	run, err := startProgram(ctx, clientSide, path, p.args(url, connections, d)...)
	if err != nil {
		return answer{}, usage{}, err
	}
	defer run.kill()
	output, err := io.ReadAll(run.output)
	if err != nil {
		return answer{}, usage{}, fmt.Errorf("reading the output of %s: %w", p.name, err)
	}
	used, err := run.end()
	if err != nil {
		return answer{}, usage{}, err
	}
	requests, err := p.parse(string(output))
	if err != nil {
		return answer{}, usage{}, fmt.Errorf("%s: %w; it printed\n%s", p.name, err, output)
	}
	return answer{Requests: requests}, used, nil
}

// version returns the version of the program, or "not installed".
func (p program) version() string {
	path, err := exec.LookPath(p.name)
	if err != nil {
		return errNotInstalled.Error()
	}
	text, _ := exec.Command(path, "--version").CombinedOutput() // wrk exits with 1
	line, _, _ := strings.Cut(strings.TrimSpace(string(text)), "\n")
	return line
}

var (
	wrkRequests    = regexp.MustCompile(`(?m)^ *(\d+) requests in `)
	wrkErrors      = regexp.MustCompile(`(?m)^ *(Socket errors: .*|Non-2xx or 3xx responses: .*)$`)
	h2loadRequests = regexp.MustCompile(
		`(?m)^requests: \d+ total, \d+ started, (\d+) done, (\d+) succeeded, ` +
			`(\d+) failed, (\d+) errored, (\d+) timeout$`)
)

// parseWrk returns the number of requests in the output of wrk. Socket errors and bad statuses are an error.
func parseWrk(output string) (requests uint64, err error) {
	if bad := wrkErrors.FindStringSubmatch(output); bad != nil {
		return 0, errors.New(bad[1])
	}
	m := wrkRequests.FindStringSubmatch(output)
	if m == nil {
		return 0, errors.New(`no line such as "64800 requests in 1.00s" in the output`)
	}
	return strconv.ParseUint(m[1], 10, 64)
}

// parseH2load returns the number of requests in the output of h2load. If any failed, that is an error.
func parseH2load(output string) (requests uint64, err error) {
	m := h2loadRequests.FindStringSubmatch(output)
	if m == nil {
		return 0, errors.New(`no line such as "requests: 9 total, 9 started, 9 done, 9 succeeded, ..." in the output`)
	}
	if m[1] != m[2] || m[3] != "0" || m[4] != "0" || m[5] != "0" {
		return 0, errors.New(m[0])
	}
	return strconv.ParseUint(m[1], 10, 64)
}
