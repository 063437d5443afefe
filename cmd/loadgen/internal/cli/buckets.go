package cli

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/loadgen-go/loadgen/bench/record"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/buckets"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/format"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/quantiles"
	"github.com/loadgen-go/loadgen/cmd/loadgen/internal/scrape"
	"github.com/loadgen-go/loadgen/internal/spelling"
	"github.com/loadgen-go/loadgen/results"
)

// bucketFormats are the formats of loadgen buckets and the command below it.
var bucketFormats = []string{formatText, formatJSON, formatTSV}

func newBuckets() *cobra.Command {
	var f bucketFlags
	cmd := &cobra.Command{
		Use:   "buckets [RUN|FILE]",
		Short: "Choose the buckets of a Prometheus histogram for measured latencies",
		Example: `  loadgen buckets results/span-reuse-20260102T030405Z --visit spans=sdk
  loadgen buckets latencies.txt --unit ms --slo 'p99<250ms' --as go
  loadgen buckets service.hlog --buckets 8 --bounds 10ms,50ms,100ms,500ms,1s
  loadgen buckets --prometheus http://127.0.0.1:9090 --metric http_request_duration_seconds
  loadgen buckets canary RUN --old old.txt --new new.txt --metric http_request_duration_seconds`,
		Long: `A classic histogram knows how many calls took at most each of its bounds. Between
bounds, histogram_quantile guesses. loadgen buckets finds the bounds with which
it guesses --quantiles best, while all latencies become up to --drift times
shorter or longer, and prints how large the errors are with these bounds, with
--bounds and with a native histogram. The threshold of an objective (--slo) is
always a bound, so the share of calls within it is exact.

RUN or FILE is

  run.json  a run of loadgen, or its directory: the latencies of --visit
  *.hlog    a histogram log of HdrHistogram, in nanoseconds
  numbers   one a line, in nanoseconds or as durations such as 1.5ms; - is
            standard input

or --prometheus names a server, and --metric a histogram on it. The answer also
says which distribution fits, and how well. The bounds come from the data.

Exit codes: 0 fine; 2 bad input; 130 interrupted.`,
		Args:              cobra.MaximumNArgs(1),
		ValidArgsFunction: single(resultsOf(results.JSONFile, anyFile)),
		RunE: func(cmd *cobra.Command, args []string) error {
			a, err := unlessInterrupted(cmd.Context(), func() (*buckets.Advice, error) { return f.advise(cmd, args) })
			if err != nil {
				return err
			}
			return unusable(f.print(cmd, args, a))
		},
	}
	f.add(cmd)
	cmd.AddCommand(newBucketsCanary())
	return cmd
}

// bucketFlags holds the flags of loadgen buckets, not yet parsed.
type bucketFlags struct {
	dataFlags
	metricFlags
	prometheus             string
	since                  time.Duration
	quantiles, slos, lists []string
	buckets                int
	drift                  float64
	as, format             string
	detail                 detail
}

func (f *bucketFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.dataFlags.add(cmd)
	flags.StringVar(&f.prometheus, "prometheus", "", "The `URL` of a Prometheus server that has --metric.")
	f.metricFlags.add(cmd, "The `name` of a histogram on the server, or in what --as prints.")
	flags.DurationVar(&f.since, "since", 0,
		"Read what the server has counted in this `time` (default all that the counters hold).")
	flags.StringSliceVar(&f.quantiles, "quantiles", []string{"p50", "p95", "p99"},
		"The quantiles to read back well: a comma-separated `list`.")
	flags.StringSliceVar(&f.slos, "slo", nil,
		"Objectives such as 'p99<250ms', a comma-separated `list`: each threshold is a bound, and each quantile is "+
			"added.")
	flags.IntVar(&f.buckets, "buckets", 12, "How many bounds. Each is a time series per set of labels.")
	flags.Float64Var(&f.drift, "drift", 2,
		"Choose for latencies that become up to this `factor` shorter or longer; 1 if they stay as they are.")
	flags.StringArrayVar(&f.lists, "bounds", []string{"default,decades"},
		"Compare with these bounds, such as 5ms,10ms,1s: a `list`, or names of "+strings.Join(buckets.Known(), ", ")+
			". May be repeated.")
	flags.StringVar(&f.as, "as", "",
		"Print only the bounds, in a `language`: "+strings.Join(buckets.Languages(), ", ")+".")
	addFormat(cmd, &f.format, bucketFormats)
	f.detail.add(cmd)
	group(cmd, groupInput, "prometheus", "since")
	group(cmd, groupLoad, "quantiles", "slo", "buckets", "drift")
	group(cmd, groupCompare, "bounds")
	group(cmd, groupOutput, "as")
	complete(cmd, "as", oneOf(buckets.Languages()...))
	complete(cmd, "bounds", listOf(buckets.Known()...))
	complete(cmd, "quantiles", listOf("p50", "p90", "p95", "p99", "p99.9"))
}

