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

// ErrInterrupted is what answering ends with if it was interrupted. The answer may have been written:
// what was measured before.
var ErrInterrupted = errors.New("interrupted")

// An Asker is the process that asked this one, by [Program.Ask].
type Asker struct {
	In  io.Reader // has the request; its end interrupts: the process that asked closes it, or has ended
	Out io.Writer // takes the answer, in a line
	// Grace is how long answering may take once it has been interrupted: a call may never return.
	Grace time.Duration
}

// Answer reads a request, has do answer it, and writes the answer. If the asker's Out is the standard
// output of this process, what a target prints there goes to standard error. An answer that is overdue after
// an interrupt is not awaited: the process is to end then.
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
	go func() { // a panic ends the process, and its stack tells where
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

// visitCommand is the hidden command whose process makes a visit.
const visitCommand = "visit"

// AnswerVisit makes the visit that [Program.Visit] asks for, of the target that own returns: nil for the
// map.
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
