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

// openNotice is how long a target may take to open before a notice is written.
const openNotice = 5 * time.Second

// open opens a target of the program's own. If Open does not return, open waits until the process ends, and writes a
// notice to w. If Open ends its goroutine, as FailNow of a test does, that is an error.
func open(ctx context.Context, own *Own, provider trace.TracerProvider, cell *scenarios.Cell,
	w io.Writer) (bench.Target, error) {
	late := time.AfterFunc(openNotice, func() {
		// If the notice cannot be written, the target may still open.
		_, _ = fmt.Fprintf(w, "%s%v: the target's Open has not returned for %v\n", Notice, *cell, openNotice)
	})
	defer late.Stop()
	var target bench.Target
	err := errors.New("the target's Open ended its goroutine (runtime.Goexit)")
	done := make(chan struct{})
	go func() { // a panic ends the process, with a stack trace
		defer close(done)
		target, err = own.Open(ctx, provider)
	}()
	<-done
	if target == nil && err == nil {
		err = errors.New("the target's Open returned neither a target nor an error")
	}
	return target, err
}
