package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

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
		Use:   "report RUN",
		Short: "Draw a run as one HTML file, or write its histograms for other tools",
		Long: `Draws what a run measured as one HTML file that needs nothing else: no network, and
no script to be read. It opens with the question and the answer, verdicts and warnings;
then come charts, each with the table of its numbers, and how to run it again.
RUN is the directory of a run, or its run.json. Formats:

  html   the page: report.html in the directory of the run, unless -o names a file
  hgrm   HdrHistogram's text of percentiles, a file CELL.hgrm for each cell, in
         microseconds: in the directory of the run, unless -o names another
  hlog   a histogram log in format V2, a line for each visit, tagged with its cell:
         run.hlog in the directory of the run, unless -o names a file

A file that is there is written anew. -o - is standard output, for one file; else the
names of what was written are printed.`,
		Example: `  loadgen report results/span-reuse-20260102T030405Z
  loadgen report results/span-reuse-20260102T030405Z -o page.html
  loadgen report run.json --format hgrm -o percentiles
  loadgen report run.json --format hlog -o - > run.hlog`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := checkFormat(format, reportFormats); err != nil {
				return unusable(err)
			}
			if cmd.Flags().Changed("out") && out == "" {
				return unusable(errors.New("--out is empty: want a path, or - for standard output"))
			}
			run, err := results.Read(args[0])
			if err != nil {
				return unusable(err)
			}
			write, err := writerOf(cmd, format, units)
			if err != nil {
				return unusable(err)
			}
			return unusable(writeReport(cmd.OutOrStdout(), run, write, format, out, directoryOf(args[0])))
		},
	}
	cmd.Flags().StringVarP(&out, "out", "o", "",
		"Where to write it: a `path`, or - for standard output (default beside the run).")
	cmd.Flags().StringSliceVar(&units, "units", nil, unitsUsage)
	addFormat(cmd, &format, reportFormats)
	return cmd
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
func writerOf(cmd *cobra.Command, format string, units []string) (runWriter, error) {
	if format != formatHTML {
		if len(units) > 0 {
			return nil, fmt.Errorf("--units: %s has no verdicts: want --format %s", format, formatHTML)
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
		return page.Write(w, run, contests, report.Place{Program: cmd.Root().Name(), Run: dir}, noise)
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
		return errors.New("--out: hgrm is a file for each cell: want a directory")
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