// metricFlags are the flags that say which histogram of Prometheus is read.
type metricFlags struct {
	metric, metricUnit string
	labels             []string
}

// add adds the flags to a command. Usage is what the metric is for.
func (f *metricFlags) add(cmd *cobra.Command, usage string) {
	flags := cmd.Flags()
	flags.StringVar(&f.metric, "metric", "", usage)
	flags.StringSliceVar(&f.labels, "label", nil,
		"Read only the series with these labels: a `list` of name=value (default all, summed up).")
	flags.StringVar(&f.metricUnit, "metric-unit", "",
		"The `unit` of the metric: "+unitNames()+" (default what its name ends with, such as _seconds).")
	group(cmd, groupInput, "metric", "label", "metric-unit")
	complete(cmd, "metric-unit", oneOf("ns", "us", "ms", "s"))
}

// source returns the histogram with a name that the flags describe. It reports all errors in the flags together.
func (f *metricFlags) source(name string) (*scrape.Source, error) {
	var errs []error
	labels := map[string]string{}
	for _, l := range f.labels {
		key, value, ok := strings.Cut(l, "=")
		if !ok || key == "" {
			errs = append(errs, fmt.Errorf("--label: %q is no label: want one such as handler=checkout", l))
		}
		labels[key] = value
	}
	if err := f.checkUnit(); err != nil {
		errs = append(errs, err)
	}
	if name == "" {
		return nil, errors.Join(append(errs, errors.New("--metric is missing: want the name of a histogram, such as "+
			buckets.DefaultMetric))...)
	}
	s, err := scrape.NewSource(name, labels, quantiles.Units()[f.metricUnit])
	if err != nil && f.metricUnit == "" || len(errs) == 0 && err != nil {
		errs = append(errs, fmt.Errorf("--metric: %w", err))
	}
	return s, errors.Join(errs...)
}

// checkUnit returns an error if the unit is none.
func (f *metricFlags) checkUnit() error {
	if f.metricUnit == "" || quantiles.Units()[f.metricUnit] != 0 {
		return nil
	}
	return fmt.Errorf("--metric-unit: %q is unknown%s: want one of %s", f.metricUnit,
		spelling.Meant(f.metricUnit, slices.Sorted(maps.Keys(quantiles.Units()))), unitNames())
}

// advise returns the advice about the latencies that the command line names. It reports all errors together.
func (f *bucketFlags) advise(cmd *cobra.Command, args []string) (*buckets.Advice, error) {
	o, err := f.options()
	errs := []error{err, checkFormat(f.format, bucketFormats)}
	if f.as != "" && !slices.Contains(buckets.Languages(), f.as) {
		errs = append(errs, fmt.Errorf("--as: %q is unknown%s: want one of %s", f.as,
			spelling.Meant(f.as, buckets.Languages()), strings.Join(buckets.Languages(), ", ")))
	}
	if f.as != "" && f.format != formatText {
		errs = append(errs, fmt.Errorf("--as prints code, and --format %s a document: want one of them", f.format))
	}
	x, err := f.sample(cmd, args)
	if err := errors.Join(append(errs, o.Check(), err)...); err != nil {
		return nil, err
	}
	if err := x.Check(o.Quantiles); err != nil {
		return nil, err
	}
	return buckets.Choose(x, o), nil
}

