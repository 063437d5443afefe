package command

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

func newShow() *cobra.Command {
	return &cobra.Command{
		Use:   "show RUN",
		Short: "Print the tables and comparisons of a run again",
		Long: `Prints what a run ended with: the tables of its load and its estimators, and its
comparisons. RUN is the directory of a run, or its run.json.`,
		Example: "  loadgen show results/span-reuse-20260102T030405Z",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
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
			_, err = fmt.Fprint(cmd.OutOrStdout(), report.Text(run, contests))
			return unusable(err)
		},
	}
}
