package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/machine"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/quantiles"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/terminal"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/quantile"
	"github.com/loadgen-go/loadgen/quantile/estimators"
	"github.com/loadgen-go/loadgen/results"
)

func newQuantiles() *cobra.Command {
	var f quantileFlags
	cmd := &cobra.Command{
		Use:   "quantiles [FILE...]",
		Short: "Compare latency estimators, and recommend one",
		Example: `  loadgen quantiles
  loadgen quantiles results/span-reuse-20260102T030405Z --visit spans=sdk
  loadgen quantiles latencies.txt --q 0.5,0.99
  loadgen quantiles service.hlog --tag servicetime
  loadgen quantiles --data gc-pause --max-error 0.5% --format bench > new.txt`,
		Long: `Measures what it takes to insert a value, to read quantiles and to merge, the
size of the state, and the error at each quantile against full sort. Recommends
the cheapest to insert into that keeps --max-error and --max-bytes on all data.
It takes about a minute.

Without a FILE, data are made up (--data). A FILE, or - for standard input, is

  numbers   one a line, in nanoseconds or as durations such as 1.5ms; # begins
            a comment
  *.hlog    a histogram log of HdrHistogram, in nanoseconds
  run.json  a run of loadgen, or its directory: the latencies of --visit

Numbers with a fraction need --unit. A percentile is not stated if it has too
few values for a 95% interval: p99 needs 368, p99.9 needs 3,688.

Exit codes: 0 an estimator is recommended; 1 none keeps the limits; 2 bad input;
130 interrupted.`,
		ValidArgsFunction: resultsOf(results.JSONFile, anyFile),
		RunE: func(cmd *cobra.Command, args []string) error {
			if f.tags {
				if err := checkFormat(f.format, tableFormats); err != nil {
					return unusable(fmt.Errorf("%w (--tags)", err))
				}
				return listTags(cmd.Context(), f.format, args, cmd.InOrStdin(), cmd.OutOrStdout())
			}
			progress := newProgress(cmd)
			defer progress.Close()
			plan, err := unlessInterrupted(cmd.Context(), func() (*quantiles.Plan, error) {
				return f.plan(args, cmd.Flags(), cmd.InOrStdin(), progress)
			})
			if err != nil {
				return err
			}
			r, err := measureQuantiles(cmd.Context(), plan, progress, progress)
			if err != nil {
				return err
			}
			w := cmd.OutOrStdout()
			if err := r.Write(w, f.format, screenOf(cmd, w), f.detail.of(cmd)); err != nil {
				return unusable(err)
			}
			if r.Recommendation.Estimator == "" {
				return &exitError{exitWorse, nil}
			}
			return nil
		},
	}
	f.add(cmd)
	return cmd
}

// quantileFlags holds the flags of loadgen quantiles, not yet parsed.
type quantileFlags struct {
	data, estimators, quantiles           []string
	n, anchor, maxError, maxBytes, format string
	tags                                  bool
	rounds, shards                        int
	seed                                  uint64
	dataFlags
	detail detail
}

// dataFlags are the flags that say how files of latencies are read.
type dataFlags struct{ visit, tag, unit string }

// add adds the flags to a command.
func (f *dataFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringVar(&f.visit, "visit", "", "Which visits of a run: a number from 1, an `arm` such as spans=sdk, or "+
		"an arm at a rate such as spans=sdk/qps=10000 (default the first arm).")
	flags.StringVar(&f.tag, "tag", "",
		"Read the histograms of a log with this `tag` (default those without a tag).")
	flags.StringVar(&f.unit, "unit", "", "The `unit` of numbers and logs: "+unitNames()+" (default ns).")
	group(cmd, groupInput, "visit", "tag", "unit")
	complete(cmd, "unit", oneOf("ns", "us", "ms", "s"))
}

