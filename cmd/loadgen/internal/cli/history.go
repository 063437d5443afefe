package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"regexp"
	"strings"
	"time"
	"unicode"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/gate"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/history"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/results"
)

func newHistory() *cobra.Command {
	var f historyFlags
	cmd := &cobra.Command{
		Use:   "history [FILE]",
		Short: "Draw what benchmarks measured over commits, or export it",
		Example: `  loadgen history --cell Encode --unit B/op
  loadgen history --cell Encode --format csv >history.csv
  loadgen history results/nightly.jsonl --machine arm64`,
		Long: `FILE is what loadgen history record wrote, by default ` + history.DefaultFile + `.

Draws each benchmark and unit over commits, the newest last: the median, how far
its 95% interval reaches, the number of values, the change since the commit
before, and a bar. Results of two machines are drawn apart. Units are those of
benchstat: sec/op for ns/op.

Format csv is for change-point tools such as Apache Otava: a line for each
record, the oldest first, with its time (RFC 3339, UTC), its commit, and a
column for each benchmark and unit, such as "example.com/m.Encode-8 sec/op". A
field is empty if a record has no such benchmark: choose with --cell.

Exit codes: 0 fine; 2 bad input. If a line of the file is no record, the others
are printed all the same.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(filesOf(isHistory)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 && cmd.Flags().Changed("file") {
				return unusable(fmt.Errorf("%s and --file %s are two histories: want one of them", args[0], f.file))
			}
			return unusable(f.show(cmd, append(args, f.file)[0]))
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&f.file, "file", history.DefaultFile, "The `file` of the history, instead of FILE.")
	flags.StringVar(&f.cell, "cell", "", "Only benchmarks whose names match this `regexp` (default all).")
	flags.StringVar(&f.unit, "unit", "", "Only this `unit`, such as ns/op (default all).")
	flags.StringVar(&f.machine, "machine", "",
		"Only machines whose names match this `regexp` (default all).")
	addFormat(cmd, &f.format, history.Formats())
	group(cmd, groupInput, "file", "cell", "unit", "machine")
	complete(cmd, "file", filesOf(isHistory))
	cmd.AddCommand(newHistoryRecord())
	return cmd
}

// historyFlags holds the flags of loadgen history, not yet parsed.
type historyFlags struct{ file, cell, unit, machine, format string }

// show prints the records that the flags select. If some lines of the file are not records, show prints the other
// records and then returns an error.
func (f *historyFlags) show(cmd *cobra.Command, path string) error {
	filter, err := f.parse()
	if err != nil {
		return err
	}
	records, broken := history.Read(path)
	if meant := meantCommand(cmd, path); errors.Is(broken, fs.ErrNotExist) && meant != "" {
		return fmt.Errorf("%w\n%s", broken, meant)
	}
	if len(records) == 0 {
		return broken
	}
	records, err = filter.Select(records)
	if err != nil {
		return errors.Join(broken, fmt.Errorf("%s: %w", path, err))
	}
	text, err := history.Format(f.format, records, screenOf(cmd, cmd.OutOrStdout()))
	if err != nil {
		return errors.Join(broken, err)
	}
	_, err = fmt.Fprint(cmd.OutOrStdout(), text)
	return errors.Join(broken, err)
}

// parse returns the filter that the flags describe. It reports all errors in the flags together.
func (f *historyFlags) parse() (*history.Filter, error) {
	filter := &history.Filter{Unit: f.unit}
	errs := []error{checkFormat(f.format, history.Formats())}
	for _, of := range []struct {
		flag, text string
		to         **regexp.Regexp
	}{{"cell", f.cell, &filter.Cell}, {"machine", f.machine, &filter.Machine}} {
		if of.text == "" {
			continue
		}
		pattern, err := regexp.Compile(of.text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w: a character that means itself is written such as \\[", of.flag,
				err))
		}
		*of.to = pattern
	}
	return filter, errors.Join(errs...)
}

func newHistoryRecord() *cobra.Command {
	var to, commit, when string
	var keys []string
	cmd := &cobra.Command{
		Use:   "record INPUT...",
		Short: "Add benchmark results to a history",
		Example: `  loadgen history record new.txt
  go test -bench . -count 10 | loadgen history record -
  loadgen history record RUN --file results/nightly.jsonl`,
		Long: `INPUT is Go benchmark text, the directory of a run, or - for standard input, as
for loadgen compare. Adds one record, a line of JSON: the commit, its time, the
machine, and for each benchmark and unit the median, the number of values and,
from 6 values on, a 95% interval. Lines of one benchmark are its rounds, in
whichever input they are.

The commit is the one that git has checked out, with "+changes" if there are
some. Jobs that record at the same time do not mix their lines.

Exit codes: 0 fine; 2 bad input; 130 interrupted, and nothing was recorded.`,
		Args:              cobra.MinimumNArgs(1),
		ValidArgsFunction: resultsOf(results.JSONFile, anyFile),
		RunE: func(cmd *cobra.Command, args []string) error {
			r, err := newRecord(cmd.Context(), to, commit, when)
			if err == nil {
				err = recordHistory(cmd, r, to, args, keys)
			}
			if err != nil && cmd.Context().Err() != nil {
				return &exitError{exitInterrupted, errors.New("interrupted before anything was recorded")}
			}
			return unusable(err)
		},
	}
	flags := cmd.Flags()
	flags.StringVar(&to, "file", history.DefaultFile, "The `file` of the history to add to.")
	flags.StringVar(&commit, "commit", "", "The `commit` that was measured (default from git).")
	flags.StringVar(&when, "time", "",
		"The `time` of the commit, such as 2026-01-02T15:04:05Z (default from git, or now with --commit).")
	flags.StringSliceVar(&keys, "config", nil, configUsage)
	group(cmd, groupInput, "config", "commit", "time")
	group(cmd, groupOutput, "file")
	complete(cmd, "file", filesOf(isHistory))
	return cmd
}

// newRecord returns a record without cells. If commit is empty, the record has the commit that git has checked out,
// and its time; otherwise it has the current time. If when is not empty, it replaces the time.
func newRecord(ctx context.Context, to, commit, when string) (*history.Record, error) {
	r := &history.Record{Schema: history.Schema, Commit: commit, Time: time.Now()}
	var errs [2]error
	if commit == "" {
		r.Commit, r.Time, errs[0] = history.Head(ctx, to)
	}
	if when != "" {
		var err error
		if r.Time, err = time.Parse(time.RFC3339, when); err != nil {
			errs[1] = fmt.Errorf("--time %q: want one such as 2026-01-02T15:04:05Z", when)
		}
	}
	if strings.ContainsFunc(commit, unicode.IsControl) {
		errs[0] = fmt.Errorf("--commit %q: want a commit in one line, without control characters", commit)
	}
	if year := r.Time.UTC().Year(); errs[1] == nil && when != "" && (year < 1970 || year > 9999) {
		errs[1] = fmt.Errorf("--time %q: want one from 1970 to 9999", when)
	}
	r.Time = r.Time.UTC().Truncate(time.Second)
	return r, errors.Join(errs[:]...)
}

// recordHistory adds the results of the inputs to r, and appends r to the history file to.
func recordHistory(cmd *cobra.Command, r *history.Record, to string, inputs, keys []string) error {
	lines, warnings, err := gate.Lines(inputs, cmd.InOrStdin(), keys)
	if err != nil {
		return err
	}
	progress := newProgress(cmd)
	defer progress.Close()
	for _, w := range warnings {
		fmt.Fprintf(progress, "warning: %s\n", w)
	}
	if r.Machine, r.Cells, err = history.Measured(lines); err != nil {
		return err
	}
	if r.Machine == "" {
		env := machine.Environment()
		r.Machine = fmt.Sprintf("%s/%s, %s", env.GOOS, env.GOARCH, env.CPU)
	}
	if err := cmd.Context().Err(); err != nil {
		return err // an interrupt may have cut standard input short
	}
	if err := history.Append(cmd.Context(), to, r, progress); err != nil {
		return err
	}
	_, err = fmt.Fprintf(cmd.OutOrStdout(), "%s: added %s of commit %s\n", to,
		format.Plural(len(r.Cells), "result"), r.Commit)
	return err
}
