package otlpsink

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/results"
)

// Command is the name of the hidden command whose process is a sink, for [StartProcess].
const Command = "receive"

// A Report is what the process of a sink has received and used so far.
type Report struct {
	URL      string          `json:"url"`
	Received results.Exports `json:"received"`
	Refused  string          `json:"refused,omitempty"` // why the first rejected request could not be read
	CPU      time.Duration   `json:"cpu_ns"`            // CPU time of the process; 0 if it is unknown
}

// Serve runs a sink until in ends. It writes a [Report] at the start, and one for each line of in.
func Serve(in io.Reader, out io.Writer) (err error) {
	sink, err := Start()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close(context.Background())) }()
	reports, lines := json.NewEncoder(out), bufio.NewScanner(in)
	for more := true; more; more = lines.Scan() {
		if err := reports.Encode(sink.report()); err != nil {
			return fmt.Errorf("reporting what the OTLP sink received: %w", err)
		}
	}
	return lines.Err()
}

// report returns what s has received.
func (s *Sink) report() Report {
	r := Report{URL: s.URL(), Received: s.Counts()}
	if err := s.Err(); err != nil {
		r.Refused = err.Error()
	}
	r.CPU, _ = machine.CPU() // some systems do not tell it
	return r
}

// A Process is a sink in a process of its own, so that its work is not part of what this process uses. Its methods may
// be called by several goroutines at once.
type Process struct {
	cmd *child.Cmd
	in  io.WriteCloser

	mu       sync.Mutex
	out      *json.Decoder
	url      string
	patience time.Duration // how long it may take to answer, and to end; then it is killed
}

// patience is enough for a sink on a machine that is as busy as it gets.
const patience = 30 * time.Second

// StartProcess starts a program with the argument [Command], which must call [Serve] with its standard input and
// output. The sink ends with Close, with ctx, and with this process.
func StartProcess(ctx context.Context, program string) (*Process, error) {
	p := &Process{cmd: child.Command(ctx, program, Command), patience: patience}
	p.cmd.Stderr = os.Stderr
	var out io.ReadCloser
	var err error
	if p.in, err = p.cmd.StdinPipe(); err == nil {
		if out, err = p.cmd.StdoutPipe(); err == nil {
			err = p.cmd.Start()
		}
	}
	if err != nil {
		return nil, fmt.Errorf("starting the process of the OTLP sink: %w", err)
	}
	p.out = json.NewDecoder(out)
	var first Report
	if err := p.bounded(func() error { return p.out.Decode(&first) }); err != nil {
		return nil, errors.Join(fmt.Errorf("starting the process of the OTLP sink: it did not say its URL: %w", err),
			p.Close())
	}
	p.url = first.URL
	return p, nil
}

// URL returns the address of the sink.
func (p *Process) URL() string { return p.url }

// Read returns what the sink has received and used so far.
func (p *Process) Read() (r Report, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	err = p.bounded(func() error {
		if _, err := io.WriteString(p.in, "\n"); err != nil {
			return err
		}
		return p.out.Decode(&r)
	})
	if err != nil {
		return r, fmt.Errorf("reading what the process of the OTLP sink received: %w", err)
	}
	return r, nil
}

// bounded calls do, which waits for the process. It kills the process, so that do returns, if that takes too long.
func (p *Process) bounded(do func() error) error {
	var late atomic.Bool
	limit := time.AfterFunc(p.patience, func() {
		late.Store(true)
		_ = p.cmd.Process.Kill() // if it has ended, do returns anyway
	})
	defer limit.Stop()
	err := do()
	if err != nil && late.Load() {
		return fmt.Errorf("it did not answer within %v, and was killed: %w", p.patience, err)
	}
	return err
}

// Close ends the process.
func (p *Process) Close() error {
	err := errors.Join(p.in.Close(), p.bounded(p.cmd.Wait))
	if err != nil {
		return fmt.Errorf("ending the process of the OTLP sink: %w", err)
	}
	return nil
}
