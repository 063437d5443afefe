package command

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/selftest"
)

func newSelftest() *cobra.Command {
	var (
		quick, asJSON bool
		only          []string
	)
	cmd := &cobra.Command{
		Use:   "selftest",
		Short: "Test the generator on this machine, before believing anything it measures",
		Long: `Tests the generator in real time against what is known without measuring:

  oracle      every call stops for a second; what p95, p99, p99.9 and the maximum
              must be follows from arithmetic, for several numbers of workers
  companions  no stall, and one slow call: nothing is corrected that was right
  pacing      calls begin when they are due, at 100 to 1,000,000 a second
  accounting  calls that fail, panic, are dropped or interrupted are all counted
  arrivals    random calls follow one another as they are to

The target counts the calls, and looks at a clock of its own, so that the generator
is not its own witness. What misses because the machine was busy is tried three
times.

It exits with 0 if all checks passed, and with 1 if one failed.`,
		Example: `  loadgen selftest
  loadgen selftest --quick
  loadgen selftest --only oracle,pacing --json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			checks, err := selftest.Checks(quick, only...)
			if err != nil {
				return unusable(fmt.Errorf("--only: %w", err))
			}
			t := selfTest{checks: checks, quick: quick, json: asJSON, stdout: cmd.OutOrStdout(), stderr: cmd.ErrOrStderr()}
			return t.run(cmd.Context())
		},
	}
	cmd.Flags().BoolVar(&quick, "quick", false, "A shorter stall and fewer rates, in a quarter of the time.")
	cmd.Flags().BoolVar(&asJSON, "json", false, "Print the report as JSON.")
	cmd.Flags().StringSliceVar(&only, "only", nil, "Make these groups of checks alone, a comma-separated `list`.")
	if err := cmd.RegisterFlagCompletionFunc("only", cobra.FixedCompletions(selftest.Groups(), cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was added above
	}
	return cmd
}

// A selfTest is one invocation.
type selfTest struct {
	checks         []selftest.Check
	quick, json    bool
	stdout, stderr io.Writer
}

// run makes the checks and prints the report, of those before an interruption too.
func (t *selfTest) run(ctx context.Context) error {
	fmt.Fprintf(t.stderr, "self-test: %s, about %s\n", report.Plural(len(t.checks), "check"), about(selftest.Takes(t.checks)))
	progress := newProgress(t.stderr, len(t.checks))
	all, err := selftest.Run(ctx, t.checks, func(c *selftest.Check) { progress.next(c.Group + ", " + c.Name) })
	progress.finish()
	if err != nil && ctx.Err() == nil {
		return unusable(err)
	}
	r := selftest.NewReport(machine.Environment(), t.quick, len(t.checks), all)
	if err := t.print(r); err != nil {
		return unusable(err)
	}
	switch {
	case r.Interrupted:
		return &exitError{exitInterrupted, fmt.Errorf("interrupted after %d of %s", len(all), report.Plural(len(t.checks), "check"))}
	case !r.Passed:
		return &exitError{exitWorse, nil}
	}
	return nil
}

func (t *selfTest) print(r *selftest.Report) error {
	if !t.json {
		_, err := io.WriteString(t.stdout, r.Text())
		return err
	}
	e := json.NewEncoder(t.stdout)
	e.SetIndent("", "  ")
	return e.Encode(r)
}
