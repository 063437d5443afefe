package visit

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/loadgen-go/loadgen/bench"
	"github.com/loadgen-go/loadgen/scenarios"
)

// noticeAfter is how long a target may take to open, or to close, before that is told.
const noticeAfter = 5 * time.Second

// notice writes to w that a method of the target has not returned in time, unless the timer is stopped before.
func notice(w io.Writer, cell *scenarios.Cell, method string) *time.Timer {
	return time.AfterFunc(noticeAfter, func() {
		// The method may return all the same if this cannot be written.
		_, _ = fmt.Fprintf(w, "%s%v: the target's %s has not returned for %v\n", Notice, *cell, method, noticeAfter)
	})
}

// open opens a target of the program's own. If Open does not return, open waits until the process ends, and writes a
// notice to w. If Open ends its goroutine, as FailNow of a test does, that is an error.
func open(ctx context.Context, own *Own, provider trace.TracerProvider, cell *scenarios.Cell,
	w io.Writer) (bench.Target, error) {
	defer notice(w, cell, "Open").Stop()
	var target bench.Target
	err := errors.New("the target's Open ended its goroutine (runtime.Goexit)")
	done := make(chan struct{})
	go func() { // a panic ends the process, with a stack trace
		defer close(done)
		target, err = own.Open(ctx, provider)
	}()
	<-done
	switch {
	case err != nil:
		return nil, err
	case target == nil:
		return nil, errors.New("the target's Open returned neither a target nor an error")
	}
	return target, nil
}
