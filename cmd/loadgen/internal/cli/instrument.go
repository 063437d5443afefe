package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/instrument"
	"github.com/loadgen-go/loadgen/internal/spelling"
)

// modes are the values of --mode.
var modes = []string{"all", "marked"}

// instrumentFlags holds the flags of loadgen instrument and of the commands below it, not yet parsed.
type instrumentFlags struct {
	mode, tables, probeDir string
	verbose, strict        bool
}

func newInstrument() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "instrument COMMAND",
		Short: "Build a program with probes in every table of handlers",
		Example: `  loadgen instrument check ./...
  loadgen instrument go build -o app ./cmd/app
  loadgen instrument go test ./...
  LOADGEN_PROBE_OUT=probes.json ./app`,
		Long: `Builds a program in which every function that is registered in a
map[string]func() counts and times its calls. The go command compiles edited
copies of files (an overlay). The source tree, go.mod and go.sum stay as they
are.

Each command has a --help of its own.`,
		Args: wantCommand,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newInstrumentGo(), newInstrumentCheck(), newInstrumentInit())
	return cmd
}

// wantCommand returns an error if loadgen instrument has arguments: one that is no command below it.
func wantCommand(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return nil
	}
	meant := meantCommand(cmd, args[0])
	if instrument.IsVerb(args[0]) {
		meant = didYouMean([]string{cmd.CommandPath() + " go " + args[0]})
	}
	err := fmt.Errorf("unknown command %q for %q", args[0], cmd.CommandPath())
	if meant != "" {
		err = fmt.Errorf("%w\n%s", err, meant)
	}
	return err
}

