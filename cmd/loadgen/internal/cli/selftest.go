package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/rounds"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/results/comparison"
)

func newSelftest() *cobra.Command {
	var (
		quick    bool
		only     []string
		rounds   int
		keep, as string
		detail   detail
	)
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Test the generator on this machine, before you trust its measurements",
		Long: `Tests the generator in real time against values that are known in advance:

  oracle      every call stalls for a second, and p95, p99, p99.9 and the maximum
              must have the values that arithmetic gives, for several numbers of workers
  companions  without a stall, and with one slow call, latencies are not corrected
  pacing      calls begin when they are due, at 100 to 1,000,000 per second
  accounting  calls that fail, panic, are dropped or interrupted are all counted
  arrivals    random calls have the requested distribution

The target counts the calls and reads a clock of its own, so that the generator does
not judge itself. A check that fails on a busy machine is repeated up to three times.

It exits with 0 if all checks passed, and with 1 if one failed.

With --aa N it tests comparisons instead: it compares an arm with itself in N rounds,
at least 6, as run --compare does. Each round has two visits, and either can be the
base. Over all choices, it prints the noise floor of every unit, which half and nine
tenths of the shifts are below, and how often a gate raises a false alarm. It exits
with 1 if false alarms are more frequent than 5%, or if there was one in the run as it
was made. The noise floor is kept in ` + selftest.NoiseFile + `; comparisons and
reports in the same directory mention it from then on.`,
		Example: `  loadgen selftest
  loadgen selftest --quick
  loadgen selftest --only oracle,pacing --format json
  loadgen selftest --aa 12`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkFormat(as, selftestFormats); err != nil {
				return unusable(err)
			}
			asJSON := as == formatJSON
			if cmd.Flags().Changed("aa") {
				switch {
				case rounds < comparison.MinPairs || rounds > 1000:
					return unusable(fmt.Errorf("--aa: %s: want %d to 1000, since fewer give no interval of 95%%",
						format.Plural(rounds, "round"), comparison.MinPairs))
				case quick || len(only) > 0:
					return unusable(errors.New("--aa: it makes none of the checks: leave out --quick and --only"))
				}
				a := aa{rounds: rounds, keep: keep, json: asJSON, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr(),
					screen: screenOf(cmd, cmd.OutOrStdout()), detail: detail.Detail}
				return a.run(cmd.Context())
			}
			if cmd.Flags().Changed("keep") {
				return unusable(errors.New("--keep: the checks keep no file: want --aa beside it"))
			}
			checks, err := selftest.Checks(quick, only...)
			if err != nil {
				return unusable(fmt.Errorf("--only: %w", err))
			}
			t := selfTest{checks: checks, quick: quick, json: asJSON, stdout: cmd.OutOrStdout(),
				stderr: cmd.ErrOrStderr(), screen: screenOf(cmd, cmd.OutOrStdout()), detail: detail.Detail}
			return t.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "A shorter stall and fewer rates, in a quarter of the time.")
	addFormat(cmd, &as, selftestFormats)
	detail.add(cmd)
	cmd.Flags().IntVar(&rounds, "aa", 0, "Compare an arm with itself in so many `rounds`, 6 or more, instead of "+
		"making the checks; 12 take about half a minute.")
	cmd.Flags().StringVar(&keep, "keep", selftest.NoiseFile,
		"With --aa, the `file` to keep the noise floor in; empty for none.")
	cmd.Flags().StringSliceVar(&only, "only", nil, "Make these groups of checks alone, a comma-separated `list`.")
	if err := cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(selftest.Groups(),
		cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}
	return cmd
}

var selftestFormats = []string{formatText, formatJSON}

// A selfTest holds the checks and options of one run of loadgen selftest.
type selfTest struct {
	checks         []selftest.Check
	quick, json    bool
	stdout, stderr io.Writer
	screen         *terminal.Screen // of stdout
	detail         terminal.Detail
}

// run makes the checks and prints the report. If ctx ends, the report has the checks that were made before.
func (t *selfTest) run(ctx context.Context) error {
	env := machine.Environment()
	env.Warnings = unfit(ctx, t.stderr)
	fmt.Fprintf(t.stderr, "self-test: %s, about %s\n", format.Plural(len(t.checks), "check"),
		format.About(selftest.Takes(t.checks)))
	progress := rounds.NewProgress(t.stderr, len(t.checks))
	all, err := selftest.Run(ctx, t.checks, func(c *selftest.Check) { progress.Next(c.Group + ", " + c.Name) })
	progress.Finish()
	if err != nil && ctx.Err() == nil {
		return unusable(err)
	}
	r := selftest.NewReport(env, t.quick, len(t.checks), all)
	if err := t.print(r); err != nil {
		return unusable(err)
	}
	switch {
	case r.Interrupted:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", len(all),
			format.Plural(len(t.checks), "check"))}
	case !r.Passed:
		return &exitError{exitWorse, nil}
	}
	return nil
}

// print prints the report as text or JSON.
func (t *selfTest) print(r *selftest.Report) error {
	if t.json {
		return printJSON(t.stdout, r)
	}
	return t.screen.Print(t.stdout, r.Text(t.screen, t.detail))
}
