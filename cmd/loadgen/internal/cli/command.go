// Package cli is the command line of loadgen. Each subcommand has a file that declares its flags, calls one of the
// packages beside this one, and prints the result. Package cli itself does no measurement and no statistics.
package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// Exit codes.
const (
	exitOK          = 0
	exitWorse       = 1 // an objective was missed, something regressed, or a check failed
	exitUnusable    = 2 // bad input, or a measurement failed
	exitNotValid    = 3 // an invalid or inconclusive result under --strict, or no clear answer of capacity
	exitInterrupted = child.Interrupted
)

// Run runs the command line of the process, with the program's own targets, and returns the exit code.
func Run(own []Target) int {
	ctx, stop := signal.NotifyContext(context.Background(), child.Interrupts()...)
	defer stop()
	// The first interrupt ends a run gracefully. After stop, a second one kills the process.
	context.AfterFunc(ctx, stop)
	return dispatch(ctx, own, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
}

// dispatch runs the command line args and returns the exit code.
func dispatch(ctx context.Context, own targets, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	if err := own.check(); err != nil {
		fmt.Fprintf(stderr, "%v\n", err)
		return exitUnusable
	}
	root := newRoot(own)
	root.SetArgs(args)
	root.SetIn(stdin)
	root.SetOut(stdout)
	var out *countingWriter
	if wantsJSON(args) { // a visit must see os.Stdout itself, to keep the output of targets out of it
		out = &countingWriter{Writer: stdout}
		root.SetOut(out)
	}
	root.SetErr(stderr)
	cmd, err := root.ExecuteContextC(ctx)
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		if exit.err == nil {
			return exit.code
		}
		fmt.Fprintf(stderr, "loadgen: %s\n", format.Printable(exit.err.Error(), "\n\t"))
		return told(cmd, out, exit.code, exit.err, stderr)
	}
	// The other errors are from cobra, such as an unknown command or flag, or a missing argument.
	fmt.Fprintf(stderr, "loadgen: %s\n%sRun '%s --help' for what it takes.\n", format.Printable(err.Error(), "\n\t"),
		meantFlag(cmd, err), cmd.CommandPath())
	return told(cmd, out, exitUnusable, err, stderr)
}

// meantFlag returns a suggestion that lists the flags of cmd whose names are similar to the unknown flag in err. It
// returns "" if there are none, or if err is another error. Cobra itself suggests commands, but no flags.
func meantFlag(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	text := ""
	for _, name := range spelling.Similar(unknown.GetSpecifiedName(), names) {
		text += "\t--" + name + "\n"
	}
	if text != "" {
		text = "\nDid you mean this?\n" + text + "\n"
	}
	return text
}

// An exitError is an error that ends the program with an exit code. If err is nil, the program prints no message.
type exitError struct {
	code int
	err  error
}

func (e *exitError) Error() string { return fmt.Sprintf("exit %d: %v", e.code, e.err) }
func (e *exitError) Unwrap() error { return e.err }

// exitCode returns the exit code of a command that ends with err.
func exitCode(err error) int {
	var exit *exitError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &exit):
		return exit.code
	}
	return exitUnusable
}

// interrupted reports whether err is the error of a command that was interrupted.
func interrupted(err error) bool {
	return exitCode(err) == exitInterrupted
}

// unusable returns err with exit code 2, or nil if err is nil.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	return &exitError{exitUnusable, err}
}

// newRoot returns the command loadgen with all subcommands.
func newRoot(own targets) *cobra.Command {
	env := machine.Environment()
	root := &cobra.Command{
		Use:   "loadgen",
		Short: "Drive an instrumented map of functions at set rates and compare its arms",
		Long: `loadgen drives an instrumented map of functions at set rates, open loop, and
compares arms: ways of making spans, and latency estimators. Start with

    loadgen run`,
		Version:       fmt.Sprintf("%s (commit %s, %s)", env.Version, cmp.Or(env.Commit, "unknown"), env.GoVersion),
		SilenceErrors: true,
		SilenceUsage:  true,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	addScreen(root)
	root.AddCommand(measuring(newRun(own)), newPlan(own), newScenarios(own), newShow(), newCompare(), newReport(),
		measuring(newSelftest()), newQuantiles(), newHistory(), measuring(newCapacity(own)),
		measuring(newProbe(own)), measuring(newVisit(own)))
	root.InitDefaultHelpCmd()
	if help, _, err := root.Find([]string{"help"}); err == nil {
		help.Args = knownTopic
	}
	return root
}

// goos is the operating system of this process. Tests replace it.
var goos = runtime.GOOS

// measuring changes cmd to return an error on operating systems where loadgen does not measure, and returns cmd. It
// does not change the subcommands of cmd.
func measuring(cmd *cobra.Command) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		if err := machine.Measures(goos); err != nil {
			return unusable(err)
		}
		return run(cmd, args)
	}
	return cmd
}

// knownTopic returns an error if the arguments of the command help name no command. Cobra itself would report this but
// exit with 0.
func knownTopic(help *cobra.Command, args []string) error {
	cmd, rest, err := help.Root().Find(args)
	if err != nil {
		return err
	}
	if cmd == nil || len(rest) > 0 {
		return fmt.Errorf("no command %q: want one that loadgen --help lists", strings.Join(args, " "))
	}
	return nil
}