// adviseRun returns what loadgen buckets answers about a run unless flags say otherwise.
func adviseRun(run *results.Run, path string) (*buckets.Advice, error) {
	var defaults bucketFlags
	defaults.add(&cobra.Command{})
	o, err := defaults.options()
	if err = errors.Join(err, o.Check()); err != nil {
		return nil, err
	}
	data, err := quantiles.OfRun(run, path)
	if err != nil {
		return nil, err
	}
	x := sampleOf(&data)
	if err := x.Check(o.Quantiles); err != nil {
		return nil, err
	}
	return buckets.Choose(x, o), nil
}

// options returns the options that the flags describe.
func (f *bucketFlags) options() (*buckets.Options, error) {
	o := &buckets.Options{Buckets: f.buckets, Drift: f.drift}
	var errs []error
	var err error
	if o.Quantiles, err = parsePercentiles(f.quantiles); err != nil {
		errs = append(errs, fmt.Errorf("--quantiles: %w", err))
	}
	for _, text := range f.slos {
		slo, err := record.ParseSLO(text)
		if err != nil {
			errs = append(errs, fmt.Errorf("--slo: %w", err))
			continue
		}
		o.SLOs = append(o.SLOs, slo)
	}
	for _, list := range f.lists {
		schemes, err := buckets.ParseBounds(list)
		if err != nil {
			errs = append(errs, fmt.Errorf("--bounds: %w", err))
		}
		o.Before = append(o.Before, schemes...)
	}
	return o, errors.Join(errs...)
}

// parsePercentiles parses quantiles in the form of percentiles, p99, or of shares, 0.99.
func parsePercentiles(list []string) (all []float64, err error) {
	shares := slices.Clone(list)
	for i, text := range list {
		if p, ok := strings.CutPrefix(text, "p"); ok {
			percent, err := strconv.ParseFloat(p, 64)
			if err != nil {
				return nil, fmt.Errorf("%q is no percentile: want one such as p99", text)
			}
			shares[i] = format.Exact(math.Round(percent*1e9) / 1e11) // so that p99.9 is exactly 0.999
		}
	}
	return parseQuantiles(shares)
}

// sample returns the latencies that the command line names.
func (f *bucketFlags) sample(cmd *cobra.Command, args []string) (*buckets.Sample, error) {
	switch {
	case f.prometheus == "" && len(args) == 0:
		return nil, errors.New("there are no latencies: want a run, a file of them, - for standard input, " +
			"or --prometheus with --metric")
	case f.prometheus == "":
		for _, flag := range []string{"label", "since", "metric-unit"} {
			if cmd.Flags().Changed(flag) && (flag != "metric-unit" || f.as == "") {
				return nil, fmt.Errorf("--%s: it is of no server: want --prometheus", flag)
			}
		}
		if err := f.checkUnit(); err != nil {
			return nil, err
		}
		return f.dataFlags.sample(cmd, args[0])
	case len(args) > 0:
		return nil, fmt.Errorf("%s and --prometheus both name latencies: want one of them", args[0])
	}
	for _, flag := range []string{"visit", "tag", "unit"} {
		if cmd.Flags().Changed(flag) {
			return nil, fmt.Errorf("--%s: it is of no file, and --prometheus names none", flag)
		}
	}
	source, err := f.source(f.metric)
	if err != nil {
		return nil, err
	}
	if f.since < 0 {
		return nil, fmt.Errorf("--since: %v is negative: want a time such as 1h", f.since)
	}
	h, err := source.Query(cmd.Context(), f.prometheus, f.since)
	if err != nil {
		return nil, err
	}
	return buckets.FromHistogram(h), nil
}