func newInstrumentGo() *cobra.Command {
	var f instrumentFlags
	cmd := &cobra.Command{
		Use:   "go [FLAGS] build|install|run|test [ARGUMENTS]",
		Short: "Run a go command, with probes in what it builds",
		Example: `  loadgen instrument go build -o app ./cmd/app
  loadgen instrument go run . -addr :8080
  loadgen instrument go test -race ./...
  loadgen instrument go --mode marked build -tags=trace ./cmd/app`,
		Long: `Runs go build, install, run or test. Its arguments are those of the go command.
The build tag loadgen is set, too. Flags of loadgen come before the name of the
go command.

Handlers of tables in the packages of the module, or of the workspace, that is
worked on have probes; those of dependencies have none. A handler that cannot
have a probe is an error, and nothing is built: mark it //loadgen:skip.

With LOADGEN_PROBE_OUT=FILE in its environment, the program keeps the counts and
durations of its handlers in FILE, as JSON. In FILE, %p is the process id.

Exit codes: that of the go command; 1 a handler cannot have a probe; 2 bad
input; 130 interrupted.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error { return f.build(cmd, args) },
	}
	cmd.Flags().SetInterspersed(false)
	f.add(cmd)
	flags := cmd.Flags()
	flags.StringVar(&f.probeDir, "probe-dir", "",
		"Write the package that probes call below this `directory` (default in your cache directory).")
	flags.BoolVarP(&f.verbose, "verbose", "v", false, "Print the handlers that have probes.")
	group(cmd, groupOutput, "probe-dir", "verbose")
	return cmd
}

func newInstrumentCheck() *cobra.Command {
	var f instrumentFlags
	var as string
	var tests bool
	cmd := &cobra.Command{
		Use:   "check [FLAGS] [PACKAGE...] [-- BUILD FLAGS]",
		Short: "List the handlers that would have probes, and those that cannot",
		Example: `  loadgen instrument check ./...
  loadgen instrument check --format json ./...
  loadgen instrument check --strict --mode marked ./cmd/app
  loadgen instrument check ./... -- -tags=trace`,
		Long: `Lists what loadgen instrument go would do, and builds nothing. It suits
//go:generate, and CI. Flags of the go command, such as -tags, follow after --.

A handler has a probe inside of it, if it is a function literal with a constant
key, or around it. Generic ones have one if they turn out to be a func().

Exit codes: 0 fine; 1 a handler cannot have a probe, or the packages have
errors; 2 bad input; 130 interrupted.`,
		Args: cobra.ArbitraryArgs,
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(as, tableFormats); err != nil {
				return unusable(err)
			}
			return f.check(cmd, args, as, tests)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&tests, "tests", true, "Check the tests of the packages, too.")
	cmd.Flags().BoolVarP(&f.verbose, "verbose", "v", false, "List the handlers without probes, too.")
	addFormat(cmd, &as, tableFormats)
	group(cmd, groupInput, "tests")
	group(cmd, groupOutput, "verbose")
	return cmd
}

func newInstrumentInit() *cobra.Command {
	var tag string
	cmd := &cobra.Command{
		Use:   "init [DIR]",
		Short: "Write a file that makes a build with a tag fail if it has no probes",
		Example: `  loadgen instrument init ./cmd/app
  loadgen instrument init --tag probes`,
		Long: `Writes ` + instrument.GuardFile + ` into the directory of a package. A plain
go build -tags=trace then fails, where it would have built a program without
probes. loadgen instrument go build -tags=trace works.

Exit codes: 0 fine; 2 bad input.`,
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			dir := "."
			if len(args) > 0 {
				dir = args[0]
			}
			path, existed, err := instrument.Guard(cmd.Context(), dir, tag)
			if err != nil {
				return unusable(err)
			}
			done := "wrote"
			if existed {
				done = "nothing to do: there is"
			}
			_, err = fmt.Fprintln(cmd.OutOrStdout(), done, path)
			return unusable(err)
		},
	}
	cmd.Flags().StringVar(&tag, "tag", "trace", "The build `tag` that wants probes.")
	group(cmd, groupInput, "tag")
	return cmd
}

// add adds the flags that say which tables have probes.
func (f *instrumentFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.mode, "mode", modes[0],
		"Which tables have probes: all, or marked, which have //loadgen:probe.")
	flags.StringVar(&f.tables, "tables", "",
		"Only tables whose name, such as example.com/app.handlers, this `regexp` matches.")
	flags.BoolVar(&f.strict, "strict", false, "Fail if no handler has a probe.")
	group(cmd, groupInput, "mode", "tables")
	group(cmd, groupCI, "strict")
	complete(cmd, "mode", oneOf(modes...))
}

// options returns the options that the flags describe.
func (f *instrumentFlags) options(cmd *cobra.Command) (o instrument.Options, err error) {
	var errs []error
	if !slices.Contains(modes, f.mode) {
		errs = append(errs, fmt.Errorf("--mode: %q is unknown%s: want one of %s", f.mode,
			spelling.Meant(f.mode, modes), strings.Join(modes, ", ")))
	}
	o = instrument.Options{Marked: f.mode == "marked", ProbeDir: f.probeDir, Stdin: cmd.InOrStdin(),
		Stdout: cmd.OutOrStdout(), Stderr: cmd.ErrOrStderr()}
	cmd.Flags().VisitAll(func(own *pflag.Flag) {
		if own.Name != "help" { // the go command has one, too
			o.Own = append(o.Own, own.Name)
		}
	})
	if f.tables != "" {
		if o.Tables, err = regexp.Compile(f.tables); err != nil {
			errs = append(errs, fmt.Errorf("--tables: %w", err))
		}
	}
	return o, errors.Join(errs...)
}

// build runs a go command with probes.
func (f *instrumentFlags) build(cmd *cobra.Command, args []string) error {
	o, err := f.options(cmd)
	if err != nil {
		return unusable(err)
	}
	o.Found = func(r *instrument.Report) error {
		if f.verbose {
			fmt.Fprint(o.Stderr, r.Text(true))
		}
		return f.judge(r, o.Stderr, ", so nothing was built")
	}
	return endedWith(cmd.Context(), instrument.Build(cmd.Context(), o, args))
}

// check lists the handlers.
func (f *instrumentFlags) check(cmd *cobra.Command, args []string, as string, tests bool) error {
	o, err := f.options(cmd)
	if err != nil {
		return unusable(err)
	}
	o.Stdout = o.Stderr // of the go command, if the packages have errors
	w := cmd.OutOrStdout()
	o.Found = func(r *instrument.Report) error {
		var err error
		switch as {
		case formatJSON:
			err = printJSON(w, r)
		case formatTSV:
			_, err = io.WriteString(w, format.TSV(r.Rows()))
		default:
			_, err = io.WriteString(w, r.Text(f.verbose))
		}
		if err != nil {
			return unusable(err)
		}
		return f.judge(r, o.Stderr, "")
	}
	err = endedWith(cmd.Context(), instrument.Check(cmd.Context(), o, args, tests))
	var exit *exitError
	if errors.As(err, &exit) && exit.err == nil { // the go command has printed them
		exit.err = errors.New("the packages have errors, so they were not checked")
	}
	return err
}

// judge prints the problems, and returns the error that they end the command with, or nil. So is what follows from
// them. Without any handler, it prints a warning.
func (f *instrumentFlags) judge(r *instrument.Report, stderr io.Writer, so string) error {
	switch {
	case len(r.Problems) > 0:
		fmt.Fprint(stderr, r.ProblemText())
		return &exitError{exitWorse, fmt.Errorf("%s%s", format.Plural(len(r.Problems), "problem"), so)}
	case len(r.Sites) == 0 && f.strict:
		return &exitError{exitWorse, errors.New(r.Nothing())}
	case len(r.Sites) == 0:
		fmt.Fprintf(stderr, "loadgen: warning: %s\n", r.Nothing())
	}
	return nil
}

// endedWith returns the error that a command ends with whose go command ended with err.
func endedWith(ctx context.Context, err error) error {
	var goError *instrument.ExitError
	switch {
	case ctx.Err() != nil:
		return &exitError{exitInterrupted, errors.New("interrupted")}
	case errors.As(err, &goError):
		return &exitError{goError.Code, nil} // the go command has printed why
	}
	return unusable(err)
}
