package cli

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
)

// The formats that most commands have. In every command, --format sets the format of the answer, which goes to
// standard output or to the path that -o gives. The first format of a command is its default.
const (
	formatText = "text"
	formatJSON = "json"
	formatTSV  = "tsv"
)

// formatsOf is the key of the annotation of --format that holds the formats of a command.
const formatsOf = "formats"

// addFormat adds the flag --format, which takes one of formats. The first format is the default.
func addFormat(cmd *cobra.Command, format *string, formats []string) {
	flags := cmd.Flags()
	flags.StringVar(format, "format", formats[0], "The `format` of the answer: "+strings.Join(formats, ", ")+".")
	err := errors.Join(flags.SetAnnotation("format", formatsOf, formats), cmd.RegisterFlagCompletionFunc("format",
		cobra.FixedCompletions(formats, cobra.ShellCompDirectiveNoFileComp)))
	if err != nil {
		panic(err) // the flag was added above
	}
}

// checkFormat returns an error that lists formats, unless format is one of them.
func checkFormat(format string, formats []string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	return fmt.Errorf("--format: %q is unknown: want one of %s", format, strings.Join(formats, ", "))
}

// printJSON writes v as one JSON document. It returns an error if v contains NaN or an infinity, which JSON lacks.
func printJSON(w io.Writer, v any) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false) // objectives contain <, such as p99 < 5ms
	e.SetIndent("", "  ")
	if err := e.Encode(v); err != nil {
		return err
	}
	_, err := w.Write(b.Bytes())
	return err
}

// failureSchema is the schema version of a failure.
const failureSchema = 1

// A failure is the JSON document that a command without an answer prints.
type failure struct {
	Schema int    `json:"schema"`
	Error  string `json:"error"`
	Exit   int    `json:"exit"`
}

// wantsJSON reports whether a command line asks for JSON. It searches the arguments itself, since flags after an
// invalid flag are not parsed.
func wantsJSON(args []string) bool {
	for i, arg := range args {
		if arg == "--format="+formatJSON || arg == formatJSON && i > 0 && args[i-1] == "--format" {
			return true
		}
	}
	return false
}

// hasJSON reports whether JSON is one of the formats of a command.
func hasJSON(cmd *cobra.Command) bool {
	f := cmd.Flags().Lookup("format")
	return f != nil && slices.Contains(f.Annotations[formatsOf], formatJSON)
}

// A countingWriter counts the bytes that it writes.
type countingWriter struct {
	io.Writer
	n int
}

func (w *countingWriter) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(p)
	w.n += n
	return n, err
}

// notStandardOutput returns an error if --out is -, for commands that write several files.
func notStandardOutput(flags *pflag.FlagSet) error {
	if f := flags.Lookup("out"); f.Changed && f.Value.String() == "-" {
		return errors.New("--out: there are several files, which standard output does not take: want a directory")
	}
	return nil
}

// told returns the exit code of a command that failed with err: code, or exitUnusable if told itself fails. If the
// command has the format JSON and has written nothing, told prints the failure, so that standard output always holds
// one JSON document. Stdout is nil if the user did not ask for JSON.
func told(cmd *cobra.Command, stdout *countingWriter, code int, err error, stderr io.Writer) int {
	if stdout == nil || stdout.n > 0 || !hasJSON(cmd) {
		return code
	}
	if err := printJSON(stdout, failure{failureSchema, err.Error(), code}); err != nil {
		fmt.Fprintf(stderr, "loadgen: %v\n", err)
		return exitUnusable
	}
	return code
}

// addScreen adds the flags of every command that say how text looks.
func addScreen(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.String("color", terminal.Colours()[0], "`When` to colour text: "+strings.Join(terminal.Colours(), ", ")+
		" (auto: on a terminal, as NO_COLOR and CLICOLOR have it).")
	flags.Bool("ascii", false, "Draw with ASCII alone, as in a pipe.")
	if err := root.RegisterFlagCompletionFunc("color",
		cobra.FixedCompletions(terminal.Colours(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) error {
		o := screenOptions(cmd)
		return unusable(o.Check())
	}
}

// screenOptions returns what the flags of a command line say of how text looks.
func screenOptions(cmd *cobra.Command) (o terminal.Options) {
	flags := cmd.Root().PersistentFlags()
	var errs [2]error
	o.Colour, errs[0] = flags.GetString("color")
	o.ASCII, errs[1] = flags.GetBool("ascii")
	if err := errors.Join(errs[:]...); err != nil {
		panic(err) // addScreen added the flags
	}
	return o
}

// screenOf returns how the text of a command looks on a writer, which is the command's standard output or error.
func screenOf(cmd *cobra.Command, w io.Writer) *terminal.Screen {
	if counting, ok := w.(*countingWriter); ok {
		w = counting.Writer
	}
	return terminal.New(w, screenOptions(cmd), os.Getenv)
}

// A detail holds the flags that say how much of a text is printed.
type detail struct{ terminal.Detail }

// add adds the flags to a command.
func (d *detail) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.BoolVar(&d.All, "all", false, "Print everything: nothing is folded or left out of the text.")
	flags.BoolVarP(&d.Quiet, "quiet", "q", false, "Print the answer alone: the last lines of the text.")
	cmd.MarkFlagsMutuallyExclusive("all", "quiet")
}
