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
	"github.com/loadgen-go/loadgen/internal/spelling"
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
	if err := flags.SetAnnotation("format", formatsOf, formats); err != nil {
		panic(err) // the flag was added above
	}
	complete(cmd, "format", oneOf(formats...))
	group(cmd, groupOutput, "format")
}

// checkFormat returns an error that lists formats, unless format is one of them.
func checkFormat(format string, formats []string) error {
	if slices.Contains(formats, format) {
		return nil
	}
	return fmt.Errorf("--format: %q is unknown%s: want one of %s", format, spelling.Meant(format, formats),
		strings.Join(formats, ", "))
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
	Kind   string `json:"kind"` // failure
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
	if err := printJSON(stdout, failure{failureSchema, "failure", err.Error(), code}); err != nil {
		fmt.Fprintf(stderr, "loadgen: %v\n", err)
		return exitUnusable
	}
	return code
}

// addScreen adds the flags of every command that say how text looks, and whether there is progress.
func addScreen(root *cobra.Command) {
	flags := root.PersistentFlags()
	flags.String("color", terminal.Colours()[0], "`When` to colour text: "+strings.Join(terminal.Colours(), ", ")+
		" (auto: on a terminal, as NO_COLOR and CLICOLOR have it).")
	flags.Bool("ascii", false, "Draw with ASCII alone, as in a pipe.")
	flags.BoolP("quiet", "q", false, "Print the answer alone: its last lines, and no progress.")
	complete(root, "color", oneOf(terminal.Colours()...))
	group(root, groupOutput, "color", "ascii", "quiet")
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
	o := screenOptions(cmd)
	o.Program = cmd.Root().Name()
	return terminal.New(w, o, os.Getenv)
}

// quiet reports whether --quiet is set.
func quiet(cmd *cobra.Command) bool {
	quiet, err := cmd.Root().PersistentFlags().GetBool("quiet")
	if err != nil {
		panic(err) // addScreen added the flag
	}
	return quiet
}

// newProgress returns the progress of a command, which all other lines to standard error must be written to as well.
// The caller must close it.
func newProgress(cmd *cobra.Command) *terminal.Progress {
	stderr := cmd.ErrOrStderr()
	return terminal.NewProgress(stderr, screenOf(cmd, stderr), quiet(cmd))
}

// A detail holds the flag that says how much of a text is printed, besides --quiet.
type detail struct{ all bool }

// add adds the flag to a command.
func (d *detail) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&d.all, "all", false, "Print everything: nothing is folded or left out of the text.")
	group(cmd, groupOutput, "all")
}

// of returns how much of the text of a command is printed.
func (d *detail) of(cmd *cobra.Command) terminal.Detail {
	return terminal.Detail{All: d.all, Quiet: quiet(cmd)}
}