// sample returns the latencies of a run or a file.
func (f *dataFlags) sample(cmd *cobra.Command, path string) (*buckets.Sample, error) {
	progress := newProgress(cmd)
	defer progress.Close()
	data, err := f.read([]string{path}, cmd.Flags(), cmd.InOrStdin(), 1, progress) // the order does not matter
	if meant := meantCommand(cmd, path); errors.Is(err, fs.ErrNotExist) && meant != "" {
		return nil, fmt.Errorf("%w\n%s", err, meant)
	}
	if err != nil {
		return nil, err
	}
	return sampleOf(&data[0]), nil
}

// sampleOf returns the latencies of a data set. Those of a run are named with the arm that they are of.
func sampleOf(data *quantiles.Data) *buckets.Sample {
	name := data.Name
	if data.Part != "" {
		name += ", " + data.Part
	}
	return buckets.NewSample(name, data.About, data.Make())
}

// print prints the advice.
func (f *bucketFlags) print(cmd *cobra.Command, args []string, a *buckets.Advice) error {
	w := cmd.OutOrStdout()
	switch {
	case f.as != "":
		text, err := a.As(f.as, f.metric, quantiles.Units()[f.metricUnit])
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, text)
		return err
	case f.format == formatJSON:
		return printJSON(w, a)
	case f.format == formatTSV:
		_, err := io.WriteString(w, format.TSV(a.Rows()))
		return err
	}
	screen, line, picture := screenOf(cmd, w), again(cmd, args), ""
	if len(args) > 0 && isRun(args[0]) && line == cmd.CommandPath()+" "+format.Argument(args[0]) { // as report does
		picture = cmd.Root().Name() + " report " + runPath(args[0])
	}
	return screen.Print(w, a.Text(screen, f.detail.of(cmd), line+" --as go", picture))
}

// again returns the command line, without the flags that change the look of the answer.
func again(cmd *cobra.Command, args []string) string {
	line := cmd.CommandPath()
	for _, arg := range args {
		if arg != "-" { // standard input
			arg = format.Argument(arg)
		}
		line += " " + arg
	}
	cmd.Flags().Visit(func(f *pflag.Flag) {
		if slices.Equal(f.Annotations[groupOf], []string{groupOutput}) {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
			if f.Value.Type() == "stringSlice" { // whose items have no commas
				values = []string{strings.Join(values, ",")}
			}
		}
		for _, value := range values {
			line += " --" + f.Name + " " + format.Quoted(value)
		}
	})
	return line
}

func newBucketsCanary() *cobra.Command {
	var f canaryFlags
	cmd := &cobra.Command{
		Use:   "canary RUN|FILE",
		Short: "Check histograms with old and with new bounds against measured latencies",
		Example: `  loadgen buckets canary RUN --old old.txt --new new.txt --metric http_request_duration_seconds
  loadgen buckets canary RUN --old http://old:8080/metrics --new http://new:8080/metrics --metric rpc_seconds
  loadgen buckets canary latencies.txt --unit ms --old old.txt --new new.txt --metric rpc_seconds --max-error 2%`,
		Long: `Reads what a service with the old bounds (--old) and one with the new bounds
(--new) have counted, in the text format of Prometheus: a file, a URL, or - for
standard input. Both must have counted the calls of RUN or FILE, which has their
latencies one by one. Prints what histogram_quantile reads of each, and by how
much that is off.

The new bounds are to be rolled out if no quantile is off by more than
--max-error, and the largest error is smaller than with the old bounds. Counts
at bounds are exact. If they differ from the latencies of RUN there, other calls
were counted, and nothing can be told.

Exit codes: 0 roll out; 1 keep the old bounds; 2 bad input; 3 it cannot be told;
130 interrupted.`,
		Args:              cobra.ExactArgs(1),
		ValidArgsFunction: single(resultsOf(results.JSONFile, anyFile)),
		RunE: func(cmd *cobra.Command, args []string) error {
			c, err := unlessInterrupted(cmd.Context(), func() (*buckets.Canary, error) {
				return f.judge(cmd, args[0])
			})
			if err != nil {
				return err
			}
			return f.print(cmd, c)
		},
	}
	f.add(cmd)
	return cmd
}

