// Package command is the command loadgen: one file a subcommand.
package command

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
)

// Exit codes.
const (
	exitOK          = 0
	exitMissed      = 1 // an objective
	exitUnusable    = 2 // could not measure, or bad input
	exitNotValid    = 3 // under --strict
	exitInterrupted = 130
)

// Main runs the command line of the process and exits with its code.
func Main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first interrupt ends a run in good order, a second one at once.
	context.AfterFunc(ctx, stop)
	os.Exit(dispatch(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// dispatch runs a command line and returns its exit code.
func dispatch(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	root := newRoot()
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		if exit.err != nil {
			fmt.Fprintf(stderr, "loadgen: %v\n", exit.err)
		}
		return exit.code
	}
	// What cobra refuses: an unknown command or flag, a missing argument.
	fmt.Fprintf(stderr, "loadgen: %v\nRun '%s --help' for what it takes.\n", err, cmd.CommandPath())
	return exitUnusable
}

// An exitError ends the program with a code, and with a message if it has one.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprintf("exit %d: %v", e.code, e.err) }
func (e *exitError) Unwrap() error { return e.err }

// unusable is err with exit code 2; nil if err is.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUnusable, err}
}

func newRoot() *cobra.Command {
	env := machine.Environment()
	root := &cobra.Command{
		Use:   "loadgen",
		Short: "Drive an instrumented map of functions at set rates and compare its arms",
		Long: `loadgen drives an instrumented map of functions at set rates, open loop, and
compares arms: ways of making spans, and latency estimators. Start with

    loadgen run`,
		Version:       fmt.Sprintf("%s (commit %s, %s)", env.Version, orUnknown(env.Commit), env.GoVersion),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	root.AddCommand(newRun(), newPlan(), newScenarios(), newShow(), newVisit())
	return root
}

func orUnknown(s string) string {
	if s == "" {
		return "unknown"
	}
	return s
}
