// Command stack runs the whole pipeline on this machine: a Gin service whose spans are made by OpenTelemetry's SDK or
// reused, a collector, Jaeger and Prometheus. It puts the service under load, reads everything back, and reports who
// lost what, and what does not add up.
//
//	scripts/stack/run -h
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"go.opentelemetry.io/collector/otelcol"
)

// childArgument makes this program a collector.
const childArgument = "collector"

// Exit codes.
const (
	codeFine        = 0
	codeUnequal     = 1 // something does not add up
	codeBroken      = 2 // bad input, or it could not be measured
	codeInterrupted = 130
)

func main() {
	if len(os.Args) > 2 && os.Args[1] == childArgument {
		os.Exit(runCollector(os.Args[2:]))
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	code := command(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

// runCollector runs a collector until it gets a signal.
func runCollector(uris []string) int {
	c, err := otelcol.NewCollector(collectorSettings(uris))
	if err == nil {
		err = c.Run(context.Background())
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "collector: %v\n", err)
		return codeBroken
	}
	return codeFine
}

func command(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stdout)
	if errors.Is(err, flag.ErrHelp) {
		return codeFine
	}
	var r *result
	if err == nil {
		r, err = perform(ctx, o, stdout, stderr)
	}
	switch {
	case ctx.Err() != nil && r == nil:
		fmt.Fprintln(stderr, "stack: interrupted: everything that was started has been stopped")
		return codeInterrupted
	case err != nil:
		fmt.Fprintf(stderr, "stack: %v\n", err)
		return codeBroken
	case len(r.problems) > 0:
		return codeUnequal
	}
	return codeFine
}
