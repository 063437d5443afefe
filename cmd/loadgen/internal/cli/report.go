package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/spf13/cobra"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/capacity"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/hdrlog"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/page"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/report"
	"github.com/loadgen-go/loadgen/results"
)

// The formats of loadgen report.
const (
	formatHTML = "html"
	formatHGRM = "hgrm"
	formatHLog = "hlog"
)

var reportFormats = []string{formatHTML, formatHGRM, formatHLog}

func newReport() *cobra.Command {
	var (
		out, format string
		units       []string
	)
	cmd := &cobra.Command{
		Use:   "report [RUN]",
		Short: "Draw a run as one HTML page, or write its histograms",
		Example: `  loadgen report
  loadgen report RUN -o page.html
  loadgen report RUN --format hgrm -o percentiles
  loadgen report RUN --format hlog -o - > run.hlog`,
		Long: `RUN is the directory of a run, or its run.json; without it, the newest run in
results. The formats are

  html   one page, which needs no network and no script: report.html
  hgrm   HdrHistogram's text of percentiles, in microseconds: a file for
         each arm and rate
  hlog   a histogram log in format V2, a line for each visit, tagged with its
         arm and rate: run.hlog

Files are written into the directory of the run, unless -o names a path, and
replace files of that name. The command prints the names of what it wrote.

Exit codes: 0 fine; 2 bad input.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(resultsOf(results.JSONFile, isJSON)),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, reportFormats); err != nil {
				return unusable(err)
			}
			if cmd.Flags().Changed("out") && out == "" {
				return unusable(errors.New("--out is empty: want a path, or - for standard output"))
			}
			dir, err := runOf(args)
			if err != nil {
				return unusable(err)
			}
			run, err := results.Read(dir)
			if err != nil {
				return unusable(err)
			}
			write, err := writerOf(cmd, format, units)
			if err != nil {
				return unusable(err)
			}
			return unusable(writeReport(cmd.OutOrStdout(), run, write, format, out, directoryOf(dir)))
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "",
		"Where to write it: a `path`, or - for standard output (default beside the run).")
	cmd.Flags().StringSliceVar(&units, "units", nil, unitsUsage)
	addFormat(cmd, &format, reportFormats)
	group(cmd, groupCompare, "units")
	complete(cmd, "units", listOf(unitNamesOf()...))
	group(cmd, groupOutput, "out")
	return cmd
}

// runOf returns the run that the arguments of a command name, or the newest one in results.
func runOf(args []string) (string, error) {
	if len(args) > 0 {
		return args[0], nil
	}
	files, err := filepath.Glob(filepath.Join("results", "*", results.JSONFile))
	if err != nil {
		return "", err
	}
	newest, changed := "", time.Time{}
	for _, file := range files {
		if info, err := os.Stat(file); err == nil && info.ModTime().After(changed) {
			newest, changed = filepath.Dir(file), info.ModTime()
		}
	}
	if newest == "" {
		return "", errors.New("there is no run in results: want the directory of a run, or its run.json")
	}
	return newest, nil
}

// runPath returns the path that commands are given to read a run again: its directory, or another name of its
// run.json.
func runPath(path string) string {
	if filepath.Base(path) != results.JSONFile {
		return format.Operand(filepath.Clean(path))
	}
	return format.Operand(directoryOf(path))
}

// directoryOf returns the directory of a run, given the path of the directory or of its run.json.
func directoryOf(run string) string {
	if info, err := os.Stat(run); err == nil && info.IsDir() {
		return run
	}
	return filepath.Dir(run)
}

// A runWriter writes the run in a directory to one file.
type runWriter func(w io.Writer, run *results.Run, dir string) error

// writerOf returns the writer of a format that has one file. The writer of HTML judges the comparisons of the run by
// the gate file of the project.
func writerOf(cmd *cobra.Command, as string, units []string) (runWriter, error) {
	if as != formatHTML {
		if len(units) > 0 {
			return nil, fmt.Errorf("--units: %s has no verdicts: want --format %s", as, formatHTML)
		}
		return func(w io.Writer, run *results.Run, _ string) error { return hdrlog.Log(w, run) }, nil
	}
	rules, err := projectRules()
	if err != nil {
		return nil, err
	}
	noise := noiseFloor(cmd.ErrOrStderr()).Noise(func(string) bool { return true })
	return func(w io.Writer, run *results.Run, dir string) error {
		contests, err := judgeRun(run, rules, units, cmd.ErrOrStderr())
		if err != nil {
			return err
		}
		advice, err := adviseRun(run, dir)
		return page.Write(w, run, contests, report.Place{Program: cmd.Root().Name(), Run: runPath(dir)},
			page.Extras{Noise: noise, Buckets: advice, NoBuckets: err})
	}, nil
}

// writeReport writes a run in a format. If out is -, it writes to stdout; otherwise it prints the paths of the files
// that it writes to stdout. If out is empty, the files are in dir.
func writeReport(stdout io.Writer, run *results.Run, write runWriter, format, out, dir string) error {
	if format == formatHGRM {
		return writePercentiles(stdout, run, out, dir)
	}
	name := map[string]string{formatHTML: "report.html", formatHLog: "run.hlog"}[format]
	if out == "-" {
		return write(stdout, run, dir)
	}
	var b bytes.Buffer
	if err := write(&b, run, dir); err != nil {
		return err
	}
	if out == "" {
		out = filepath.Join(dir, name)
	}
	return writeFile(stdout, out, b.Bytes())
}

// writePercentiles writes a file for each cell into the directory out, or dir if out is empty. It creates the
// directory if it does not exist.
func writePercentiles(stdout io.Writer, run *results.Run, out, dir string) error {
	if out == "-" {
		return errors.New("--out: hgrm is a file for each arm and rate: want a directory")
	}
	files, err := hdrlog.Percentiles(run)
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return errors.New("no visit was completed: there are no percentiles to write")
	}
	if out == "" {
		out = dir
	}
	if err := os.MkdirAll(out, 0o755); err != nil {
		return err
	}
	for _, f := range files {
		if err := writeFile(stdout, filepath.Join(out, f.Name), f.Data); err != nil {
			return err
		}
	}
	return nil
}

// writeFile writes a file and prints its path to stdout.
func writeFile(stdout io.Writer, path string, data []byte) error {
	if err := os.WriteFile(path, data, 0o644); err != nil {
		return err
	}
	_, err := fmt.Fprintln(stdout, path)
	return err
}

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