func (f *quantileFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	flags.StringSliceVar(&f.data, "data", []string{"lognormal", "pareto", "bimodal", "gc-pause", "constant", "sorted"},
		"Shapes of data to make up: a comma-separated `list` of "+strings.Join(quantiles.Shapes(), ", ")+".")
	flags.StringVar(&f.n, "n", "1e6", "How many `values` each shape has, such as 20000, 100k or 1e6.")
	flags.StringSliceVar(&f.estimators, "estimators", nil,
		"Measure only these: a comma-separated `list` of "+strings.Join(armNames(), ", ")+" (default all).")
	flags.StringVar(&f.anchor, "anchor", "hdr",
		"The `estimator` that the insertion times of the others are divided by, or none.")
	flags.StringSliceVar(&f.quantiles, "q", []string{"0.5", "0.99", "0.999", "0.9999"},
		"Quantiles to judge by: a comma-separated `list`.")
	flags.IntVar(&f.rounds, "rounds", 7, "How often each estimator is measured.")
	flags.IntVar(&f.shards, "shards", 64, "How many parts are merged when a merge is timed.")
	flags.Uint64Var(&f.seed, "seed", 0,
		"Seed of the order, and of estimators that draw at random (default random, and printed).")
	flags.StringVar(&f.maxError, "max-error", "1%", "The largest `error` an estimator may have, such as 1% or 0.01.")
	flags.StringVar(&f.maxBytes, "max-bytes", "64KB",
		"The largest `size` its state may have, such as 64KB, which is 65536 bytes; 0 for any.")
	f.dataFlags.add(cmd)
	flags.BoolVar(&f.tags, "tags", false, "List the tags of logs instead of measuring anything.")
	addFormat(cmd, &f.format, quantiles.Formats())
	f.detail.add(cmd)
	group(cmd, groupArms, "estimators", "anchor")
	group(cmd, groupInput, "data", "n", "tags")
	group(cmd, groupLoad, "q", "rounds", "shards", "seed")
	group(cmd, groupCI, "max-error", "max-bytes")
	complete(cmd, "data", listOf(quantiles.Shapes()...))
	complete(cmd, "estimators", listOf(armNames()...))
	complete(cmd, "anchor", oneOf(append(armNames(), noAnchor)...))
}

// armNames returns the names of all estimators.
func armNames() (names []string) {
	for _, a := range estimators.Arms() {
		names = append(names, a.Name)
	}
	return names
}

// plan returns what to measure. It reports all errors in the flags and files together, and chooses a seed if there is
// none.
func (f *quantileFlags) plan(files []string, given *pflag.FlagSet, stdin io.Reader, progress *terminal.Progress) (
	*quantiles.Plan, error) {
	var errs []error
	wrong := func(flag string, err error) {
		if err != nil {
			errs = append(errs, fmt.Errorf("--%s: %w", flag, err))
		}
	}
	if f.seed == 0 {
		f.seed = rand.Uint64()>>1 + 1
	}
	p := &quantiles.Plan{Rounds: f.rounds, Shards: f.shards, Seed: f.seed, Clock: quantiles.ThreadCPU()}
	var err error
	p.Arms, err = parseArms(f.estimators)
	wrong("estimators", err)
	p.Anchor, err = parseAnchor(f.anchor)
	wrong("anchor", err)
	p.Quantiles, err = parseQuantiles(f.quantiles)
	wrong("q", err)
	p.Limits.MaxError, err = parseShare(f.maxError)
	wrong("max-error", err)
	p.Limits.MaxBytes, err = parseBytes(f.maxBytes)
	wrong("max-bytes", err)
	errs = append(errs, checkFormat(f.format, quantiles.Formats()))
	if given.Changed("data") || len(files) == 0 {
		made, err := f.shapes()
		p.Data = made
		errs = append(errs, err)
	}
	read, err := f.read(files, given, stdin, f.seed, progress)
	p.Data = append(p.Data, read...)
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	quantiles.Distinct(p.Data)
	return p, p.Check()
}

// shapes returns the synthetic data sets that --data names.
func (f *quantileFlags) shapes() (made []quantiles.Data, err error) {
	n, err := parseCount(f.n)
	if err != nil {
		return nil, fmt.Errorf("--n: %w", err)
	}
	var errs []error
	for i, name := range f.data {
		d, err := quantiles.Shape(name, n)
		if err == nil && slices.Contains(f.data[:i], name) {
			err = fmt.Errorf("%q is given twice", name)
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("--data: %w", err))
		}
		made = append(made, d)
	}
	return made, errors.Join(errs...)
}

