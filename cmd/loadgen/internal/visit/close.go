package visit

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/scenarios"
)

const (
	// closeLimit is how long a target's Close may take.
	closeLimit = 10 * time.Second
	// closeCut is how long Close may take once the visit has been interrupted: a third of the time that the visit
	// has to hand over what it measured. Calls that do not return took another third.
	closeCut = time.Second
)

// closeTarget closes a target of the program's own that has a Close, and writes to w if Close is slow, or fails. Of
// the calls, givenUp may still be in the target. A Close that panics or ends its goroutine is an error, and
// so is one that takes too long, which goes on.
func closeTarget(ctx context.Context, target bench.Target, givenUp uint64, cell *scenarios.Cell, w io.Writer) error {
	closer, ok := target.(io.Closer)
	if !ok {
		return nil
	}
	if givenUp > 0 { // only the log has this line, which may explain what Close does next
		_, _ = fmt.Fprintf(w, "%v: the target is closed, and may still have %d of its calls, which were given up\n",
			*cell, givenUp)
	}
	late := notice(w, cell, "Close")
	err := closeInTime(ctx, closer)
	late.Stop()
	if err == nil {
		return nil
	}
	err = fmt.Errorf("closing the target: %w", err)
	// The reason in the visit's verdict says it too, if this cannot be written.
	_, _ = fmt.Fprintf(w, "%s%v: %v\n", Notice, *cell, err)
	return err
}

// closeInTime calls Close and returns its error, or an error once Close has taken too long.
func closeInTime(ctx context.Context, closer io.Closer) error {
	err := errors.New("its Close ended its goroutine (runtime.Goexit)")
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() {
			if v := recover(); v != nil { // what was measured must not be lost
				p := record.NewPanicError(v)
				err = fmt.Errorf("%w, at %s", p, cmp.Or(p.Place, "an unknown place"))
			}
		}()
		err = closer.Close()
	}()
	began := time.Now()
	limit := time.NewTimer(closeLimit)
	defer limit.Stop()
	interrupted := ctx.Done()
	for {
		select {
		case <-done:
			return err
		case <-interrupted:
			interrupted = nil
			limit.Reset(min(closeCut, closeLimit-time.Since(began)))
		case <-limit.C:
			return fmt.Errorf("its Close has not returned for %v and is not awaited",
				time.Since(began).Round(time.Millisecond))
		}
	}
}

// notClosed returns the doubt that a Close that failed casts: what was measured is whole, but what the target left
// behind may be in the way of the visits that follow.
func notClosed(err error, givenUp uint64) []record.Reason {
	if err == nil {
		return nil
	}
	calls := ""
	if givenUp > 0 {
		calls = fmt.Sprintf(" (%d calls, which were given up, may still have been in it)", givenUp)
	}
	return []record.Reason{{Name: results.NotClosed, Detail: fmt.Sprintf(
		"%v%s: what it left behind may disturb the visits after this one; mend its Close", err, calls)}}
}
