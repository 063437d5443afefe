package rounds

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/visit"
	"github.com/loadgen-go/loadgen/results"
)

// ErrInterrupted is returned by Answer after an interrupt. Answer may have written an answer, with what was measured
// before the interrupt.
var ErrInterrupted = errors.New("interrupted")

// An Asker is the process that sends this process a request, by [Program.Ask].
type Asker struct {
	In  io.Reader // holds the request; its end is an interrupt, since the asker closed it or has ended
	Out io.Writer // receives the answer, in one line
	// Grace is the longest time that Answer waits after an interrupt, since a call may never return.
	Grace time.Duration
}

// Answer reads a request, calls do, and writes the answer that do returns. If a.Out is the standard output of this
// process, the output that targets print there goes to standard error. After an interrupt, Answer cancels the context
// of do and waits for it at most a.Grace. The process must then end, since do may still be running.
func Answer[R any](ctx context.Context, a *Asker, command string, do func(context.Context, *R) (any, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	out := a.Out
	if out == os.Stdout {
		var err error
		if out, err = child.Output(); err != nil {
			return err
		}
	}
	in := json.NewDecoder(a.In)
	req := new(R)
	if err := in.Decode(req); err != nil {
		return fmt.Errorf("reading what to %s: %w", command, err)
	}
	interrupted := make(chan struct{})
	go func() {
		if _, err := io.Copy(io.Discard, io.MultiReader(in.Buffered(), a.In)); err == nil {
			close(interrupted)
		}
	}()
	var answer any
	err := errors.New("the target ended the goroutine that drives it (runtime.Goexit)")
	done := make(chan struct{})
	go func() { // a panic ends the process and prints the stack of do
		defer close(done)
		answer, err = do(ctx, req)
	}()
	select {
	case <-done:
	case <-interrupted:
		cancel()
		select {
		case <-done:
		case <-time.After(a.Grace):
			return ErrInterrupted
		}
	}
	if err != nil {
		return err
	}
	if err := json.NewEncoder(out).Encode(answer); err != nil {
		return fmt.Errorf("writing the %s: %w", command, err)
	}
	if ctx.Err() != nil {
		return ErrInterrupted
	}
	return nil
}

// visitCommand is the name of the hidden command that makes a visit.
const visitCommand = "visit"

// AnswerVisit makes the visit that [Program.Visit] requests. Own returns the target of the visit, or nil for the map.
func AnswerVisit(ctx context.Context, a *Asker, own func(*visit.Request) (*visit.Own, error)) error {
	return Answer(ctx, a, visitCommand, func(ctx context.Context, req *visit.Request) (any, error) {
		target, err := own(req)
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

// A visitAnswer is the answer of a process that makes a visit: the visit, or the changed input that must end the run.
type visitAnswer struct {
	*results.Visit
	Changed *visit.ChangedError `json:"changed,omitempty"`
}

// MarshalJSON encodes the visit or the changed input. The method of the embedded Visit would omit the changed input.
func (a *visitAnswer) MarshalJSON() ([]byte, error) {
	if a.Changed != nil {
		return json.Marshal(map[string]any{"changed": a.Changed})
	}
	return json.Marshal(a.Visit)
}

// UnmarshalJSON decodes an answer. It returns an error if the answer is neither a valid visit nor a changed input.
func (a *visitAnswer) UnmarshalJSON(data []byte) error {
	type fields visitAnswer // has no UnmarshalJSON method
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