// canaryFlags holds the flags of loadgen buckets canary, not yet parsed.
type canaryFlags struct {
	dataFlags
	metricFlags
	old, new, newMetric, maxError, format string
	quantiles                             []string
	detail                                detail
}

func (f *canaryFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	f.dataFlags.add(cmd)
	flags.StringVar(&f.old, "old", "", "What the service with the old bounds exposes: a `place`, a file or a URL.")
	flags.StringVar(&f.new, "new", "", "What the service with the new bounds exposes: a `place`, a file or a URL.")
	f.metricFlags.add(cmd, "The `name` of the histogram.")
	flags.StringVar(&f.newMetric, "new-metric", "", "The `name` of the histogram with the new bounds, if it differs.")
	flags.StringSliceVar(&f.quantiles, "quantiles", []string{"p95", "p99"}, "The quantiles to compare: a "+
		"comma-separated `list`.")
	flags.StringVar(&f.maxError, "max-error", "5%", "The largest `error` of a quantile, such as 5% or 0.05.")
	addFormat(cmd, &f.format, bucketFormats)
	f.detail.add(cmd)
	group(cmd, groupInput, "old", "new", "new-metric")
	group(cmd, groupLoad, "quantiles")
	group(cmd, groupCI, "max-error")
	complete(cmd, "quantiles", listOf("p50", "p90", "p95", "p99", "p99.9"))
	for _, flag := range []string{"old", "new"} {
		complete(cmd, flag, filesOf(anyFile))
	}
}

// judge reads the inputs, and compares them. It reports all errors together.
func (f *canaryFlags) judge(cmd *cobra.Command, path string) (*buckets.Canary, error) {
	errs := []error{checkFormat(f.format, bucketFormats)}
	quantiles, err := parsePercentiles(f.quantiles)
	if err != nil {
		errs = append(errs, fmt.Errorf("--quantiles: %w", err))
	}
	most, err := parseShare(f.maxError)
	if err != nil {
		errs = append(errs, fmt.Errorf("--max-error: %w", err))
	}
	fromStdin := slices.DeleteFunc([]string{path, f.old, f.new}, func(place string) bool { return place != "-" })
	if len(fromStdin) > 1 {
		errs = append(errs, errors.New("-: standard input is given twice: want it once"))
	}
	source, err := f.source(f.metric)
	newSource := source
	if err == nil && f.newMetric != "" {
		newSource, err = f.source(f.newMetric)
	}
	for flag, place := range map[string]string{"old": f.old, "new": f.new} {
		if place == "" {
			errs = append(errs, fmt.Errorf("--%s is missing: want a file or a URL with metrics", flag))
		}
	}
	if err := errors.Join(append(errs, err)...); err != nil {
		return nil, err
	}
	truth, err := f.dataFlags.sample(cmd, path)
	old, oldErr := source.Read(cmd.Context(), f.old, cmd.InOrStdin())
	new, newErr := newSource.Read(cmd.Context(), f.new, cmd.InOrStdin())
	if err := errors.Join(err, oldErr, newErr); err != nil {
		return nil, err
	}
	return buckets.Judge(truth, old, new, quantiles, most)
}

// print prints the comparison, and returns the error with its exit code.
func (f *canaryFlags) print(cmd *cobra.Command, c *buckets.Canary) error {
	w, exit := cmd.OutOrStdout(), exitOK
	switch c.Verdict {
	case buckets.Keep:
		exit = exitWorse
	case buckets.CannotTell:
		exit = exitNotValid
	}
	var err error
	switch f.format {
	case formatJSON:
		err = printJSON(w, c)
	case formatTSV:
		_, err = io.WriteString(w, format.TSV(c.Rows()))
	default:
		screen := screenOf(cmd, w)
		err = screen.Print(w, c.Text(screen, f.detail.of(cmd), exit))
	}
	if err != nil || exit == exitOK {
		return unusable(err)
	}
	return &exitError{exit, nil}
}
