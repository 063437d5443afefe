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

// openNotice is how long a target may take to open before that is told.
const openNotice = 5 * time.Second

// open opens a target of the program's own. Nothing ends an Open that does not return but the end of the process: that
// it has not is written to w. One that ends its goroutine, as a test's FailNow does, is an error.
func open(ctx context.Context, own *Own, provider trace.TracerProvider, cell *scenarios.Cell,
	w io.Writer) (bench.Target, error) {
	late := time.AfterFunc(openNotice, func() {
		// The target may open all the same if this cannot be written.
		_, _ = fmt.Fprintf(w, "%s%v: the target's Open has not returned for %v\n", Notice, *cell, openNotice)
	})
	defer late.Stop()
	var target bench.Target
	err := errors.New("the target's Open ended its goroutine (runtime.Goexit)")
	done := make(chan struct{})
	go func() { // a panic ends the process, and its stack tells where
		defer close(done)
		target, err = own.Open(ctx, provider)
	}()
	<-done
	if target == nil && err == nil {
		err = errors.New("the target's Open returned neither a target nor an error")
	}
	return target, err
}
