package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

func newCompare() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare BASE HEAD... | RUN",
		Short: "Compare benchmark results, and fail if they regressed",
		Example: `  loadgen compare old.txt new.txt
  loadgen compare results/span-reuse-20260102T030405Z
  loadgen compare RUN --col '/spans@(sdk pooled)' --units B/op,p99-latency-ns
  go test -bench . -count 10 | loadgen compare old.txt - --margin ns/op=3%
  loadgen compare old.txt new.txt --strict --format markdown -o comment.md`,
		Long: `An input is Go benchmark text (of any go test -bench, or of loadgen), the
directory of a run or its run.json, or - for standard input; LABEL=FILE names
it. The first input is the base. A RUN alone has the comparisons of its own
scenario, unless --col says what tells the two sides apart.

For each benchmark and unit, the answer has the medians, by how much the head
differs with a 95% interval, a p-value that allows for the number of results,
and a verdict:

  regressed     worse: the whole interval is beyond the margin, and p < 0.05
  improved      better, in the same way
  worse         p < 0.05, but perhaps by less than the margin
  better        p < 0.05, but perhaps by less than the margin
  equivalent    the same: the interval lies within the margin
  inconclusive  not shown: none of these; the reason stands below it
  exploratory   shown, and not judged; * marks what chance does not explain
  not judged    neither direction of the unit is better

Results are paired by round if the file tells the rounds, or its lines take
turns; then 6 rounds are needed, otherwise 4 results on each side. The more is
judged, the more results it takes: choose by --units and --filter. By default
everything is judged, but in a run only
` + strings.Join(comparison.PrimaryUnits(), ", ") + `, and between two runs also err-ppm and drop-ppm.

The directions and margins of the units of go test and loadgen are known; those
of other units come from --better, --margin and --exact. What the base has and
the head lacks is an error. ` + gate.DefaultFile + ` in the current directory
holds the rules of a project:

  margins: {p99-latency-ns: 5%, err-ppm: +100, B/op: 0}
  better: {errors/s: lower}
  config: [gogc]            # lines such as 'gogc: 50' are configuration
  exact: [allocs/op]        # the same each time: any difference is one
  only: [B/op, allocs/op]   # judge these units alone
  strict: true
  expected:                 # regressions that are agreed to
    - {cell: "Encode/*", unit: B/op, reason: a buffer, until: 2030-12-31}
  removed:                  # results that the head no longer has
    - {cell: "Encrypt/*", reason: replaced by Seal, until: 2030-12-31}

Exit codes: 0 nothing regressed; 1 something did; 2 bad input, or the head lacks
something of the base; 3 under --strict, something is worse, better or
inconclusive.`,
		ValidArgsFunction: resultsOf(results.JSONFile, anyFile),
		Args:              cobra.MinimumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return f.compare(cmd, args)
		},
	}
	f.add(cmd)
	return cmd
}

// A compareFlags holds the flags of compare before they are parsed.
type compareFlags struct {
	options               gate.Options
	margins, exact, units []string
	better                []string
	gate                  string
	format, out           string
	detail                detail
}

// unitsUsage is the help text of --units.
var unitsUsage = "The `units` to judge, such as p50-service-ns,B/op; others are exploratory (default all, but in a " +
	"run only " + strings.Join(comparison.PrimaryUnits(), ", ") + ")."

// configUsage is the help text of --config.
const configUsage = "`Keys` of lines 'key: value' that are configuration, besides goos, goarch, pkg and cpu."

func (f *compareFlags) add(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.StringVar(&o.Row, "row", "", "What makes a row, a `projection` as in benchstat (default .fullname).")
	flags.StringVar(&o.Col, "col", "",
		"What tells the sides apart, a `projection` such as '/spans@(sdk pooled)' (default the input).")
	flags.StringVar(&o.Filter, "filter", "",
		"Compare only what matches this `query`, as in benchstat, such as '.unit:B/op'.")
	flags.StringVar(&o.Ignore, "ignore", "", "`Keys` of configuration that may differ between the sides.")
	flags.StringSliceVar(&o.Config, "config", nil, configUsage)
	flags.BoolVar(&o.Paired, "paired", false,
		"The sides were measured in turn: line i of one is in the same round as line i of the other.")
	flags.StringArrayVar(&f.margins, "margin", nil, "How much worse a unit may be: `UNIT=MARGIN`, such as ns/op=5%, "+
		"err-ppm=+100 or B/op=0, or a share and an amount that must both be exceeded: gc-pause-us=10%,+100.")
	flags.StringArrayVar(&f.exact, "exact", nil,
		"A `unit` whose values are the same each time, so that any difference counts.")
	flags.StringSliceVar(&f.better, "better", nil,
		"The better direction of a unit that is not known: `UNIT=DIRECTION`, such as errors/s=lower or "+
			"hits=higher.")
	flags.StringSliceVar(&f.units, "units", nil, unitsUsage)
	flags.StringVar(&f.gate, "gate", "", "The gate `file` (default "+gate.DefaultFile+", if there is one).")
	flags.BoolVar(&o.Strict, "strict", false, "Exit with 3 if something is worse, better or inconclusive (not shown).")
	addFormat(cmd, &f.format, compareFormats)
	f.detail.add(cmd)
	flags.StringVarP(&f.out, "out", "o", "-",
		"Where to write it: a `file`, and then standard output has only the summary; or - for standard output.")
	group(cmd, groupInput, "row", "col", "filter", "ignore", "config", "paired")
	group(cmd, groupCompare, "units", "margin", "better", "exact")
	group(cmd, groupOutput, "out")
	group(cmd, groupCI, "gate", "strict")
	complete(cmd, "units", listOf(unitNamesOf()...))
	complete(cmd, "exact", oneOf(unitNamesOf()...))
	complete(cmd, "gate", filesOf(isYAML))
}