// read reads the data sets of the files, and reports all errors in the files together.
func (f *dataFlags) read(files []string, given *pflag.FlagSet, stdin io.Reader, seed uint64,
	progress *terminal.Progress) (read []quantiles.Data, err error) {
	r := quantiles.Reader{Stdin: stdin, Visit: f.visit, Tag: f.tag, Unit: quantiles.Units()[f.unit], Seed: seed}
	var errs []error
	switch {
	case given.Changed("unit") && r.Unit == 0:
		return nil, fmt.Errorf("--unit: %q is unknown%s: want one of %s", f.unit,
			spelling.Meant(f.unit, slices.Sorted(maps.Keys(quantiles.Units()))), unitNames())
	case given.Changed("unit") && len(files) == 0:
		return nil, errors.New("--unit: it is of no file: want one of numbers, or a log")
	case given.Changed("tag") && f.tag == "":
		return nil, errors.New("--tag is empty: want a tag; without it, the histograms that have none are read")
	}
	for _, file := range files {
		d, err := readData(&r, file, progress)
		errs = append(errs, err)
		read = append(read, d)
	}
	if f.visit != "" && r.Runs == 0 {
		errs = append(errs, fmt.Errorf("--visit: %q is of no run: want the directory of one, or its run.json",
			f.visit))
	}
	if f.tag != "" && r.Logs == 0 && errors.Join(errs...) == nil {
		errs = append(errs, fmt.Errorf("--tag: %q is of no log: want a log of histograms", f.tag))
	}
	return read, errors.Join(errs...)
}

// readData reads the data set of a file. It does not say that it reads standard input, where somebody may type.
func readData(r *quantiles.Reader, file string, progress *terminal.Progress) (quantiles.Data, error) {
	if file != "-" {
		defer progress.Doing("reading " + file)()
	}
	return r.Read(file)
}

// unitNames returns the values that --unit accepts, for messages.
func unitNames() string { return "ns, us, ms or s" }

// A tagsDocument is the JSON document that --tags prints.
type tagsDocument struct {
	Schema int          `json:"schema"`
	Kind   string       `json:"kind"` // tags
	Logs   []loggedTags `json:"logs"`
}

// loggedTags holds the tags of one log.
type loggedTags struct {
	Log  string               `json:"log"`
	Tags []quantiles.TaggedAs `json:"tags"`
	text string
}

// listTags prints the tags of each log, up to the first log that cannot be read.
func listTags(ctx context.Context, format string, files []string, stdin io.Reader, stdout io.Writer) error {
	if len(files) == 0 {
		return unusable(errors.New("--tags: no log: want its path, or - for standard input"))
	}
	r := quantiles.Reader{Stdin: stdin}
	var logs []loggedTags
	var err error
	for _, file := range files {
		var tags quantiles.Tags
		tags, err = unlessInterrupted(ctx, func() (quantiles.Tags, error) { return r.Tags(file) })
		if err != nil {
			break
		}
		logs = append(logs, loggedTags{file, tags.List(), tags.Text()})
	}
	if len(logs) == 0 {
		return err
	}
	return cmp.Or(err, unusable(printTags(stdout, format, logs, len(files) > 1)))
}

// printTags prints the tags of logs in the format as. If named is set, text has the name of each log above its tags.
func printTags(stdout io.Writer, as string, logs []loggedTags, named bool) error {
	var text strings.Builder
	rows := [][]string{{"log", "tag", "histograms", "values"}}
	for i, l := range logs {
		if named {
			fmt.Fprintf(&text, "%s%s:\n", strings.Repeat("\n", min(i, 1)), format.Printable(l.Log, ""))
		}
		text.WriteString(l.text)
		for _, t := range l.Tags {
			rows = append(rows, []string{l.Log, t.Tag, fmt.Sprint(t.Histograms), fmt.Sprint(t.Values)})
		}
	}
	switch as {
	case formatJSON:
		return printJSON(stdout, tagsDocument{quantiles.Schema, "tags", logs})
	case formatTSV:
		text.Reset()
		text.WriteString(format.TSV(rows))
	}
	_, err := io.WriteString(stdout, text.String())
	return err
}

// unlessInterrupted calls do, which cannot be interrupted because it may wait for standard input, and returns its
// result. If ctx ends first, it returns an error and lets do go on, since the program is about to end.
func unlessInterrupted[T any](ctx context.Context, do func() (T, error)) (result T, err error) {
	done := make(chan struct{})
	var (
		read   T
		failed error
	)
	go func() {
		defer close(done)
		read, failed = do()
	}()
	select {
	case <-done:
		return read, unusable(failed)
	case <-ctx.Done():
		return result, &exitError{exitInterrupted, errors.New("interrupted: nothing was measured yet")}
	}
}

// arm returns the estimator with a name, which must be one of armNames.
func arm(name string) quantiles.Arm {
	i := slices.IndexFunc(estimators.Arms(), func(a estimators.Arm) bool { return a.Name == name })
	return quantiles.Arm{Name: name, MeasureOnly: estimators.Arms()[i].MeasureOnly,
		New: func(seed uint64) (quantile.Estimator, error) {
			return estimators.New(name, seed)
		}}
}

