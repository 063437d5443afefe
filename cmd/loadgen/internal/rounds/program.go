package rounds

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"syscall"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
)

// A Program is a program whose processes answer requests with [Answer].
type Program struct {
	Path string
	// Notices receives the lines of standard error that begin with visit.Notice, as soon as a process writes them.
	// If it is nil, they are not passed on.
	Notices io.Writer
	// Grace is the longest time that a process may take to answer after an interrupt.
	Grace time.Duration
}

// Visit makes a visit in a new process. If the process fails, Visit returns a visit whose Error says why.
// The only error that Visit returns is a [visit.ChangedError], which must end the run.
func (p *Program) Visit(ctx context.Context, req *visit.Request) (*results.Visit, error) {
	var answer visitAnswer
	log, err := p.Ask(ctx, visitCommand, req, &answer)
	if err == nil && answer.Changed != nil {
		return nil, answer.Changed
	}
	if err != nil {
		return &results.Visit{Cell: req.Cell, Began: time.Now().UTC(), Error: err.Error()}, nil
	}
	answer.Log = log
	return answer.Visit, nil
}

// Ask runs a hidden command of the program in a new process, sends it the request, and decodes its answer into
// answer. It returns the standard error of the process, clipped. If ctx ends, Ask interrupts the process by closing
// its input. See [child.Cmd.Wait] for processes that something else interrupts.
func (p *Program) Ask(ctx context.Context, command string, request, answer any) (log string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := child.Command(ctx, p.Path, command)
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	if p.Notices != nil {
		cmd.Stderr = io.MultiWriter(&stderr, &noticeWriter{w: p.Notices})
	}
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	// A signal could end the process before it has a handler. The end of its input cannot be missed: it waits until
	// the process reads it.
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = p.Grace
	if err := cmd.Start(); err != nil {
		return "", err
	}
	// EPIPE means that the process has ended. Its own error, or the fact that it ended, explains more.
	writeErr := json.NewEncoder(stdin).Encode(request)
	if errors.Is(writeErr, syscall.EPIPE) {
		writeErr = nil
	}
	waitErr := cmd.Wait()
	log = clip(stderr.String())
	failed := func(err error) (string, error) {
		return log, fmt.Errorf("the process of the %s failed: %w\n%s", command, err, log)
	}
	// The last line is the answer only if the exit code is one that follows an answer: a target may print and exit.
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != child.Interrupted {
		return failed(cmp.Or(waitErr, writeErr))
	}
	line := lastLine(stdout.Bytes())
	if len(line) == 0 {
		return failed(cmp.Or(waitErr, writeErr,
			errors.New("it ended without an answer, as if the target had called os.Exit")))
	}
	if err := json.Unmarshal(line, answer); err != nil {
		return failed(cmp.Or(waitErr, err))
	}
	return log, nil
}

// lastLine returns the last line of a text, ignoring white space at its end. Earlier lines are output that the
// program prints before it runs the command.
func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// A noticeWriter writes the lines that begin with visit.Notice to w, and drops all others.
type noticeWriter struct {
	w    io.Writer
	line []byte // the last line, if it is incomplete
}

// Write always returns len(p) and no error, since a failure to pass on a line must not stop a measurement.
func (n *noticeWriter) Write(p []byte) (int, error) {
	n.line = append(n.line, p...)
	for {
		line, rest, ok := bytes.Cut(n.line, []byte("\n"))
		if !ok {
			return len(p), nil
		}
		if bytes.HasPrefix(line, []byte(visit.Notice)) {
			_, _ = n.w.Write(append(line[:len(line):len(line)], '\n'))
		}
		n.line = rest
	}
}

// clip returns the output of a process, without the middle if it is longer than 4 KiB. The output of a crash has its
// cause at the beginning and its place at the end.
func clip(s string) string {
	s = strings.TrimSpace(s)
	const most = 4 << 10
	if len(s) > most {
		s = s[:most/2] + "\n...\n" + s[len(s)-most/2:]
	}
	return strings.ToValidUTF8(s, "?")
}
