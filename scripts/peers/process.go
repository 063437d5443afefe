package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

// Sides of a measurement over HTTP. Each runs on a processor of its own, if there are two.
const (
	serverSide = iota
	clientSide
)

// A process is a server or a client that is measured from outside.
type process struct {
	name    string
	command *exec.Cmd
	in      io.WriteCloser
	output  io.Reader
	answers *json.Decoder // of output
	stderr  bytes.Buffer
}

// A usage is the CPU time of a process that has ended, by wait4(2). It includes the start of the process.
type usage struct{ user, system time.Duration }

func (u usage) cpu() time.Duration { return u.user + u.system }

// startProgram starts a program on a processor of one side. The end of ctx kills it.
func startProgram(ctx context.Context, side int, name string, args ...string) (*process, error) {
	p := &process{name: name, command: exec.CommandContext(ctx, name, args...)}
	p.command.Stderr = &p.stderr
	// The clients get one processor, so a second thread of Go would only add switches.
	p.command.Env = append(os.Environ(), "GOMAXPROCS=1")
	var err error
	if p.in, err = p.command.StdinPipe(); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	output, err := p.command.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	p.output, p.answers = output, json.NewDecoder(output)
	if err := startOn(p.command, side); err != nil {
		return nil, fmt.Errorf("starting %s: %w", name, err)
	}
	return p, nil
}

// startChild starts this program again, to do a job.
func startChild(ctx context.Context, side int, j job) (*process, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("finding this program: %w", err)
	}
	text, err := json.Marshal(j)
	if err != nil {
		return nil, fmt.Errorf("starting %s: %w", j, err)
	}
	p, err := startProgram(ctx, side, self, childArgument, string(text))
	if err != nil {
		return nil, err
	}
	p.name = j.String()
	return p, nil
}

// hear decodes the next answer of a child into v. If there is none, it ends the child, and the error has what the
// child printed.
func (p *process) hear(v any) error {
	err := p.answers.Decode(v)
	if err == nil {
		return nil
	}
	if _, waitErr := p.end(); waitErr != nil {
		return waitErr
	}
	return fmt.Errorf("%s gave no answer: %w", p.name, err)
}

// end closes the input of the process, which ends a child, and waits until the process has ended.
func (p *process) end() (usage, error) {
	_ = p.in.Close() // if the process has ended already, Wait says how
	err := p.command.Wait()
	if err != nil {
		err = fmt.Errorf("%s: %w", p.name, err)
		if text := strings.TrimSpace(p.stderr.String()); text != "" {
			err = fmt.Errorf("%w: %s", err, text)
		}
		return usage{}, err
	}
	r, ok := p.command.ProcessState.SysUsage().(*syscall.Rusage)
	if !ok {
		return usage{}, fmt.Errorf("%s: the system does not report its CPU time", p.name)
	}
	return usage{time.Duration(r.Utime.Nano()), time.Duration(r.Stime.Nano())}, nil
}

// kill ends a process whose answers are of no use. After end it does nothing.
func (p *process) kill() {
	if p.command.ProcessState != nil {
		return
	}
	_ = p.command.Process.Kill() // if it has ended already, Wait returns
	_ = p.command.Wait()         // it was killed, which is not an error
}

// A server answers requests, in a process of its own.
type server struct {
	*process
	url string
}

// counts are what a server has seen.
type counts struct {
	Requests    uint64 `json:"requests"`
	Connections uint64 `json:"connections"` // accepted
}

// startServer starts a server that takes delay to answer a request.
func startServer(ctx context.Context, delay time.Duration) (*server, error) {
	p, err := startChild(ctx, serverSide, job{Task: serveTask, Delay: delay})
	if err != nil {
		return nil, err
	}
	s := &server{process: p}
	if err := p.hear(&s.url); err != nil {
		return nil, err
	}
	return s, nil
}

// seen returns what the server has seen so far.
func (s *server) seen() (c counts, err error) {
	if _, err := s.in.Write([]byte("\n")); err != nil {
		return counts{}, fmt.Errorf("asking the server for its counts: %w", err)
	}
	return c, s.hear(&c)
}

// pause stops the server for d, with SIGSTOP, from when it has stopped.
func (s *server) pause(ctx context.Context, d time.Duration) error {
	if err := s.command.Process.Signal(syscall.SIGSTOP); err != nil {
		return fmt.Errorf("stopping the server: %w", err)
	}
	var status syscall.WaitStatus // the signal does not stop it at once
	_, err := syscall.Wait4(s.command.Process.Pid, &status, syscall.WUNTRACED, nil)
	if err != nil || !status.Stopped() {
		return fmt.Errorf("the server has not stopped: status %#x, %w", status, err)
	}
	sleepErr := sleep(ctx, d)
	if err := s.command.Process.Signal(syscall.SIGCONT); err != nil {
		return fmt.Errorf("continuing the server: %w", err)
	}
	return sleepErr
}

// sleep waits for d, or until ctx ends.
func sleep(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// witnessed returns an error unless the server saw as many requests as its client reports, and at most extra more,
// which the client broke off when its time was up.
func witnessed(client string, reported, extra, seen uint64) error {
	switch {
	case reported == 0:
		return errors.New(client + " made no requests: want some")
	case seen < reported || seen > reported+extra:
		return fmt.Errorf("%s reports %d requests, and the server saw %d: want as many, or up to %d more",
			client, reported, seen, extra)
	}
	return nil
}