// parseArms returns the estimators with the given names, or all estimators if there are no names.
func parseArms(names []string) (arms []quantiles.Arm, err error) {
	if len(names) == 0 {
		names = armNames()
	}
	for i, name := range names {
		switch {
		case !slices.Contains(armNames(), name):
			return nil, fmt.Errorf("%q is unknown%s: want some of %s", name, spelling.Meant(name, armNames()),
				strings.Join(armNames(), ", "))
		case slices.Contains(names[:i], name):
			return nil, fmt.Errorf("%q is given twice", name)
		}
		arms = append(arms, arm(name))
	}
	return arms, nil
}

// noAnchor is the value of --anchor that means no anchor.
const noAnchor = "none"

// parseAnchor returns the estimator that the others are compared with, or a zero Arm for noAnchor.
func parseAnchor(name string) (quantiles.Arm, error) {
	switch {
	case name == noAnchor:
		return quantiles.Arm{}, nil
	case !slices.Contains(armNames(), name):
		return quantiles.Arm{}, fmt.Errorf("%q is unknown%s: want %s, or %s", name,
			spelling.Meant(name, append(armNames(), noAnchor)), strings.Join(armNames(), ", "), noAnchor)
	}
	return arm(name), nil
}

// parseQuantiles parses quantiles and returns them sorted, without duplicates.
func parseQuantiles(list []string) (all []float64, err error) {
	for _, s := range list {
		q, err := strconv.ParseFloat(s, 64)
		if err != nil || !(q > 0 && q < 1) {
			return nil, fmt.Errorf("%q is no quantile: want a number above 0 and below 1, such as 0.99", s)
		}
		all = append(all, q)
	}
	slices.Sort(all)
	return slices.Compact(all), nil
}

// parseShare parses a share, such as 1% or 0.01.
func parseShare(s string) (float64, error) {
	number, percent := strings.CutSuffix(s, "%")
	x, err := strconv.ParseFloat(number, 64)
	if percent {
		x /= 100
	}
	if err != nil || !(x >= 0 && x < 10) {
		return 0, fmt.Errorf("%q is no share: want one from 0 to below 1000%%, such as 1%% or 0.01", s)
	}
	return x, nil
}

// parseBytes parses a size, such as 65536, 64KB, 64KiB or 1MB. A KB is 1024 bytes.
func parseBytes(s string) (int, error) {
	number, unit := strings.ToUpper(s), 1.0
	for _, suffix := range []struct {
		name  string
		bytes float64
	}{{"KIB", 1 << 10}, {"KB", 1 << 10}, {"MIB", 1 << 20}, {"MB", 1 << 20}, {"GIB", 1 << 30}, {"GB", 1 << 30}, {"B",
		1}} {
		if n, ok := strings.CutSuffix(number, suffix.name); ok {
			number, unit = strings.TrimSpace(n), suffix.bytes
			break
		}
	}
	x, err := strconv.ParseFloat(number, 64)
	if err != nil || !(x >= 0 && x*unit < 1<<50) {
		return 0, fmt.Errorf("%q is no size: want one such as 64KB, 1MB or 0", s)
	}
	return int(x * unit), nil
}

// parseCount parses a number of values, such as 20000, 100k, 1M or 1e6.
func parseCount(s string) (int, error) {
	number, times := s, 1.0
	for suffix, factor := range map[string]float64{"k": 1e3, "K": 1e3, "M": 1e6} {
		if n, ok := strings.CutSuffix(s, suffix); ok {
			number, times = n, factor
		}
	}
	x, err := strconv.ParseFloat(number, 64)
	if x *= times; err != nil || !(x >= 1 && x <= quantiles.MaxValues && x == math.Trunc(x)) {
		return 0, fmt.Errorf("%q is no count: want a whole number from 1 to 1e8, such as 20000, 100k or 1e6", s)
	}
	return int(x), nil
}

// measureQuantiles carries out a plan and returns the report.
func measureQuantiles(ctx context.Context, p *quantiles.Plan, stderr io.Writer,
	progress *terminal.Progress) (*quantiles.Report, error) {
	fmt.Fprintf(stderr, "quantiles: %s on %s in %s; seed %d\n", format.Plural(len(p.Arms), "estimator"),
		format.Plural(len(p.Data), "data set"), format.Plural(p.Rounds, "round"), p.Seed)
	r, err := quantiles.Measure(ctx, p, progress)
	switch {
	case ctx.Err() != nil:
		return nil, &exitError{exitInterrupted,
			errors.New("interrupted: nothing is printed, since not all was measured")}
	case err != nil:
		return nil, unusable(err)
	}
	r.Environment = machine.Environment()
	return r, nil
}
