package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
)

// newVisit is the hidden command that runs one cell.
func newVisit(own targets) *cobra.Command {
	return newChild("visit", func(ctx context.Context, req *visit.Request) (any, error) {
		target, err := own.requested(req)
		if err != nil {
			return nil, err
		}
		v, err := visit.Do(ctx, req, target)
		if changed := (*visit.ChangedError)(nil); errors.As(err, &changed) {
			return &visitAnswer{Changed: changed}, nil
		}
		return &visitAnswer{Visit: v}, err
	})
}

// A visitAnswer is what the process of a visit answers: the visit, or the reason for which
// the run is to end.
type visitAnswer struct {
	*results.Visit
	Changed *visit.ChangedError `json:"changed,omitempty"`
}

// MarshalJSON writes one of the two: that of the visit alone would be in its place, and lack the reason.
func (a *visitAnswer) MarshalJSON() ([]byte, error) {
	if a.Changed != nil {
		return json.Marshal(map[string]any{"changed": a.Changed})
	}
	return json.Marshal(a.Visit)
}

// UnmarshalJSON reads an answer, and refuses one that is neither a visit nor a reason.
func (a *visitAnswer) UnmarshalJSON(data []byte) error {
	type fields visitAnswer // without this method
	if a.Visit == nil {
		a.Visit = &results.Visit{}
	}
	if err := json.Unmarshal(data, (*fields)(a)); err != nil {
		return err
	}
	if a.Changed != nil {
		return nil
	}
	if err := a.Check(); err != nil {
		return fmt.Errorf("its visit has %w", err)
	}
	return nil
}

// newChild returns a hidden command for a process of its own. It reads a request from its
// input and writes what do makes of it to its output, in a line. What a target prints there
// goes to standard error. The end of its input interrupts it: the process that asked closes it,
// or has ended. It ends a grace later at the latest.
func newChild[R any](name string, do func(context.Context, *R) (any, error)) *cobra.Command {
	return &cobra.Command{
		Use:    name,
		Hidden: true,
		Args:   cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx, cancel := context.WithCancel(cmd.Context())
			defer cancel()
			out := cmd.OutOrStdout()
			if out == os.Stdout {
				var err error
				if out, err = child.Output(); err != nil {
					return unusable(err)
				}
			}
			in := json.NewDecoder(cmd.InOrStdin())
			req := new(R)
			if err := in.Decode(req); err != nil {
				return unusable(fmt.Errorf("reading what to %s: %w", name, err))
			}
			go func() {
				_, err := io.Copy(io.Discard, io.MultiReader(in.Buffered(), cmd.InOrStdin()))
				if err == nil {
					cancel()
					time.Sleep(grace)
					os.Exit(exitInterrupted) // do ignores ctx: a call may never return
				}
			}()
			answer, err := do(ctx, req)
			if err != nil {
				return unusable(err)
			}
			if err := json.NewEncoder(out).Encode(answer); err != nil {
				return unusable(fmt.Errorf("writing the %s: %w", name, err))
			}
			if ctx.Err() != nil {
				return &exitError{exitInterrupted, nil}
			}
			return nil
		},
	}
}

// grace is how long a visit has to hand over what it has measured, and benchmarks have to
// end, once they are interrupted. Tests give them longer, for a busy machine.
var grace = child.Grace

// spawn runs a visit in a fresh process of the given program. Whatever goes wrong
// in there is in the visit's Error: it ends this visit only. The error is of an input that
// has changed: it ends the run.
func spawn(ctx context.Context, program string, req *visit.Request) (*results.Visit, error) {
	var answer visitAnswer
	log, err := ask(ctx, program, "visit", req, &answer)
	if err == nil && answer.Changed != nil {
		return nil, answer.Changed
	}
	if err != nil {
		return &results.Visit{Cell: req.Cell, Began: time.Now().UTC(), Error: err.Error()}, nil
	}
	answer.Log = log
	return answer.Visit, nil
}

// ask has a request answered by a hidden command of a program, in a fresh process.
// It returns what the process wrote to its standard error besides. See [child.Cmd.Wait] for a
// process that was interrupted.
func ask(ctx context.Context, program, name string, request, answer any) (log string, err error) {
	var stdout, stderr bytes.Buffer
	cmd := child.Command(ctx, program, name)
	cmd.Stdout, cmd.Stderr = &stdout, io.MultiWriter(&stderr, &noticeWriter{w: notices})
	stdin, err := cmd.StdinPipe()
	if err != nil {
		return "", err
	}
	// A signal could come before the process has a handler, and end it. The end of its input
	// waits until it is read.
	cmd.Cancel = stdin.Close
	cmd.WaitDelay = grace
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
		return log, fmt.Errorf("the process of the %s failed: %w\n%s", name, err, log)
	}
	// The last line is the answer only if the process ended as one does that wrote it: a target may print, and exit.
	if code := cmd.ProcessState.ExitCode(); code != 0 && code != exitInterrupted {
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

// notices is where what a visit has to say at once goes. Tests put another there.
var notices io.Writer = os.Stderr

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

// clip is what a process said, without the middle if it is long: a crash says why
// at the beginning, and where at the end.
func clip(s string) string {
	s = strings.TrimSpace(s)
	const most = 4 << 10
	if len(s) > most {
		s = s[:most/2] + "\n...\n" + s[len(s)-most/2:]
	}
	return strings.ToValidUTF8(s, "?")
}
