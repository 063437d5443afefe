package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

// Limits of the programs that are started.
const (
	starting = 30 * time.Second // until a program is ready
	stopping = 15 * time.Second // from TERM until it is killed
)

// A process is a program that runs beside this one. Its output is in a file.
type process struct {
	name    string
	log     string // path of the file
	command *exec.Cmd
	ended   chan struct{}
	err     error // of Wait, when ended is closed
}

// start starts a program, and writes its output to NAME.log in dir.
func start(dir, name string, env []string, program string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(dir, name+".log"), command: exec.Command(program, args...),
		ended: make(chan struct{})}
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	defer log.Close() // the program has its own descriptor
	p.command.Stdout, p.command.Stderr = log, log
	p.command.Env = append(own(os.Environ()), env...)
	if err := startApart(p.command); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	go func() {
		p.err = p.command.Wait()
		close(p.ended)
	}()
	return p, nil
}

// own returns what programs get of an environment. All of them read more of it, such as OTEL_TRACES_SAMPLER and
// Jaeger's SPAN_STORAGE_TYPE, but what the user has set there is for other programs.
func own(environment []string) []string {
	return slices.DeleteFunc(slices.Clone(environment), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return !slices.Contains([]string{"PATH", "HOME", "TMPDIR", "TZ"}, name) && !strings.HasPrefix(name, "GO")
	})
}

// stop asks a program to end, and kills it if it does not. It returns an error if the program failed.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	_ = p.command.Process.Signal(syscall.SIGTERM) // an error says that it has ended
	select {
	case <-p.ended:
	case <-time.After(stopping):
		_ = p.command.Process.Kill()
		<-p.ended
		return fmt.Errorf("%s did not end within %v, and was killed", p.name, stopping)
	}
	var exit *exec.ExitError
	if errors.As(p.err, &exit) && exit.Sys().(syscall.WaitStatus).Signal() == syscall.SIGTERM {
		return nil
	}
	if p.err != nil {
		return fmt.Errorf("%s: %w\n%s", p.name, p.err, p.tail())
	}
	return nil
}

// tail returns the last lines of the output.
func (p *process) tail() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "  " + strings.Join(lines[max(0, len(lines)-5):], "\n  ")
}

// await waits until ready reports that a program is ready. The context of ready ends when that has taken too long.
func (p *process) await(ctx context.Context, ready func(context.Context) bool) error {
	ctx, stop := context.WithTimeout(ctx, starting)
	defer stop()
	for tick := time.Tick(20 * time.Millisecond); !ready(ctx); {
		select {
		case <-tick:
		case <-p.ended:
			return fmt.Errorf("%s ended before it was ready: %v\n%s", p.name, p.err, p.tail())
		case <-ctx.Done():
			return fmt.Errorf("%s is not ready: %w\n%s", p.name, ctx.Err(), p.tail())
		}
	}
	return nil
}

// answering is how long a program may take to answer. A busy machine needs some time for it.
const answering = 20 * time.Second

// client asks programs for what they have.
var client = &http.Client{Timeout: answering}

// answers returns a function that reports whether a URL answers with 200.
func answers(url string) func(context.Context) bool {
	return func(ctx context.Context) bool {
		_, err := get(ctx, url)
		return err == nil
	}
}

// get returns the body of the answer of a URL, whose status must be 200.
func get(ctx context.Context, url string) ([]byte, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return nil, err
	}
	response, err := client.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err == nil && response.StatusCode != http.StatusOK {
		err = &statusError{url, response.StatusCode, strings.TrimSpace(string(body))}
	}
	return body, err
}

// A statusError is an answer with another status than 200.
type statusError struct {
	url    string
	status int
	body   string
}

func (e *statusError) Error() string {
	return fmt.Sprintf("%s answers with the status %d: %.200s", e.url, e.status, e.body)
}

// freeAddresses returns addresses on the loopback that are free now.
func freeAddresses(n int) (list []string, err error) {
	for range n {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("looking for a free port: %w", err)
		}
		defer l.Close() // at the end, so that all are different
		list = append(list, l.Addr().String())
	}
	return list, nil
}

// poll calls done until it returns true or an error, for at most a limit. ok is false if the limit was reached.
func poll(ctx context.Context, limit time.Duration, done func() (bool, error)) (ok bool, err error) {
	timeout := time.After(limit)
	for tick := time.Tick(50 * time.Millisecond); ; {
		if ok, err := done(); ok || err != nil {
			return ok, err
		}
		select {
		case <-tick:
		case <-timeout:
			return false, nil
		case <-ctx.Done():
			return false, ctx.Err()
		}
	}
}
