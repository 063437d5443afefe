package cli

import (
	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/results"
)

func newShow() *cobra.Command {
	var format string
	cmd := &cobra.Command{
		Use:   "show RUN",
		Short: "Print the tables and comparisons of a run again",
		Long: `Prints what a run ended with: the tables of its load and its estimators, and its
comparisons. RUN is the directory of a run, or its run.json.

Format json has all of it for programs, and tsv a row for each cell, with the medians in
the units of run.bench. results/README.md describes both.`,
		Example: `  loadgen show results/span-reuse-20260102T030405Z
  loadgen show RUN --format json | jq '.cells[].percentiles.latency_ns.p99'`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: single(resultsOf(results.JSONFile, isJSON)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, tableFormats); err != nil {
				return unusable(err)
			}
			run, err := results.Read(args[0])
			if err != nil {
				return unusable(err)
			}
			rules, err := projectRules()
			if err != nil {
				return unusable(err)
			}
			contests, err := judgeRun(run, rules, nil, cmd.ErrOrStderr())
			if err != nil {
				return unusable(err)
			}
			return unusable(printRun(cmd.OutOrStdout(), format, run, contests))
		},
	}
	addFormat(cmd, &format, tableFormats)
	return cmd
}
