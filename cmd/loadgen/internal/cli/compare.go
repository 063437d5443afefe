package cli

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/results"
	"github.com/loadgen-go/loadgen/results/comparison"
)

func newCompare() *cobra.Command {
	var f compareFlags
	cmd := &cobra.Command{
		Use:   "compare BASE HEAD... | RUN",
		Short: "Compare benchmark results, and fail if they regressed",
		Long: `Compares Go benchmark text, of loadgen or of any go test -bench, and exits with 1
if something regressed. Inputs are files, LABEL=FILE, the directory of a run or its
run.json, or - for standard input. Of several the first is the base. Of a run alone
the comparisons of its own scenario are judged, as its text and its page show them.
Within one input --col says what tells the sides apart instead, the first value being
the base.

For each benchmark and unit it gives the medians, by how much the head differs
(Hodges-Lehmann) with an interval of 95%, the p-value corrected for all cells that are
judged, which are one family (Holm), and a verdict:

  regressed     the interval lies beyond the margin, for the worse, and p < 0.05
  improved      the same, for the better
  worse         p < 0.05, but the difference may be within the margin
  better        the same, for the better
  equivalent    the interval lies within the margin
  inconclusive  none of these; the reason stands below it
  exploratory   the unit is shown and not judged; * marks what differs by more than
                chance explains among all of these (Benjamini-Hochberg, 5%)
  not judged    no direction of the unit is better

The units that are judged are those of --units, or of only: in the gate file; else all,
but ` + strings.Join(comparison.PrimaryUnits(), ", ") + ` of the
arms of a run, and err-ppm, drop-ppm, too, of two runs. The fewer they are, the fewer
rounds they take.

Values are paired by round where the file tells the rounds, or its lines take turns;
else all of one side are set against all of the other. Paired values need 6 rounds,
others 4 of each side, and more the more cells there are. A margin is a share of the
base; a difference of exactly the margin is within it.

Which way is better, and by how much it must differ, is known of the units of go test
and of loadgen, and is taken from 'Unit x better=lower assume=exact' in the input, from
the gate file, and from --better, --margin and --exact. Of other units nothing is
judged, which a warning says. A unit may be 0 only if its margin has an amount.

A result counts wherever it stands in its line, and a line that seems to be one and
cannot be used is an error. Configuration, which must be equal where it is compared,
is what go test prints of it (goos, goarch, pkg, cpu), what a run of loadgen says of
itself, and the keys that --config, config: in the gate file, --row, --col, --filter
or --ignore name. Other lines are output of the program.

` + gate.DefaultFile + ` in the current directory is read, or --gate FILE:

  margins: {p99-latency-ns: 5%, err-ppm: +100, B/op: 0}
  better: {errors/s: lower} # of units that are not known
  config: [gogc]            # lines such as 'gogc: 50' are configuration
  exact: [allocs/op]        # the same each time: any difference is one
  only: [B/op, allocs/op]   # judge these units alone: the rest is exploratory
  strict: true
  expected:                 # regressions that are agreed to
    - {cell: "Encode/*", unit: B/op, reason: keeps a buffer, until: 2030-12-31}
  removed:                  # of the base; in unit: alone, or in all units
    - {cell: "Encrypt/*", reason: replaced by Seal, until: 2030-12-31}

What the base has and the head lacks is an error, unless removed: lists it. After its
last day, and if several packages have it, an entry is an error too; one that matches
nothing, or what is still there, is a warning.

It exits with 0 if nothing regressed, 1 if something did, 2 if the input is bad or
something of the base has nothing to compare it with, and 3 if something is
inconclusive, worse or better, under --strict.`,
		Example: `  loadgen compare old.txt new.txt
  loadgen compare results/span-reuse-20260102T030405Z
  loadgen compare results/span-reuse-20260102T030405Z --col '/spans@(sdk pooled)'
  loadgen compare base=old.txt head=new.txt --filter '.unit:(B/op OR allocs/op)'
  go test -bench . -count 10 | loadgen compare old.txt - --margin ns/op=3% --strict
  loadgen compare old.txt new.txt --format markdown -o comment.md`,
		ValidArgsFunction: cobra.FixedCompletions(nil, cobra.ShellCompDirectiveDefault),
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
}

// unitsUsage is the help text of --units.
var unitsUsage = "The `units` that are judged, as one family, such as p50-service-ns,B/op; others are exploratory " +
	"(default all, but of a run " + strings.Join(comparison.PrimaryUnits(), ", ") + ")."

// configUsage is the help text of --config.
const configUsage = "`Keys` that are configuration where a line of the input is 'key: value', besides goos, goarch, " +
	"pkg and cpu."

func (f *compareFlags) add(cmd *cobra.Command) {
	flags, o := cmd.Flags(), &f.options
	flags.StringVar(&o.Row, "row", "", "What is compared, a `projection` as of benchstat (default .fullname).")
	flags.StringVar(&o.Col, "col", "",
		"What tells the sides apart, a `projection` such as '/spans@(sdk pooled)' (default the input).")
	flags.StringVar(&o.Filter, "filter", "", "Compare what matches this `query` alone, such as '.unit:B/op'.")
	flags.StringVar(&o.Ignore, "ignore", "", "`Keys` that may differ between what is compared.")
	flags.StringSliceVar(&o.Config, "config", nil, configUsage)
	flags.BoolVar(&o.Paired, "paired", false, "The i-th line of one side is of one round with the i-th of the other.")
	flags.StringArrayVar(&f.margins, "margin", nil, "`UNIT=MARGIN`, such as ns/op=5%, err-ppm=+100, B/op=0, or a "+
		"share and an amount, both to be exceeded: gc-pause-us=10%,+100.")
	flags.StringArrayVar(&f.exact, "exact", nil,
		"A `unit` whose values are the same each time: any difference is one.")
	flags.StringSliceVar(&f.better, "better", nil,
		"`UNIT=DIRECTION`, such as errors/s=lower or hits=higher, of units that are not known.")
	flags.StringSliceVar(&f.units, "units", nil, unitsUsage)
	flags.StringVar(&f.gate, "gate", "", "The gate `file` (default "+gate.DefaultFile+", if there is one).")
	flags.BoolVar(&o.Strict, "strict", false, "Exit with 3 if something is inconclusive.")
	addFormat(cmd, &f.format, compareFormats)
	flags.StringVarP(&f.out, "out", "o", "-",
		"Where to write it: a `file`, beside which standard output has the summary alone, or - for standard output.")
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
	text, err := formatReport(r, f.format)
	if err != nil {
		return unusable(err)
	}
	if f.out != "-" {
		if err := os.WriteFile(f.out, []byte(text), 0o644); err != nil {
			return unusable(fmt.Errorf("--out: %w", err))
		}
		text = r.Summary + "\n"
	}
	if _, err := fmt.Fprint(cmd.OutOrStdout(), text); err != nil {
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
func formatReport(r *gate.Report, as string) (string, error) {
	if as != formatHTML {
		return r.Format(as)
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
