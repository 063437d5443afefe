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
	"regexp"
	"runtime"
	"slices"
	"strings"
	"syscall"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/address"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/child"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/scenarios"
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
	// The first interrupt ends a run gracefully. After stop, a second one kills the process. A terminal that is closed
	// may say so more than once: its shell does, and the system.
	context.AfterFunc(ctx, func() {
		signal.Ignore(syscall.SIGHUP)
		stop()
	})
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
	err = exclusive(err)
	message := format.Printable(err.Error(), "\n\t")
	fmt.Fprintf(stderr, "loadgen: %s\n%sRun '%s --help' for what it takes.\n", message, advice(cmd, err, args),
		cmd.CommandPath())
	return told(cmd, out, exitUnusable, err, stderr)
}

// exclusive returns cobra's error about flags that exclude each other in words, and any other error as it is.
func exclusive(err error) error {
	found := exclusiveFlags.FindStringSubmatch(err.Error())
	if found == nil {
		return err
	}
	flags := strings.Fields(found[1])
	for i := range flags {
		flags[i] = "--" + flags[i]
	}
	return fmt.Errorf("%s: want one of them", format.And(flags))
}

// exclusiveFlags matches cobra's error about flags that exclude each other. Its group is those that were set.
var exclusiveFlags = regexp.MustCompile(`^if any flags in the group \[.*\] are set none of the others can be; ` +
	`\[(.*)\] were all set$`)

// advice returns the form of the command line if err is about the number of arguments, or the flags that an unknown
// one may have been meant to be.
func advice(cmd *cobra.Command, err error, args []string) string {
	if strings.Contains(err.Error(), "arg(s)") {
		return "Usage: " + usage(cmd) + "\n"
	}
	var unknown *pflag.NotExistError
	if !errors.As(err, &unknown) {
		return ""
	}
	if letters := unknown.GetSpecifiedShortnames(); letters != "" {
		if meant := meantLong(cmd, letters, args); meant != "" {
			return meant
		}
	}
	return meantFlag(cmd, unknown.GetSpecifiedName())
}

// meantLong returns a suggestion for a word with a single hyphen, such as -qps, which pflag parses as one flag per
// letter: the flag with two hyphens, or the place of a flag of the go command. letters is the end of the word that
// pflag could not parse. A word that ends in a digit, such as -c50, is a one-letter flag with its value.
func meantLong(cmd *cobra.Command, letters string, args []string) string {
	for _, word := range args {
		name, _, _ := strings.Cut(strings.TrimPrefix(word, "-"), "=")
		switch {
		case !strings.HasPrefix(word, "-") || len(name) < 2 || !strings.HasSuffix(word, letters),
			'0' <= name[len(name)-1] && name[len(name)-1] <= '9':
		case cmd.Name() == "check" && instrument.IsGoFlag(name) && name != formatJSON:
			return didYouMean([]string{cmd.CommandPath() + " -- " + word}) + "\n"
		default:
			return meantFlag(cmd, name)
		}
	}
	return ""
}

// elsewhere are flags of other load generators, with the flag that does the same here.
var elsewhere = map[string]string{"rate": "qps", "rps": "qps", "c": "connections", "concurrency": "connections",
	"z": "duration", "n": "duration", "requests": "duration", "body": "data", "m": "method", "request": "method",
	"http2": "http", "cacert": "ca", "root-certs": "ca", "disable-keepalive": "reuse", "keepalive": "reuse",
	"max-redirects": "redirects", "redirect": "redirects", "location": "redirects", "L": "redirects", "t": "timeout",
	"max-workers": "max-connections", "threads": "workers", "connect-to": "resolve"}

// meantFlag returns a suggestion that lists the flags of cmd whose names are similar to an unknown one, and the
// commands below cmd that have it. It returns "" if there are none.
func meantFlag(cmd *cobra.Command, unknown string) string {
	var names []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		if !f.Hidden {
			names = append(names, f.Name)
		}
	})
	var meant []string
	switch {
	case unknown == formatJSON && hasJSON(cmd):
		meant = append(meant, "--format "+formatJSON)
	case len(unknown) > 1 && slices.Contains(names, unknown): // it had a single hyphen
		meant = append(meant, "--"+unknown)
	}
	if name := elsewhere[unknown]; slices.Contains(names, name) {
		meant = append(meant, "--"+name)
	}
	for _, name := range spelling.Similar(unknown, names) {
		if !slices.Contains(meant, "--"+name) {
			meant = append(meant, "--"+name)
		}
	}
	for _, below := range cmd.Commands() {
		if below.Flags().Lookup(unknown) != nil {
			meant = append(meant, below.CommandPath()+" --"+unknown)
		}
	}
	if len(meant) == 0 {
		return ""
	}
	return didYouMean(meant) + "\n"
}