// compare compares the inputs and writes the report. It returns an error without a message if the exit code of the
// report is not 0.
func (f *compareFlags) compare(cmd *cobra.Command, args []string) error {
	o, err := f.parse()
	if err != nil {
		return unusable(err)
	}
	if err := f.keepsInputs(args); err != nil {
		return unusable(err)
	}
	o.Inputs, o.Stdin, o.Now = args, cmd.InOrStdin(), time.Now()
	o.Noise = noiseFloor(cmd.ErrOrStderr()).Noise
	r, err := gate.Compare(o)
	if err != nil {
		return unusable(err)
	}
	w := cmd.OutOrStdout()
	if f.out != "-" {
		w = io.Discard // a file is no terminal
	}
	screen := screenOf(cmd, w)
	text, err := formatReport(r, f.format, screen, f.detail.all)
	switch {
	case err != nil:
		return unusable(err)
	case quiet(cmd) && f.format == formatText:
		text = r.Ending(screen, false, nil)
	}
	if f.format == formatText {
		text = screen.Symbols(text)
	}
	if f.out != "-" {
		if err := os.WriteFile(f.out, []byte(text), 0o644); err != nil {
			return unusable(fmt.Errorf("--out: %w", err))
		}
		text = r.Summary + "\n"
	}
	if _, err := io.WriteString(cmd.OutOrStdout(), text); err != nil {
		return unusable(err)
	}
	if r.Exit != exitOK {
		return &exitError{r.Exit, nil}
	}
	return nil
}

// compareFormats lists the formats of a comparison.
var compareFormats = append(gate.Formats(), formatHTML)

// formatReport returns a comparison as one of compareFormats.
func formatReport(r *gate.Report, as string, screen *terminal.Screen, all bool) (string, error) {
	if as != formatHTML {
		return r.Format(as, screen, all)
	}
	var b strings.Builder
	err := page.Compare(&b, r)
	return b.String(), err
}

// keepsInputs returns an error if the file of --out is one of the inputs.
func (f *compareFlags) keepsInputs(args []string) error {
	output, err := os.Stat(f.out)
	if err != nil || f.out == "-" {
		return nil // the output is a new file or standard output
	}
	for _, arg := range args {
		_, path, _ := strings.Cut(arg, "=")
		for _, in := range []string{arg, path, filepath.Join(arg, results.BenchFile),
			filepath.Join(path, results.BenchFile), filepath.Join(arg, results.JSONFile)} {
			if info, err := os.Stat(in); err == nil && os.SameFile(info, output) {
				return fmt.Errorf("--out: %s is an input, which it would replace: want another file", f.out)
			}
		}
	}
	return nil
}

// parse parses the flags and reads the gate file. It reports all errors in them together.
func (f *compareFlags) parse() (*gate.Options, error) {
	o := f.options
	o.Margins = map[string]comparison.Margin{}
	var errs []error
	for _, s := range f.margins {
		unit, m, err := comparison.ParseMargin(s)
		if _, twice := o.Margins[unit]; twice && err == nil {
			err = fmt.Errorf("%s is given twice", unit)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--margin: %w", err))
			continue
		}
		o.Margins[unit] = m
	}
	o.Better = map[string]comparison.Direction{}
	for _, s := range f.better {
		unit, better, err := comparison.ParseBetter(s)
		if err != nil {
			errs = append(errs, fmt.Errorf("--%w", err))
		}
		o.Better[unit] = better
	}
	o.Exact, o.Units = tidyUnits(f.exact), tidyUnits(f.units)
	errs = append(errs, checkFormat(f.format, compareFormats))
	if f.out == "" {
		errs = append(errs, errors.New("--out is empty: want a file, or - for standard output"))
	}
	read := projectRules
	if f.gate != "" {
		read = func() (*gate.File, error) { return gate.ReadFile(f.gate) }
	}
	file, err := read()
	o.File = file
	return &o, errors.Join(append(errs, err)...)
}

