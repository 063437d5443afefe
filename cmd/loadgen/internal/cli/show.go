package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/results"
)

func newShow() *cobra.Command {
	var format string
	var v verbosity
	cmd := &cobra.Command{
		Use:   "show [RUN]",
		Short: "Print what a run showed again",
		Example: `  loadgen show
  loadgen show results/span-reuse-20260102T030405Z --all
  loadgen show RUN --format json | jq '.cells[].percentiles.latency_ns.p99'`,
		Long: `RUN is the directory of a run, or its run.json; without it, the newest run in
results.

Prints a table of the arms and rates, the verdicts of the first comparison, and
the answer, what is in doubt, what to do next and where there is more. --all
prints everything: all tables, comparisons and warnings.

Format json has all of it for programs, and tsv a row for each arm and rate,
with the medians in the units of run.bench. results/README.md describes both.

Exit codes: 0 fine; 2 bad input.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(resultsOf(results.JSONFile, isJSON)),
		RunE: func(cmd *cobra.Command, args []string) error {
			v.quiet = quiet(cmd)
			if err := checkFormat(format, tableFormats); err != nil {
				return unusable(err)
			}
			dir, err := runOf(args)
			if err != nil {
				return unusable(err)
			}
			if isCapacity(dir) {
				return unusable(showCapacity(cmd, format, v.detail, dir))
			}
			run, err := results.Read(dir)
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
			return unusable(printRun(cmd, format, v, run, contests, runPath(dir)))
		},
	}
	addFormat(cmd, &format, tableFormats)
	v.add(cmd)
	return cmd
}

// isCapacity reports whether a path is the directory of a capacity search, or its capacity.json.
func isCapacity(path string) bool {
	_, err := os.Stat(filepath.Join(path, capacity.FileName))
	return err == nil && !isRun(path) || filepath.Base(path) == capacity.FileName
}

// showCapacity prints the answer of a capacity search again.
func showCapacity(cmd *cobra.Command, format string, d detail, dir string) error {
	f, err := capacity.ReadFile(dir)
	if err != nil {
		return err
	}
	w := cmd.OutOrStdout()
	switch format {
	case formatJSON:
		text, err := f.JSON()
		if err == nil {
			_, err = w.Write(text)
		}
		return err
	case formatTSV:
		return fmt.Errorf("--format: a capacity search has no %s: want %s or %s", formatTSV, formatText, formatJSON)
	}
	screen := screenOf(cmd, w)
	return screen.Print(w, f.Text(screen, capacity.Reading{Detail: d.of(cmd), Dir: directoryOf(dir)}))
}
