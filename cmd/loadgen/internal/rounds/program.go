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

// A Program is a program whose processes answer requests: see [Answer].
type Program struct {
	Path string
	// Notices is where a line of a process's standard error that begins with visit.Notice goes at
	// once; nil: nowhere.
	Notices io.Writer
	// Grace is how long a process may take to answer once it has been interrupted.
	Grace time.Duration
}

// Visit makes a visit in a fresh process. Whatever goes wrong in that process is in the Error of
// the visit. The error of Visit is a [visit.ChangedError], which is to end the run.
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

// Ask has a request answered by a hidden command of the program, in a fresh process, and returns
// what that process wrote to its standard error besides. Once ctx ends, the input of the process
// ends, which interrupts it. See [child.Cmd.Wait] for a process that somebody else interrupted.
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
	// A signal could come before the process has a handler, and end it. The end of its input
	// waits until it is read.
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = p.Grace
	if err := cmd.Start(); err != nil {
		return "", err
	}
	// If nobody reads it the process has ended, and says why, or that it ended is all there is to say.
	writeErr := json.NewEncoder(stdin).Encode(request)
	if errors.Is(writeErr, syscall.EPIPE) {
		writeErr = nil
	}
	waitErr := cmd.Wait()
	log = clip(stderr.String())
	failed := func(err error) (string, error) {
		return log, fmt.Errorf("the process of the %s failed: %w\n%s", command, err, log)
	}
	// The last line is the answer only if the process ended as one does that wrote it: a target may print, and exit.
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

// lastLine returns the last line of a text, without spaces around it: a program may print before it runs the command.
func lastLine(text []byte) []byte {
	text = bytes.TrimSpace(text)
	return text[bytes.LastIndexByte(text, '\n')+1:]
}

// A noticeWriter passes the lines on that begin with visit.Notice.
type noticeWriter struct {
	w    io.Writer
	line []byte // that has not ended
}

// Write never fails: that a line cannot be passed on is no reason to stop measuring.
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

// clip returns what a process wrote, without the middle if it is long: a crash says why at the
// beginning, and where at the end.
func clip(s string) string {
	s = strings.TrimSpace(s)
	const most = 4 << 10
	if len(s) > most {
		s = s[:most/2] + "\n...\n" + s[len(s)-most/2:]
	}
	return strings.ToValidUTF8(s, "?")
}