// projectRules returns the gate file in the current directory, or nil if there is none.
func projectRules() (*gate.File, error) {
	file, err := gate.ReadFile(gate.DefaultFile)
	if errors.Is(err, fs.ErrNotExist) {
		if _, linkErr := os.Lstat(gate.DefaultFile); linkErr == nil {
			return nil, fmt.Errorf("%w: %s is a link to what is not there", err, gate.DefaultFile)
		}
		return nil, nil
	}
	return file, err
}

// judgeRun judges the comparisons of a run by the gate file rules, which may be nil. If units is not empty, only
// these units are judged. It prints warnings to stderr.
func judgeRun(run *results.Run, rules *gate.File, units []string, stderr io.Writer) ([]*comparison.Contest, error) {
	o := gate.Options{File: rules, Units: tidyUnits(units), Now: time.Now()}
	contests, warnings, err := o.OfRun(run)
	for _, w := range warnings {
		fmt.Fprintf(stderr, "warning: %s\n", w)
	}
	return contests, err
}

// tidyUnits returns units in benchstat's form, such as sec/op for ns/op.
func tidyUnits(units []string) (all []string) {
	for _, unit := range units {
		all = append(all, comparison.TidyUnit(unit))
	}
	return all
}

// gate returns the options for judging a base and a head that were measured in the same rounds.
func (o *runOptions) gate() *gate.Options {
	return &gate.Options{
		Noise: noiseFloor(o.stderr).Noise, Interleaved: true, File: o.rules, Strict: o.strict, Now: time.Now(),
	}
}

// printComparison prints a comparison and the paths of its two files. In JSON, it keeps both for the one document
// that the command prints at its end. Ended is the error that the command ends with, as far as is known: if what
// regressed is measured again, the text has no exit code.
func (o *runOptions) printComparison(r *gate.Report, base, head string, ended error, again bool) error {
	if o.format == formatJSON {
		o.compared = append(o.compared, comparedDocument{Report: r, Files: sideFiles{base, head}})
		return nil
	}
	shown := *r
	shown.Paths, shown.Exit = []string{base, head}, exitCode(ended)
	if again {
		shown.Exit = exitOK
	}
	return unusable(o.screen.Print(o.stdout, shown.Text(o.screen, false)))
}

// measuresAgain reports whether what regressed is measured again.
func (o *runOptions) measuresAgain(r *gate.Report, ended error) bool {
	return len(suspects(r, o)) > 0 && !interrupted(ended)
}

// noiseFloor returns the noise floor that selftest --aa kept, or nil if there is none. It prints an error as a
// warning, since no result depends on the noise floor.
func noiseFloor(stderr io.Writer) *selftest.AA {
	r, err := selftest.ReadNoise(selftest.NoiseFile)
	if err != nil {
		fmt.Fprintf(stderr, "warning: the noise floor is not told: %v\n", err)
	}
	return r
}

// judged returns the error that a command ends with after a comparison, or nil if it exits with 0.
func judged(r *gate.Report) error {
	switch r.Exit {
	case exitOK:
		return nil
	case exitWorse:
		return &exitError{exitWorse, fmt.Errorf("%s regressed",
			format.Plural(r.Counts[comparison.Regressed], "figure"))}
	case exitNotValid:
		return &exitError{exitNotValid, fmt.Errorf("%s inconclusive (--strict)",
			format.Plural(r.Undecided(), "figure"))}
	}
	return &exitError{r.Exit, nil}
}

// suspects returns the names of the cells that regressed, or nil without --confirm.
func suspects(r *gate.Report, o *runOptions) (names []string) {
	if !o.confirm || r == nil {
		return nil
	}
	for _, t := range r.Tables {
		for _, c := range t.Cells {
			if c.Verdict == comparison.Regressed && !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// confirming prints the names of the cells that are measured again.
func confirming(names []string, o *runOptions) {
	fmt.Fprintf(o.stderr, "confirming: %s, measured again\n", strings.Join(names, ", "))
}

// notConfirmed returns the error that a command ends with after a second comparison, which covers the cells that
// regressed in the first one. Among many cells, one may regress by chance, but hardly twice.
func notConfirmed(second *gate.Report, o *runOptions) error {
	if second.Counts[comparison.Regressed] == 0 {
		fmt.Fprintln(o.stderr, "what regressed did not do so again: it is not called a regression")
	}
	return judged(second)
}