// meantCommand returns a suggestion of a command below cmd whose name is similar to an argument that is no file, or ""
// if there is none.
func meantCommand(cmd *cobra.Command, arg string) string {
	if isPath(arg) {
		return ""
	}
	var meant []string
	for _, name := range spelling.Similar(arg, commandNames(cmd)) {
		meant = append(meant, cmd.CommandPath()+" "+name)
	}
	return didYouMean(meant)
}

// isPath reports whether an argument is a file, or is spelt like the path of one.
func isPath(arg string) bool {
	_, err := os.Stat(arg)
	return err == nil || strings.ContainsAny(arg, `./\`)
}

// didYouMean returns a paragraph that lists what a word may have been meant to be, or "" if the list is empty.
func didYouMean(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return "\nDid you mean this?\n\t" + strings.Join(list, "\n\t") + "\n"
}

// unknownCommand returns an error if the program itself has arguments. It suggests the commands that the first one may
// have been meant to be, and those that run the scenario or the target of this name.
func (all targets) unknownCommand(root *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := spelling.Similar(args[0], commandNames(root))
	switch {
	case address.IsURL(args[0]):
		meant = append(meant, "run "+args[0])
	case isHost.MatchString(args[0]):
		meant = append(meant, "run "+withScheme(args[0]))
	}
	for _, name := range spelling.Similar(args[0], append(scenarios.Names(), all.names()[1:]...)) {
		meant = append(meant, "run "+name)
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], root.Name())
	if len(meant) > 0 {
		err = fmt.Errorf("%w\n%s", err, didYouMean(meant))
	}
	return err
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

// unusable returns err with exit code 2, or with its own if it has one, or nil if err is nil.
func unusable(err error) error {
	if err == nil {
		return nil
	}
	if exit, ok := err.(*exitError); ok { // what wraps one says more
		return exit
	}
	return &exitError{exitUnusable, err}
}

// loadgen is the name of the command. A program with its own targets has its own name.
const loadgen = "loadgen"

// newRoot returns the command loadgen with all subcommands.
func newRoot(own targets) *cobra.Command {
	env := machine.Environment()
	root := &cobra.Command{
		Use:   own.program(),
		Short: "Load-test Go code, compare variants and versions, and find capacity",
		Example: own.example(`  loadgen run                         # what do spans cost? 90 seconds
  loadgen compare old.txt new.txt     # did go test -bench results regress?
  loadgen run --compare main          # is the working tree slower than main?
  loadgen capacity --slo 'p99<1ms'    # how many calls a second can we carry?
  loadgen selftest                    # can this machine measure at all?`,
			"  loadgen run", "  loadgen run LAST --qps 1k,10k --slo 'p99 < 5ms'",
			"  loadgen run --target FIRST,LAST --compare 'LAST vs FIRST'", "  loadgen run --compare main",
			"  loadgen capacity LAST --slo 'p99 < 5ms'"),
		Long: own.list() + `Calls are due when the schedule says, even if earlier calls have not returned
(open loop). Latency counts from the instant a call was due. An arm is one of
the variants that are compared, such as spans=sdk. A visit is one measured run
of one arm at one rate, in a process of its own. A round visits each arm at
each rate once, in random order.

Exit codes of all commands: 0 fine; 1 regressed, or an objective was missed; 2
bad input, or nothing could be measured; 3 inconclusive (not shown) or not valid
under --strict; 130 interrupted.

Each command has a --help of its own.`,
		Version:       fmt.Sprintf("%s (commit %s, %s)", env.Version, cmp.Or(env.Commit, "unknown"), env.GoVersion),
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          own.unknownCommand,
		RunE:          func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	addScreen(root)
	root.AddGroup(commandGroups...)
	addGroup(root, "measure", measuring(newRun(own)), measuring(newCapacity(own)), newQuantiles(),
		measuring(newSelftest()))
	addGroup(root, "plan", newPlan(own), newScenarios(own), newBuckets(), newInstrument())
	addGroup(root, "read", newShow(), newReport())
	addGroup(root, "compare", newCompare(), newHistory())
	addGroup(root, "help", newCompletion(root.Name()))
	root.AddCommand(measuring(newProbe(own)), measuring(newVisit(own)), newSample(), newReceive())
	setHelp(root)
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
